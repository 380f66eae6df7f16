"""The argument of `on_wait`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class WaitEvent:
    """A wait of a call before its request is sent: the argument of `on_wait`."""

    method: str
    """The HTTP method, such as `"GET"`."""

    path: str
    """The path below the base URL, such as `"/workflows/wf-1"`."""

    seconds: float
    """The seconds that the call is going to wait for the rate limit, or has waited for a connection."""

    reason: Literal["rate_limit", "connection"]
    """What the call waits for."""
