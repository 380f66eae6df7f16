# Derived from fibonacci/_async/reporting.py by tests/mirror.py; change that file, not this one.
"""Reports of a call in progress: its retries and waits, to the log, the client's callbacks and the tracer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from fibonacci._core.error_mapping import describe
from fibonacci._core.logs import log_retry, log_wait
from fibonacci._sync import _runtime

if TYPE_CHECKING:
    from fibonacci._core.config import Config
    from fibonacci._core.preparation import Call
    from fibonacci._core.retry import Attempt, Retry

# RetryEvent and WaitEvent are imported when they are needed: a dataclass takes long to define.


def report_retry(call: Call, config: Config, attempt: Attempt, retry: Retry) -> None:
    """Log a retry, and call the user's `on_retry`."""
    log_retry(call, attempt.result, retry.delay)
    if config.on_retry is not None:
        from fibonacci._core.retry_event import RetryEvent

        event = RetryEvent(
            method=call.request.method,
            path=call.request.path,
            attempt=call.attempts,
            wait=retry.delay,
            cause=describe(attempt.result),
        )
        _runtime.resolve(config.on_retry(event))


def report_wait(
    call: Call, config: Config, seconds: float, reason: Literal["rate_limit", "connection"], text: str
) -> None:
    """Log a wait, and call the user's `on_wait`."""
    # A wait for the rate limit comes before its attempt, one for a connection within it.
    log_wait(call, call.attempts + (reason == "rate_limit"), text)
    if config.on_wait is not None:
        from fibonacci._core.wait_event import WaitEvent

        event = WaitEvent(method=call.request.method, path=call.request.path, seconds=seconds, reason=reason)
        _runtime.resolve(config.on_wait(event))


def record_rate_limit_wait(call: Call, seconds: float) -> None:
    """Record a wait for the rate limit that has ended, of any length, on the span of the call."""
    record: Callable[[float], object] | None = getattr(call.span, "add_rate_limit_wait", None)
    if record is not None:  # a tracer of the user's own need not have it
        record(seconds)
