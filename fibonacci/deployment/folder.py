"""The folder of definitions: its files, its lock file, and who may change it.

The files are small and local, so they are read and written in place, in async mode too: a thread for each would take
longer, and could not be canceled.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from fibonacci.definitions import DefinitionError, Problem, check_definition
from fibonacci.deployment.definition_files import is_definition_file, read_definition
from fibonacci.deployment.lock import LOCK_NAME, Lock, lock_text, parse_lock
from fibonacci.errors import DeploymentError, StalePlanError

_TEMPORARY: Final = f".{LOCK_NAME}.tmp"


class DeploymentFolder:
    """A folder of definition files.

    Args:
        path: The folder.

    Attributes:
        path: Its absolute path.

    Raises:
        TypeError: If the path is none.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        if not isinstance(path, str | os.PathLike):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"folder must be the path of a folder, not {type(path).__name__}")
        self.path: Path = Path(path).absolute()

    def files(self) -> list[str]:
        """Return the names of the definition files, sorted: not those of subfolders, and no hidden ones.

        Raises:
            DeploymentError: If there is no such folder.
        """
        try:
            found = [each.name for each in self.path.iterdir() if is_definition_file(each)]
        except OSError as error:
            raise DeploymentError(f"folder {str(self.path)!r} cannot be read: {error.strerror}") from error
        return sorted(found)

    def read_definitions(self) -> dict[str, Mapping[str, Any]]:
        """Return the definition of each file, by name.

        Raises:
            DefinitionError: If any has an error; it has those of all files.
            DeploymentError: If there is no such folder.
        """
        definitions: dict[str, Mapping[str, Any]] = {}
        problems: list[Problem] = []
        for file in self.files():
            try:
                definitions[file] = read_definition(self.path / file)
            except DefinitionError as error:
                found = error.problems
            except (OSError, ValueError) as error:
                found = (Problem("", "unreadable", f"cannot be read: {error}"),)
            else:
                found = tuple(check_definition(definitions[file]))
            problems += (replace(each, source=each.source or file) for each in found if each.severity == "error")
        if problems:
            raise DefinitionError(problems)
        return definitions

    def read_lock(self) -> Lock | None:
        """Return the content of the lock file; None when there is none.

        Raises:
            DeploymentError: If it cannot be read.
        """
        place = self.path / LOCK_NAME
        try:
            text = place.read_text("utf-8")
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise DeploymentError(f"{place} cannot be read: {error}") from error
        return parse_lock(text, str(place))

    def write_lock(self, lock: Lock) -> None:
        """Replace the lock file: a process that is killed leaves the old one or the new one, and no half of one."""
        self.write(LOCK_NAME, lock_text(lock))

    def write(self, file: str, text: str) -> None:
        """Replace a file of the folder at once."""
        temporary = self.path / _TEMPORARY
        with temporary.open("w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(self.path / file)

    @contextmanager
    def locked(self) -> Generator[None]:
        """Keep every other `apply` and `pull` on this machine away from the folder, where the system can.

        The system ends it with the process, however that ends.

        Raises:
            StalePlanError: If another one is at work.
        """
        descriptor = os.open(self.path, os.O_RDONLY) if sys.platform != "win32" else -1
        try:
            _lock(descriptor)
            yield
        except BlockingIOError as error:
            raise StalePlanError(f"another apply or pull is at work in {str(self.path)!r}: wait for it") from error
        finally:
            if descriptor >= 0:
                os.close(descriptor)


def _lock(descriptor: int) -> None:
    if sys.platform != "win32":  # there a folder cannot be locked
        import fcntl

        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                raise
            # else the file system has no locks
