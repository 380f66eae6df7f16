"""The argument of `on_wait`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitEvent:
    """A wait of a call before its request is sent: the argument of `on_wait`.

    Example:
        ```python
        from fibonacci import Fibonacci, WaitEvent


        def report(event: WaitEvent) -> None:
            print(f"{event.method} {event.path} waits for the {event.reason}, {event.seconds:.1f} s")


        patient = Fibonacci(on_wait=report)
        ```
    """

    method: str
    """The HTTP method, such as `"GET"`."""

    path: str
    """The path below the base URL, such as `"/workflows/wf-1"`."""

    seconds: float
    """The seconds that the call is going to wait for the rate limit, or has waited for a connection."""

    reason: Literal["rate_limit", "connection"]
    """Whether the call waits for its turn within the rate limit, or for a free connection."""
