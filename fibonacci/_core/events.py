"""The arguments of `on_retry` and `on_wait`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryEvent:
    """A retry that is about to happen: the argument of `on_retry`.

    Example:
        ```python
        from fibonacci import Fibonacci, RetryEvent


        def report(event: RetryEvent) -> None:
            print(f"{event.method} {event.path}: {event.reason}, again in {event.seconds:.1f} s")


        patient = Fibonacci(on_retry=report)
        ```
    """

    method: str
    """The HTTP method, such as `"GET"`."""

    path: str
    """The path below the base URL, such as `"/workflows/wf-1"`."""

    attempt: int
    """The number of the attempt that failed, from 1."""

    seconds: float
    """The seconds until the next attempt."""

    reason: str
    """What went wrong, in a few words, such as `"status 503"` or `"no connection to the server"`."""


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
