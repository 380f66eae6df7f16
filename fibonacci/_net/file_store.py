"""A shared window in a file, for the processes of one user on one machine. They take turns with filelock."""

from __future__ import annotations

import json
import os
import stat
import tempfile
from contextlib import suppress
from errno import EACCES, EPERM, EROFS
from pathlib import Path
from time import monotonic

from fibonacci._core.shared_limits import StoreError
from fibonacci._core.stored_window import WindowMessage, WindowReply, exchange
from fibonacci._core.window import Window

try:
    from filelock import FileLock, Timeout
except ImportError as error:
    raise ImportError("rate_limiter=\"machine\" needs filelock: pip install 'fibonacci-sdk[machine]'") from error

# Seconds to wait for another process that holds the lock. It needs less than a thousandth, unless it was stopped.
_LOCKED_WITHIN = 2.0
_LOCK_POLL = 0.001
_LASTING = {EACCES, EPERM, EROFS}
_LARGEST = 1 << 20
_FORMAT = 3


class FileStore:
    """Keeps a shared window in a private folder. Time is the monotonic clock, which all processes of a machine share.

    Args:
        name: The name of the window and of its files.
    """

    def __init__(self, name: str) -> None:
        user = os.getuid() if hasattr(os, "getuid") else "limits"
        self._folder = Path(tempfile.gettempdir()) / f"fibonacci-{user}"
        self._file = self._folder / f"{name}-{_FORMAT}.json"
        self._lock = FileLock(f"{self._file}.lock", _LOCKED_WITHIN, poll_interval=_LOCK_POLL, mode=0o600)

    def exchange(self, message: WindowMessage) -> WindowReply:
        """Carry out a message under the lock.

        Raises:
            StoreError: If the folder isn't private or can't be written, or the lock isn't free for two seconds.
        """
        try:
            self._make_private_folder()  # each time, because filelock would make one that others can read
            with self._lock:
                return self._exchange(message)
        except Timeout:
            reason = f"another process has held {self._file}.lock for {_LOCKED_WITHIN:g} s"
            raise StoreError(f'the rate limiter "machine" cannot be used: {reason}') from None
        except OSError as error:
            reason = f"{error.strerror or error}: {error.filename or self._file}"
            text = f'the rate limiter "machine" cannot be used: {reason}'
            raise StoreError(text, is_lasting=error.errno in _LASTING) from None

    def _exchange(self, message: WindowMessage) -> WindowReply:
        now, window = monotonic(), Window(is_shared=True)
        self._file.touch(mode=0o600)
        with self._file.open("r+b", buffering=0) as file:
            before = file.read(_LARGEST)
            # Without a readable state, as after a full disk, the window begins again: the next response states it.
            with suppress(ValueError):
                state = json.loads(before)
                if state["newest"] <= now:  # else the machine has started since
                    vars(window).update(state)
            reply = exchange(window, message, now)
            file.seek(0)
            # In one piece, because the process may be killed. Spaces take the place of what was longer.
            file.write(json.dumps(reply.state).encode().ljust(len(before)))
        return reply

    def _make_private_folder(self) -> None:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        status = self._folder.lstat()
        if hasattr(os, "getuid") and (status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o077):
            raise OSError(EACCES, "it must belong to this user, with mode 0700", str(self._folder))
