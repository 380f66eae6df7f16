"""Which calls of user handlers are running, in this process and in others that share the state.

A state may name calls of a process that was killed, or calls from before it was restored. They run nowhere: the
scheduler has to find and fail them.
"""

from __future__ import annotations

import math
import os
import secrets
import time
from typing import Final

_STARTED: Final[dict[str, float]] = {}  # ids are unique, so that emulators in one process do not collide

CAN_PROBE: Final = os.name != "nt"  # on Windows, os.kill with signal 0 ends the process


def register() -> str:
    """Return the id of a new call in this process."""
    call = f"{os.getpid()}-{secrets.token_hex(8)}"
    _STARTED[call] = time.monotonic()
    return call


def finish(call: str) -> None:
    """Remove a call that has ended and reported."""
    _STARTED.pop(call, None)


def age(call: str) -> float:
    """Return for how many real seconds a call has been running in this process; infinity if it is not."""
    return time.monotonic() - _STARTED.get(call, -math.inf)


def is_running(call: str) -> bool:
    """Return whether a call may still report: it is running here, or its process exists."""
    pid = int(call.partition("-")[0])
    return call in _STARTED if pid == os.getpid() else _exists(pid)


def _exists(pid: int) -> bool:
    if not CAN_PROBE:
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
