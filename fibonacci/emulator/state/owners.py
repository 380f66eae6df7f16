"""The processes that share a state.

A process ID doesn't tell whether a process still runs: two containers have the same IDs, and neither sees the processes
of the other. A lock does: the system releases it when the process ends, however it ends.
"""

from __future__ import annotations

import os
import secrets
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final

from fibonacci._system.files import lock_file, open_state
from fibonacci.emulator.state.snapshot import StateError


def _remove(path: Path) -> None:
    """Remove the file of an owner. In a read-only folder it stays, and belongs to nobody."""
    with suppress(OSError):
        path.unlink()


class Owners:
    """The owners of one state.

    Args:
        path: The file that keeps the state, or `None` for memory, which has one owner.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path: Final = path
        self._name = secrets.token_hex(8)
        self._held: tuple[int, int] | None = None  # the process and its lock
        self._mutex = threading.Lock()

    def own(self) -> str:
        """Return the name of this process as an owner, which holds a lock from the first call on.

        Raises:
            StateError: If the file of the lock cannot be created.
        """
        with self._mutex:
            if self._path is not None and (self._held is None or self._held[0] != os.getpid()):
                self._forget()
                self._name = secrets.token_hex(8)
                path = self._file_of(self._name)
                try:
                    file = open_state(path, os.O_RDWR | os.O_CREAT)
                except OSError as error:
                    raise StateError(f"{path} cannot be created ({error.strerror}): nothing was changed") from error
                lock_file(file)
                self._held = (os.getpid(), file)
            return self._name

    def is_alive(self, name: str) -> bool:
        """Return whether another owner still holds its lock, and remove the file of one that does not."""
        if self._path is None or name == self._name or not name.isalnum():
            return False
        path = self._file_of(name)
        try:
            file = open_state(path, os.O_RDWR)
        except FileNotFoundError:
            return False
        except OSError:  # it can't be checked: assume it's alive
            return True
        try:
            lock_file(file)
        except OSError:
            return True
        finally:
            os.close(file)
        _remove(path)
        return False

    def release(self) -> None:
        """Release the lock. For other processes, this one has ended, whatever it still does."""
        with self._mutex:
            if self._held is not None and self._held[0] == os.getpid():
                _remove(self._file_of(self._name))
            self._forget()

    def _forget(self) -> None:
        """Close the lock. In a child process, the lock of the parent stays."""
        if self._held is not None:
            os.close(self._held[1])
        self._held = None

    def _file_of(self, name: str) -> Path:
        assert self._path is not None
        return self._path.with_name(f"{self._path.name}-owner-{name}")
