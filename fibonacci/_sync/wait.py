# Derived from fibonacci/_async/wait.py by tests/mirror.py; change that file, not this one.
"""Waiting for an execution to end."""

from __future__ import annotations

from collections.abc import Callable

from fibonacci._core.deadline import Deadline
from fibonacci._core.polling import poll_delay
from fibonacci._core.request import Request
from fibonacci._core.urls import path
from fibonacci._sync import _runtime
from fibonacci._sync.requestor import Requestor
from fibonacci.errors import (
    APIConnectionError,
    APIResponseError,
    QuotaExceededError,
    RateLimitError,
    ServerError,
    WaitTimeoutError,
)
from fibonacci.models.executions import Execution

# A poll that fails like this says nothing about the execution: the next one may succeed.
_PASSING = (APIConnectionError, APIResponseError, RateLimitError, ServerError)
# Seconds kept for a last poll before the deadline.
_LAST_LOOK = 0.5


def wait_until_ended(
    transport: Requestor,
    execution_id: str,
    deadline: Deadline,
    on_update: Callable[[Execution], object] | None,
    first: Execution | None = None,
) -> Execution:
    """Poll an execution until it has ended.

    Args:
        transport: What carries out the polls.
        execution_id: The id of the execution.
        deadline: When to give up.
        on_update: Called with the execution whenever it has changed.
        first: The execution as it was last seen; None to poll at once.

    Raises:
        WaitTimeoutError: If it has not ended at the deadline.
        APIError: If polling fails in a way that will not pass, such as an unknown id.
    """
    where = path("/executions/{execution_id}", execution_id=execution_id)
    pace = transport.pace()
    pace.waiting += 1
    try:
        seen = _poll(transport, where, deadline) if first is None else first
        _tell(on_update, seen)
        delay: float | None = None
        while seen is None or not seen.is_terminal:
            delay = poll_delay(delay, pace)
            is_last = not _sleep(delay, deadline)
            polled = _poll(transport, where, deadline)
            if polled is not None and polled != seen:
                _tell(on_update, polled)
            seen = polled or seen
            if is_last and (seen is None or not seen.is_terminal):
                _runtime.sleep(deadline.remaining() or 0)
                state = "could not be seen" if seen is None else f"was {seen.status}"
                raise WaitTimeoutError(f"execution {execution_id} {state} when the time to wait was up", execution=seen)
        return seen
    finally:
        pace.waiting -= 1


def _tell(on_update: Callable[[Execution], object] | None, execution: Execution | None) -> None:
    if on_update is not None and execution is not None:
        _runtime.resolve(on_update(execution))


def _poll(transport: Requestor, where: str, deadline: Deadline) -> Execution | None:
    """The execution as it now is; None when the poll failed in a way that may pass."""
    timeout = deadline.sooner(transport.config.call_timeout)
    try:
        return transport.send(Request("GET", where, returns=Execution, timeout=timeout))
    except QuotaExceededError:
        raise
    except _PASSING:
        return None


def _sleep(delay: float, deadline: Deadline) -> bool:
    """Sleep until the next poll; False when it is the last one, for which a little of the time is kept."""
    left = deadline.remaining()
    if left is None or delay < left - _LAST_LOOK:
        _runtime.sleep(delay)
        return True
    _runtime.sleep(max(left - _LAST_LOOK, left / 2))
    return False
