"""What `on_retry` is told."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RetryEvent:
    """What `on_retry` is told before the client waits and sends a request again.

    Attributes:
        method: The HTTP method.
        path: The path below the base URL.
        attempt: The attempt that failed, counted from 1.
        wait: Seconds until the next one.
        cause: What went wrong, in a few words, such as `"status 503"` or `"no connection to the server"`.
    """

    method: str
    path: str
    attempt: int
    wait: float
    cause: str
