"""The owners of a state: the processes that share it, each known by a lock that it holds.

A process id does not tell: two containers have the same ones, and neither sees those of the other. The system takes a
lock away from a process that ends, however it ends.
"""

from __future__ import annotations

import os
import secrets
import threading
from pathlib import Path
from typing import Final

from fibonacci._file_locks import lock_file
from fibonacci._files import open_state


class Owners:
    """The owners of one state.

    Args:
        path: The file that keeps the state; `None` for memory, which has one owner.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path: Final = path
        self._name = secrets.token_hex(8)
        self._held: tuple[int, int] | None = None  # the process and its lock
        self._mutex = threading.Lock()

    def own(self) -> str:
        """Return the name of this process as an owner; it holds a lock from the first call on."""
        with self._mutex:
            if self._path is not None and (self._held is None or self._held[0] != os.getpid()):
                self._forget()
                self._name = secrets.token_hex(8)
                file = open_state(self._file_of(self._name), os.O_RDWR | os.O_CREAT)
                lock_file(file)
                self._held = (os.getpid(), file)
            return self._name

    def is_alive(self, name: str) -> bool:
        """Return whether another owner still holds its lock; the file of one that does not is removed."""
        if self._path is None or name == self._name or not name.isalnum():
            return False
        path = self._file_of(name)
        try:
            file = open_state(path, os.O_RDWR)
        except FileNotFoundError:
            return False
        except OSError:  # it cannot be asked, and is assumed to live
            return True
        try:
            lock_file(file)
        except OSError:
            return True
        finally:
            os.close(file)
        path.unlink(missing_ok=True)
        return False

    def release(self) -> None:
        """Give the lock up: what this process still does for the state counts no more."""
        with self._mutex:
            if self._held is not None and self._held[0] == os.getpid():
                self._file_of(self._name).unlink(missing_ok=True)
            self._forget()

    def _forget(self) -> None:
        """Close the lock; in a child process, the parent keeps its own."""
        if self._held is not None:
            os.close(self._held[1])
        self._held = None

    def _file_of(self, name: str) -> Path:
        assert self._path is not None
        return self._path.with_name(f"{self._path.name}-owner-{name}")
