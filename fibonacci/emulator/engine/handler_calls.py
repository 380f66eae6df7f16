"""Which calls of handlers are at work, in this process and in others that share the state.

A state may be read after the process that worked on it has been killed, or after it was restored: then the calls that
it names are at work nowhere, and whoever waits for them has to be told.
"""

from __future__ import annotations

import math
import os
import secrets
import time
from typing import Final

_AT_WORK: Final[dict[str, float]] = {}  # ids are never used twice, so emulators in one process do not meet here

_CAN_ASK: Final = os.name != "nt"  # there, asking with signal 0 would end the process


def begin() -> str:
    """Return the id of a new call in this process."""
    call = f"{os.getpid()}-{secrets.token_hex(8)}"
    _AT_WORK[call] = time.monotonic()
    return call


def finish(call: str) -> None:
    """Note that a call has ended and reported."""
    _AT_WORK.pop(call, None)


def age(call: str) -> float:
    """Return for how many real seconds a call has been at work here; without end when it is not."""
    return time.monotonic() - _AT_WORK.get(call, -math.inf)


def is_at_work(call: str) -> bool:
    """Tell whether a call may still report: it is at work here, or in another process that lives."""
    pid = int(call.partition("-")[0])
    return call in _AT_WORK if pid == os.getpid() else _lives(pid)


def _lives(pid: int) -> bool:
    if not _CAN_ASK:
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
