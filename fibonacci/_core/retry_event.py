"""The argument of `on_retry`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RetryEvent:
    """A retry that is about to happen: the argument of `on_retry`.

    Attributes:
        method: The HTTP method.
        path: The path below the base URL.
        attempt: The number of the attempt that failed, from 1.
        wait: Seconds until the next one.
        cause: What went wrong, in a few words, such as `"status 503"` or `"no connection to the server"`.
    """

    method: str
    path: str
    attempt: int
    wait: float
    cause: str
