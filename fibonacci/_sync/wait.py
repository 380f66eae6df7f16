# Derived from fibonacci/_async/wait.py by tests/tools/mirror.py; change that file, not this one.
"""Waiting for executions to end, one or several, and watching their changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Self

from fibonacci._batch.watching import has_changed, is_complete
from fibonacci._core.messages import Deadline
from fibonacci._core.options import check_timeout, kind_of
from fibonacci._core.polling import PollFailures, PollPace
from fibonacci._core.request import Request
from fibonacci._core.shared_limits import SharedLimits
from fibonacci._core.urls import check_id
from fibonacci._core.workflow_requests import get_execution, list_executions
from fibonacci._sync import _runtime
from fibonacci._sync.clock import Clock
from fibonacci._sync.large_pages import LargePages
from fibonacci._sync.requestor import Requestor
from fibonacci._system.concurrency import SingleReader
from fibonacci._texts.text import counted
from fibonacci.errors import APIError, UnsupportedCallError, WaitTimeoutError
from fibonacci.models.executions import Execution

_SHARED = "another task or thread is waiting for the next change of this execution: call watch in each"
# Seconds reserved for a last poll before the deadline.
_LAST_POLL = 0.5


class ExecutionWaiter:
    """Polls one execution until it has ended.

    It is iterated for the execution whenever that has changed, or waits for the end. It holds nothing between two
    changes, so that a loop over it can be left at any time.

    Args:
        requestor: Sends the polls.
        execution_id: The ID of the execution.
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
        self._pace = PollPace()
        shown = requestor.redact(execution_id)
        self._failures = PollFailures(f"execution {shown}", shown)
        self._has_polled = self._is_last = False
        self._single = SingleReader(_SHARED)

    def wait(self, first: Execution | None = None) -> Execution:
        """Wait until the execution has ended.

        Args:
            first: The execution as the call that started it has just returned it. None to poll at once.

        Raises:
            WaitTimeoutError: If it hasn't ended at the deadline.
            APIError: If polling fails permanently, such as for an unknown ID.
        """
        if first is not None:
            self._failures.start(self._requestor.clock.monotonic())
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
        """Poll until the execution has changed since it was seen last."""
        if self._limits is None:
            self._limits = self._requestor.use_limits()
        with self._limits.poller():
            while True:
                if self._has_polled:
                    self._pause(self._limits)
                    first = None
                self._has_polled = True
                polled = self._poll() if first is None else first
                before, self._seen = self._seen, polled or self._seen
                if polled is not None and (before is None or has_changed(before, polled)):
                    return polled

    def _pause(self, limits: SharedLimits) -> None:
        """Sleep until the next poll, if there is time for one."""
        clock = self._requestor.clock
        if self._is_last:
            clock.sleep(self._deadline.remaining() or 0)
            raise self._timeout_error() from self._failures.last
        now = clock.monotonic()
        delay = self._pace.delay(now, limits.remaining_window(now), limits.pollers)
        self._is_last = sleep_until_poll(clock, self._deadline, delay)

    def _poll(self) -> Execution | None:
        """Return the execution as it now is, or None if the poll failed in a way that may be temporary."""
        clock = self._requestor.clock
        try:
            polled = self._requestor.send(limited(self._request, self._requestor, self._deadline))
        except APIError as error:
            self._failures.fail(error, clock.monotonic())
            return None
        self._failures.succeed(clock.monotonic())
        return polled

    def _timeout_error(self) -> WaitTimeoutError:
        seen, failures = self._seen, self._failures
        if seen is None:
            state = "was never seen in the time to wait"
        elif failures.last is None:
            state = f"was {seen.status} when the time to wait was up"
        else:
            silence = failures.silence(self._requestor.clock.monotonic())
            state = f"was not seen to end in the time to wait: last seen {seen.status} {silence:.0f} s ago"
        text = f"execution {self._execution_id} {state}{failures.text()}"
        return WaitTimeoutError(self._requestor.redact(text), execution=seen)


def limited(request: Request[Execution], requestor: Requestor, deadline: Deadline) -> Request[Execution]:
    """Return the request of a poll, whose time ends with the wait."""
    return request._replace(timeout=deadline.cap(requestor.config.call_timeout))


def sleep_until_poll(clock: Clock, deadline: Deadline, delay: float) -> bool:
    """Sleep until the next poll, and return True if it is the last, which has some time reserved."""
    remaining = deadline.remaining()
    if remaining is None or delay < remaining - _LAST_POLL:
        clock.sleep(delay)
        return False
    clock.sleep(max(remaining - _LAST_POLL, remaining / 2))
    return True


# Executions that the text of an error names.
_NAMED = 5


