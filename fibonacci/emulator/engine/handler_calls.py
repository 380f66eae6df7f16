"""Which calls of user handlers are running, in this process and in others that share the state.

A state may name calls of a process that was killed, or calls from before it was restored. They run nowhere: the
scheduler has to find and fail them. The id of a call begins with the name of its owner.
"""

from __future__ import annotations

import math
import secrets
import time
from typing import Final

from fibonacci.emulator.state.owners import Owners

_STARTED: Final[dict[str, float]] = {}  # ids are unique, so that emulators in one process do not collide


def register(owners: Owners) -> str:
    """Return the id of a new call in this process."""
    call = f"{owners.own()}-{secrets.token_hex(8)}"
    _STARTED[call] = time.monotonic()
    return call


def finish(call: str) -> None:
    """Remove a call that has ended and reported."""
    _STARTED.pop(call, None)


def age(call: str) -> float:
    """Return for how many real seconds a call has been running in this process; infinity if it is not."""
    return time.monotonic() - _STARTED.get(call, -math.inf)


def is_running(call: str, owners: Owners) -> bool:
    """Return whether a call may still report: it is running here, or another owner of it is alive."""
    return call in _STARTED or owners.is_alive(call.partition("-")[0])
