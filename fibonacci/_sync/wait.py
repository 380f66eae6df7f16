# Derived from fibonacci/_async/wait.py by tests/mirror.py; change that file, not this one.
"""Waiting for an execution to end, and watching its changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

from fibonacci._core.deadline import Deadline
from fibonacci._core.execution_requests import get_execution
from fibonacci._core.polling import poll_delay
from fibonacci._core.request import Request
from fibonacci._core.shared_limits import SharedLimits
from fibonacci._core.single_reader import SingleReader
from fibonacci._sync import _runtime
from fibonacci._sync.clock import Clock
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
TRANSIENT = (APIConnectionError, APIResponseError, RateLimitError, ServerError)
_SHARED = "another task or thread waits for the next change of this execution: call watch in each"
# Seconds reserved for a last poll before the deadline.
_LAST_POLL = 0.5


class ExecutionWaiter:
    """Polls one execution until it has ended.

    It is iterated for the execution whenever that has changed, or waits for the end. It holds nothing between two
    changes, so that a loop over it can be left at any time.

    Args:
        requestor: Sends the polls.
        execution_id: The id of the execution.
        deadline: When to stop.
        on_update: Called by `wait` with the execution whenever it has changed.
    """

    def __init__(
        self,
        requestor: Requestor,
        execution_id: str,
        deadline: Deadline,
        on_update: Callable[[Execution], object] | None = None,
    ) -> None:
        self._requestor = requestor
        self._execution_id = execution_id
        self._request = get_execution(execution_id)
        self._deadline = deadline
        self._on_update = on_update
        self._limits: SharedLimits | None = None
        self._seen: Execution | None = None
        self._delay: float | None = None
        self._has_polled = self._is_last = False
        self._single = SingleReader(_SHARED)

    def wait(self, first: Execution | None = None) -> Execution:
        """Wait until the execution has ended.

        Args:
            first: The execution as it was last seen; None to poll at once.

        Raises:
            WaitTimeoutError: If it has not ended at the deadline.
            APIError: If polling fails permanently, such as for an unknown id.
        """
        while True:
            seen = self._change(first)
            if self._on_update is not None:
                _runtime.resolve("on_update", self._on_update(seen))
            if seen.is_terminal:
                return seen

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Execution:
        with self._single.turn():
            if self._seen is not None and self._seen.is_terminal:
                raise StopIteration
            return self._change()

    def _change(self, first: Execution | None = None) -> Execution:
        """Poll until the execution is not as it was seen last."""
        if self._limits is None:
            self._limits = self._requestor.use_limits()
        with self._limits.poller():
            while True:
                if self._has_polled:
                    self._pause(self._limits)
                    first = None
                self._has_polled = True
                polled = self._poll() if first is None else first
                if polled is not None and polled != self._seen:
                    self._seen = polled
                    return polled

    def _pause(self, limits: SharedLimits) -> None:
        """Sleep until the next poll, if there is time for one."""
        clock = self._requestor.clock
        if self._is_last:
            clock.sleep(self._deadline.remaining() or 0)
            text = f"execution {self._execution_id} {state_text(self._seen)} when the time to wait was up"
            raise WaitTimeoutError(self._requestor.redact(text), execution=self._seen)
        self._delay = poll_delay(self._delay, limits.remaining_window(clock.monotonic()), limits.pollers)
        self._is_last = sleep_until_poll(clock, self._deadline, self._delay)

    def _poll(self) -> Execution | None:
        """Return the execution as it now is; None when the poll failed in a way that may be temporary."""
        try:
            return self._requestor.send(limited(self._request, self._requestor, self._deadline))
        except TRANSIENT:
            return None


def limited(request: Request[Execution], requestor: Requestor, deadline: Deadline) -> Request[Execution]:
    """Return the request of a poll, whose time ends with the wait."""
    return request._replace(timeout=deadline.cap(requestor.config.call_timeout))


def sleep_until_poll(clock: Clock, deadline: Deadline, delay: float) -> bool:
    """Sleep until the next poll; return True when it is the last, for which some time is reserved."""
    remaining = deadline.remaining()
    if remaining is None or delay < remaining - _LAST_POLL:
        clock.sleep(delay)
        return False
    clock.sleep(max(remaining - _LAST_POLL, remaining / 2))
    return True


def state_text(seen: Execution | None) -> str:
    """Return the state in which an execution was last seen, as the text of an error has it."""
    return "could not be seen" if seen is None else f"was {seen.status}"
