"""A shared window in a file, for the processes of one user on one machine. filelock has them take turns."""

from __future__ import annotations

import json
import os
import stat
import tempfile
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

# Seconds to wait for another process that holds the lock: it needs less than a thousandth, unless it was stopped.
_LOCKED_WITHIN = 2.0
_LOCK_POLL = 0.001
# Seconds after which a state says nothing any more.
_FORGOTTEN_AFTER = 300.0
_LASTING = {EACCES, EPERM, EROFS}
_FORMAT = 2
_LARGEST = 1_000_000  # bytes of a state
# What a damaged state raises, when it is read or used.
_DAMAGE = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)


class FileStore:
    """Keeps a shared window in a private folder. Time is the monotonic clock, which all processes of a machine share.

    A state that can't be read is begun again.

    Args:
        name: The name of the window, which becomes that of the files.
    """

    def __init__(self, name: str) -> None:
        self._name = f"{name}-{_FORMAT}"
        # Read once: with another folder after a change of the environment, the window would begin anew.
        self._session_folder = os.environ.get("XDG_RUNTIME_DIR")
        self._lock: FileLock | None = None
        self._file = Path()

    def exchange(self, message: WindowMessage) -> WindowReply:
        """Carry out a message under the lock.

        Raises:
            StoreError: If the folder isn't private or can't be written, or the lock isn't free for two seconds.
        """
        try:
            with self._prepared_lock():
                return self._exchange(message)
        except Timeout:
            reason = f"another process has held {self._file}.lock for {_LOCKED_WITHIN:g} s"
            raise StoreError(f'the rate limiter "machine" cannot be used: {reason}') from None
        except OSError as error:
            self._lock = None  # another folder may be the right one by now
            reason = f"{error.strerror or error}: {error.filename or self._file}"
            text = f'the rate limiter "machine" cannot be used: {reason}'
            raise StoreError(text, is_lasting=error.errno in _LASTING) from None

    def _exchange(self, message: WindowMessage) -> WindowReply:
        now, window = monotonic(), Window(is_shared=True)
        with open(self._file, "r+b", buffering=0, opener=_create) as file:
            before = file.read(_LARGEST) or b""
            try:
                state = json.loads(before or b'{"saved_at": 0}')
                if 0 <= now - state.pop("saved_at") <= _FORGOTTEN_AFTER:  # else the machine has started since
                    vars(window).update(state)
                reply = exchange(window, message, now)
            except _DAMAGE:  # as by a full disk: the next response states the window
                window = Window(is_shared=True)
                reply = exchange(window, message, now)
            file.seek(0)
            # In one piece, since the process may be killed: what is left of a longer state is overwritten with spaces.
            file.write(json.dumps({**vars(window), "saved_at": now}).encode().ljust(len(before)))
        return reply

    def _prepared_lock(self) -> FileLock:
        if self._lock is None:
            folder = _parent(self._session_folder) / f"fibonacci-{os.getuid() if hasattr(os, 'getuid') else 'limits'}"
            self._file = folder / f"{self._name}.json"
            self._lock = FileLock(f"{self._file}.lock", _LOCKED_WITHIN, poll_interval=_LOCK_POLL, mode=0o600)
        _make_private(self._file.parent)  # each time: where it was removed, filelock makes one that others can read
        return self._lock


def _create(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CREAT, 0o600)


def _make_private(folder: Path) -> None:
    """Make a folder for this user's files, if it isn't there.

    Raises:
        OSError: If it can't be made, or another user may use it.
    """
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except FileExistsError:
        raise OSError(EACCES, "it is not a folder", str(folder)) from None
    status = folder.lstat()
    if hasattr(os, "getuid") and (status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o077):
        raise OSError(EACCES, "it must belong to this user, with mode 0700", str(folder))
    if not stat.S_ISDIR(status.st_mode):
        raise OSError(EACCES, "it is not a folder", str(folder))


def _parent(session_folder: str | None) -> Path:
    """Return the session's folder, also for jobs outside of it, else the folder for temporary files.

    The environment may name one that is gone: services and containers often inherit the variable without the folder.
    """
    if session_folder and Path(session_folder).is_dir():
        return Path(session_folder)
    if hasattr(os, "getuid"):
        session = Path(f"/run/user/{os.getuid()}")
        try:
            if session.stat().st_uid == os.getuid():
                return session
        except OSError:
            pass
    return Path(tempfile.gettempdir())
