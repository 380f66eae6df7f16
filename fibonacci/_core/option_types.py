"""The types of a client's options, and the arguments of `on_retry` and `on_wait`. Few calls need them."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

ApiKey = str | Callable[[], str]
"""An API key, or a function that returns one, which the SDK calls for each attempt."""

AsyncApiKey = ApiKey | Callable[[], Awaitable[str]]
"""An API key, or a function, async or not, that returns one for each attempt."""

ClientCert = (
    str
    | os.PathLike[str]
    | tuple[str | os.PathLike[str], str | os.PathLike[str]]
    | tuple[str | os.PathLike[str], str | os.PathLike[str], str]
)
"""The client's certificate for mutual TLS.

The path of a PEM file with certificate and key, or `(certificate, key)`, or `(certificate, key, password)`.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryEvent:
    """A retry that is about to happen, which `on_retry` gets as its argument.

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
    """The wait of a call before its request is sent, which `on_wait` gets as its argument.

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
    """The seconds that the call will wait for the rate limit, or has already waited for a connection."""

    reason: Literal["rate_limit", "connection"]
    """Whether the call waits for the rate limit or for a free connection."""
