"""The argument of `on_retry`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryEvent:
    """A retry that is about to happen: the argument of `on_retry`.

    Example:
        ```python
        from fibonacci import Fibonacci, RetryEvent


        def report(event: RetryEvent) -> None:
            print(f"{event.method} {event.path}: {event.cause}, again in {event.wait:.1f} s")


        patient = Fibonacci(on_retry=report)
        ```
    """

    method: str
    """The HTTP method, such as `"GET"`."""

    path: str
    """The path below the base URL, such as `"/workflows/wf-1"`."""

    attempt: int
    """The number of the attempt that failed, from 1."""

    wait: float
    """The seconds until the next attempt."""

    cause: str
    """What went wrong, in a few words, such as `"status 503"` or `"no connection to the server"`."""