def wait_all(requestor: Requestor, execution_ids: Iterable[str], *, timeout: float | None) -> list[Execution]:
    """Wait until executions have ended, whatever their status.

    Args:
        requestor: Sends the polls.
        execution_ids: The IDs of the executions.
        timeout: Seconds to wait. None for no limit.

    Raises:
        WaitTimeoutError: If not all have ended at the deadline.
        APIError: If polling fails permanently.
        TypeError: If the IDs or the timeout are of a wrong type. Nothing is sent.
        ValueError: If an ID or the timeout has a wrong value. Nothing is sent.
    """
    ids = _checked(execution_ids)
    deadline = Deadline(check_timeout(timeout), requestor.clock)
    return ExecutionsWaiter(requestor, ids, deadline).wait() if ids else []


def _checked(execution_ids: Iterable[str]) -> list[str]:
    if isinstance(execution_ids, str | bytes) or not hasattr(execution_ids, "__iter__"):
        raise TypeError(f"ids must be a list of ids, not {kind_of(execution_ids)}. Pass one id as [id]")
    return [check_id(f"ids[{index}]", execution_id) for index, execution_id in enumerate(execution_ids)]


class ExecutionsWaiter:
    """Polls several executions until all have ended: with the list where that is cheaper, otherwise one by one.

    Args:
        requestor: Sends the polls.
        execution_ids: The IDs of the executions, with or without repetitions.
        deadline: When to stop.
    """

    def __init__(self, requestor: Requestor, execution_ids: Sequence[str], deadline: Deadline) -> None:
        self._requestor = requestor
        self._ids = execution_ids
        self._running = {execution_id: get_execution(execution_id) for execution_id in execution_ids}
        self._total = len(self._running)
        self._deadline = deadline
        self._pages = LargePages(requestor)
        self._pages_needed = 1  # by the last look at the list
        self._requests = 0  # by the last look
        self._seen: dict[str, Execution] = {}
        self._failures = PollFailures(counted(self._total, "execution"))

    def wait(self) -> list[Execution]:
        """Wait until all have ended, and return them in the order of the IDs.

        Raises:
            WaitTimeoutError: If not all have ended at the deadline.
            APIError: If polling fails permanently, such as for an unknown ID.
        """
        clock, limits = self._requestor.clock, self._requestor.use_limits()
        with limits.poller():
            self._look()
            pace, is_last = PollPace(), False
            while self._running and not is_last:
                now = clock.monotonic()
                # A look takes no larger share of the rate limit than one wait, however many requests it needs.
                delay = pace.delay(now, limits.remaining_window(now), limits.pollers * self._requests)
                is_last = sleep_until_poll(clock, self._deadline, delay)
                self._look()
        if self._running:
            clock.sleep(self._deadline.remaining() or 0)
            raise self._timeout_error() from self._failures.last
        return [self._seen[execution_id] for execution_id in self._ids]

    def _look(self) -> None:
        """Look at all that haven't ended. A request that fails in a way that may be temporary ends the look."""
        self._requests = 0
        try:
            self._read_each(self._read_list())
        except APIError as error:
            self._failures.fail(error, self._requestor.clock.monotonic())
        else:
            self._failures.succeed(self._requestor.clock.monotonic())

    def _read_list(self) -> list[str]:
        """Read the list where that is cheaper, and return the IDs that are left to be read one by one."""
        running = list(self._running)
        if len(running) <= self._pages_needed:
            return running
        request = limited(list_executions(), self._requestor, self._deadline)
        try:
            listed, pages = self._pages.find_executions(request, frozenset(running))
        except UnsupportedCallError:  # a server that only lists the executions of one workflow
            listed, pages = {}, 0
        self._requests = pages
        self._pages_needed = pages if listed else len(running)
        unread = [execution_id for execution_id in running if execution_id not in listed]
        for execution_id, execution in listed.items():
            if execution.is_terminal and not is_complete(execution):
                unread.append(execution_id)
            else:
                self._update(execution_id, execution)
        return unread

    def _read_each(self, execution_ids: Sequence[str]) -> None:
        for execution_id in execution_ids:
            if self._deadline.remaining() == 0:
                return
            request = self._running.pop(execution_id)
            self._running[execution_id] = request  # at the end: if it fails, the others come first in the next look
            self._requests += 1
            self._update(execution_id, self._requestor.send(limited(request, self._requestor, self._deadline)))

    def _update(self, execution_id: str, execution: Execution) -> None:
        self._seen[execution_id] = execution
        if execution.is_terminal:
            del self._running[execution_id]

    def _timeout_error(self) -> WaitTimeoutError:
        late = [execution_id for execution_id in dict.fromkeys(self._ids) if execution_id in self._running]
        was = "was" if self._failures.last is None else "was last seen"
        seen = [(execution_id, self._seen.get(execution_id)) for execution_id in late[:_NAMED]]
        states = [f"{each} {'was never seen' if last is None else f'{was} {last.status}'}" for each, last in seen]
        more = [f"and {len(late) - _NAMED} more"] if len(late) > _NAMED else []
        text = f"{len(late)} of {self._total} executions had not ended when the time to wait was up"
        return WaitTimeoutError(
            self._requestor.redact(f"{text}: {', '.join([*states, *more])}{self._failures.text()}"),
            execution=self._seen.get(late[0]),
            executions=[self._seen.get(execution_id) for execution_id in self._ids],
        )
