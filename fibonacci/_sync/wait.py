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
    RateLimitError,
    ServerError,
    WaitTimeoutError,
)
from fibonacci.models.executions import Execution

# A poll that fails with one of these says nothing about the execution: the next one may succeed.
_TRANSIENT = (APIConnectionError, APIResponseError, RateLimitError, ServerError)
# Seconds reserved for a last poll before the deadline.
_LAST_POLL = 0.5


class ExecutionWaiter:
    """Polls one execution until it has ended.

    Args:
        requestor: Sends the polls.
        execution_id: The id of the execution.
        deadline: When to stop.
        on_update: Called with the execution whenever it has changed.
    """

    def __init__(
        self,
        requestor: Requestor,
        execution_id: str,
        deadline: Deadline,
        on_update: Callable[[Execution], object] | None,
    ) -> None:
        self._requestor = requestor
        self._execution_id = execution_id
        self._path = path("/executions/{execution_id}", execution_id=execution_id)
        self._deadline = deadline
        self._on_update = on_update
        self._seen: Execution | None = None

    def wait(self, first: Execution | None = None) -> Execution:
        """Wait until the execution has ended.

        Args:
            first: The execution as it was last seen; None to poll at once.

        Raises:
            WaitTimeoutError: If it has not ended at the deadline.
            APIError: If polling fails permanently, such as for an unknown id.
        """
        limits = self._requestor.use_limits()
        with limits.poller():
            self._update(self._poll() if first is None else first)
            delay: float | None = None
            is_last = False
            while not (self._has_ended() or is_last):
                delay = poll_delay(delay, limits.remaining_window(self._requestor.clock.monotonic()), limits.pollers)
                is_last = self._sleep(delay)
                self._update(self._poll())
        if self._seen is None or not self._has_ended():
            self._requestor.clock.sleep(self._deadline.remaining() or 0)
            state = "could not be seen" if self._seen is None else f"was {self._seen.status}"
            text = f"execution {self._execution_id} {state} when the time to wait was up"
            raise WaitTimeoutError(self._requestor.redact(text), execution=self._seen)
        return self._seen

    def _has_ended(self) -> bool:
        return self._seen is not None and self._seen.is_terminal

    def _poll(self) -> Execution | None:
        """Return the execution as it now is; None when the poll failed in a way that may be temporary."""
        timeout = self._deadline.cap(self._requestor.config.call_timeout)
        try:
            return self._requestor.send(Request("GET", self._path, returns=Execution, timeout=timeout))
        except _TRANSIENT:
            return None

    def _update(self, polled: Execution | None) -> None:
        """Keep what was polled, and report it when it has changed."""
        if polled is None or polled == self._seen:
            return
        self._seen = polled
        if self._on_update is not None:
            _runtime.resolve("on_update", self._on_update(polled))

    def _sleep(self, delay: float) -> bool:
        """Sleep until the next poll; return True when it is the last, for which some time is reserved."""
        remaining = self._deadline.remaining()
        if remaining is None or delay < remaining - _LAST_POLL:
            self._requestor.clock.sleep(delay)
            return False
        self._requestor.clock.sleep(max(remaining - _LAST_POLL, remaining / 2))
        return True
