"""What is wrong with a state: its file, its disk, a record of it, or a snapshot."""

from __future__ import annotations


class StateError(ValueError):
    """A file or a snapshot is not an emulator's state, was written by a newer version, or cannot be used.

    Example:
        >>> from fibonacci.emulator import Emulator
        >>> try:
        ...     Emulator().restore(b"something else")
        ... except StateError as error:
        ...     print("nothing was changed")
        nothing was changed
    """


class SnapshotError(StateError):
    """A snapshot is malformed or of a newer version: nothing was changed."""


class StateFullError(StateError):
    """The disk of the file is full: nothing was changed. What is stored can be read."""


class StateLockedError(StateError):
    """Another process has locked the file for longer than the busy timeout: nothing was changed."""


class StateReadOnlyError(StateError):
    """The file can be read and not written: nothing was changed."""


class UnreadableRecordError(StateError):
    """One record is damaged. The others can be used; deleting or replacing it mends it."""
