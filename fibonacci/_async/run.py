"""A run or a wait from its start to its end, with what reports it: a progress bar, a span."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager, suppress
from typing import Literal

from fibonacci._async.exit_notes import AsyncExitNotes
from fibonacci._async.requestor import AsyncRequestor
from fibonacci._async.wait import AsyncExecutionWaiter
from fibonacci._core.deadline import Deadline
from fibonacci._core.execution_requests import cancel_execution
from fibonacci._core.option_checks import check_callback, check_flag, check_timeout
from fibonacci._core.preparation import idempotency_key
from fibonacci._core.request import Request
from fibonacci._core.unset import Unset
from fibonacci._core.urls import path
from fibonacci.errors import APITimeoutError, ExecutionFailedError, FibonacciError, WaitTimeoutError, loading_error
from fibonacci.models.execution_failure import execution_error
from fibonacci.models.executions import Execution

# Seconds: an error that is about to be raised waits no longer for its reason.
_READ_REASON = 10.0
# Seconds: a timer may go off that much before its time.
_EARLY_TIMER = 0.05

OnUpdate = Callable[[Execution], object] | None


async def run(
    requestor: AsyncRequestor,
    workflow_id: str,
    request: Request[Execution],
    *,
    timeout: float | None,
    on_update: OnUpdate,
    cancel_on_exit: bool,
    progress: bool,
) -> Execution:
    """Start a workflow and wait until it has ended.

    Args:
        requestor: Sends the requests.
        workflow_id: The id of the workflow.
        request: The request that starts it.
        timeout: Seconds for all of it; None for no limit.
        on_update: Called with the execution whenever it has changed.
        cancel_on_exit: Cancel the execution when an error ends the wait.
        progress: Whether to show a bar.

    Raises:
        ExecutionFailedError: If it failed or was canceled.
        WaitTimeoutError: If it has not ended at the deadline, or has not been received until then.
        APIError: If starting it or polling fails permanently.
    """
    config = requestor.config
    cancel = check_flag("cancel_on_exit", cancel_on_exit)
    if cancel:
        requestor.check_supported(cancel_execution("the one that is started"))
    check_callback("on_update", on_update, close=config.close)
    deadline = Deadline(check_timeout(timeout), requestor.clock)
    limit = request.default_timeout if isinstance(config.timeout, Unset) else config.timeout
    request = request._replace(timeout=deadline.cap(limit), idempotency_key=idempotency_key(request, config))
    with _reports(requestor, "run", on_update, progress=progress, workflow_id=workflow_id) as update:
        return await _start_and_wait(requestor, workflow_id, request, deadline, update, cancel_on_exit=cancel)


async def _start_and_wait(
    requestor: AsyncRequestor,
    workflow_id: str,
    request: Request[Execution],
    deadline: Deadline,
    on_update: OnUpdate,
    *,
    cancel_on_exit: bool,
) -> Execution:
    async with AsyncExitNotes(requestor, request.idempotency_key, cancel=cancel_on_exit) as notes:
        started = await _start(requestor, workflow_id, request, deadline)
        notes.execution_id = started.id
        ended = await AsyncExecutionWaiter(requestor, started.id, deadline, on_update).wait(started)
        if not ended.succeeded:
            raise await _failure(requestor, ended, deadline, is_first=ended is started)
        return ended


async def _start(
    requestor: AsyncRequestor, workflow_id: str, request: Request[Execution], deadline: Deadline
) -> Execution:
    """Send the request that starts the execution.

    Raises:
        WaitTimeoutError: If the deadline has come before an execution was received.
        APIError: If it fails otherwise. An `APITimeoutError` is that of a call whose time is shorter than the run's.
    """
    try:
        return await requestor.send(request)
    except APITimeoutError as error:
        left = deadline.remaining()
        if left is None or left > _EARLY_TIMER:
            raise
        await requestor.clock.sleep(left)
        text = f"no execution of workflow {workflow_id} was received within the time to wait"
        text += "; it may have been started" if error.outcome_unknown else "; nothing was started"
        raise WaitTimeoutError(requestor.redact(text), idempotency_key=error.idempotency_key) from error


async def wait(
    requestor: AsyncRequestor, execution_id: str, *, timeout: float | None, on_update: OnUpdate, progress: bool
) -> Execution:
    """Wait until an execution has ended, whatever its status.

    Args:
        requestor: Sends the polls.
        execution_id: The id of the execution.
        timeout: Seconds to wait; None for no limit.
        on_update: Called with the execution whenever it has changed.
        progress: Whether to show a bar.

    Raises:
        WaitTimeoutError: If it has not ended at the deadline.
        APIError: If polling fails permanently.
    """
    check_callback("on_update", on_update, close=requestor.config.close)
    deadline = Deadline(check_timeout(timeout), requestor.clock)
    with _reports(requestor, "wait", on_update, progress=progress, execution_id=execution_id) as update:
        waiter = AsyncExecutionWaiter(requestor, execution_id, deadline, update)
        async with AsyncExitNotes(requestor, execution_id=execution_id):
            return await waiter.wait()


@contextmanager
def _reports(
    requestor: AsyncRequestor,
    operation: Literal["run", "wait"],
    on_update: OnUpdate,
    *,
    progress: bool,
    workflow_id: str | None = None,
    execution_id: str | None = None,
) -> Generator[OnUpdate]:
    """Show a bar and record a span, where the caller and the client ask for them; yield the function for updates."""
    with ExitStack() as stack:
        if check_flag("progress", progress):
            try:
                from fibonacci._display.progress import ProgressBar
            except OSError as error:
                raise loading_error(error) from error
            on_update = stack.enter_context(ProgressBar(on_update))
        if requestor.config.tracing is not None:
            from fibonacci._core.execution_spans import execution_span, recording

            span = execution_span(requestor.config, operation, workflow_id=workflow_id, execution_id=execution_id)
            on_update = recording(stack.enter_context(span), on_update)
        yield on_update


async def _failure(
    requestor: AsyncRequestor, execution: Execution, deadline: Deadline, *, is_first: bool
) -> ExecutionFailedError:
    """Return the error of an execution that did not succeed; what `execute` returned may have no reason."""
    if execution.failure_reason is None and is_first and deadline.remaining() != 0:
        where = path("/executions/{execution_id}", execution_id=execution.id)
        timeout = deadline.cap(_READ_REASON)
        with suppress(FibonacciError):  # the failure is what matters
            execution = await requestor.send(Request("GET", where, returns=Execution, timeout=timeout))
    return execution_error(execution)
