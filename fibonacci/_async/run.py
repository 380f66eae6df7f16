"""A run or a wait from its start to its end, with what reports it and what remains when it is left."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager, suppress
from types import TracebackType
from typing import Literal, Self

from fibonacci._async import _runtime
from fibonacci._async.requestor import AsyncRequestor
from fibonacci._async.wait import AsyncExecutionWaiter
from fibonacci._core.call import idempotency_key, new_idempotency_key
from fibonacci._core.messages import Deadline
from fibonacci._core.options import Unset, check_callback, check_flag, check_timeout
from fibonacci._core.request import Request
from fibonacci._core.workflow_requests import cancel_execution, get_execution, sent_inputs
from fibonacci._remedies import remedy
from fibonacci._texts.logging import log
from fibonacci._texts.text import printable_line
from fibonacci.errors import (
    APIError,
    APITimeoutError,
    ConflictError,
    ExecutionFailedError,
    FibonacciError,
    WaitTimeoutError,
)
from fibonacci.models.executions import Execution, execution_error, fill_in

_log = logging.getLogger("fibonacci")

# Seconds: an error that is about to be raised waits no longer for the cancellation.
_CANCEL = 5.0
_CANCEL_AT_MOST = _CANCEL + 1  # a user's transport may ignore it


class AsyncExitNotes:
    """Notes the execution's ID on every exception that leaves the block, with what to do if the execution continues.

    While the ID isn't known, the note has the idempotency key, with which the request can be repeated safely. The
    execution is canceled if asked.

    Args:
        requestor: Sends the cancellation.
        idempotency_key: That of the request which starts the execution, if it is started in the block.
        execution_id: The ID, if it is known from the start.
        cancel: Cancel the execution when the block is left by an exception before the execution has ended.

    Attributes:
        execution_id: The ID, as soon as it is known.
    """

    def __init__(
        self,
        requestor: AsyncRequestor,
        idempotency_key: str | None = None,
        *,
        execution_id: str | None = None,
        cancel: bool = False,
    ) -> None:
        self.execution_id = execution_id
        self._requestor = requestor
        self._idempotency_key = idempotency_key
        self._cancel = cancel
        self._canceled = "whether the execution was canceled is unknown"
        self._may_continue = True
        self._was_sent = False
        self._is_canceling = False
        self._closing: list[_runtime.WakeEvent] = []

    async def __aenter__(self) -> Self:
        if self._cancel:
            self._requestor.exits.add(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is not None:
                self._note(error)
                if self.execution_id is not None and self._cancel and not isinstance(error, ExecutionFailedError):
                    await self._cancel_for(error)
        finally:
            self._requestor.exits.discard(self)
            self._is_canceling = False
            for closing in self._closing:
                with suppress(RuntimeError):  # the event loop is closed: nobody waits any more
                    closing.set()

    async def wait(self) -> None:
        """Wait until the cancellation has ended, if one is under way."""
        closing = _runtime.WakeEvent()
        self._closing.append(closing)
        if self._is_canceling:
            await closing.sleep(_CANCEL_AT_MOST)

    async def _cancel_for(self, error: BaseException) -> None:
        self._is_canceling = True
        try:
            if isinstance(error, GeneratorExit):  # closed code can't wait for anything
                self._canceled = "the execution was not canceled: the code that waited for it was closed"
            else:
                await _runtime.shielded(self._cancel_execution, _CANCEL_AT_MOST)
        except BaseException as another:  # a second Ctrl-C, or a cancellation while an error was leaving
            self._note(another)
            _add_note(another, self._canceled)
            raise
        finally:
            if self._may_continue:  # whoever shuts down doesn't see exceptions of canceled work
                text = self._requestor.redact(f"execution {self.execution_id} may still be running: {self._canceled}")
                log(_log, logging.WARNING, "%s", text, execution_id=self.execution_id)
        _add_note(error, self._canceled)

    def _note(self, error: BaseException) -> None:
        if self.execution_id is not None:
            note = f"execution id: {self.execution_id}"
            seen = error.execution if isinstance(error, WaitTimeoutError) else None
            if seen is not None and not seen.is_terminal and not self._cancel:
                state = "keeps running" if error.__cause__ is None else "may still be running"
                note += f". The execution {state}: wait again with executions.wait, or end it with executions.cancel"
            _add_note(error, self._requestor.redact(note))  # the caller may have mixed up the key and an ID
            return
        cause = (error.__cause__ or error) if isinstance(error, WaitTimeoutError) else error
        if _was_never_sent(cause):
            return
        note = f"no execution id was received (idempotency key: {self._idempotency_key})"
        if getattr(cause, "outcome_unknown", True):
            note = f"{note}{remedy('may have started')}"
        _add_note(error, self._requestor.redact(note))

    async def _cancel_execution(self) -> None:
        key = new_idempotency_key()  # the key in the client's headers belongs to another request
        request = cancel_execution(self.execution_id or "", idempotency_key=key)._replace(timeout=_CANCEL)
        was_sent, self._was_sent = self._was_sent, True
        try:
            await self._requestor.send(request)
        except ConflictError:
            ended = (
                "the execution has ended"
                if was_sent
                else ("the execution was not canceled, because it had already ended")
            )
            self._canceled, self._may_continue = ended, False
        except Exception as error:  # even from the user's callbacks: the first error is the one to raise
            self._canceled = f"canceling the execution failed, so it may still be running: {error}"
        else:
            self._canceled, self._may_continue = "the execution was canceled, as cancel_on_exit asks", False


def _was_never_sent(error: BaseException) -> bool:
    """Whether the request was refused for its arguments, or not sent at all."""
    return isinstance(error, TypeError | ValueError) or (isinstance(error, APIError) and error.attempts == 0)


def _add_note(error: BaseException, note: str) -> None:
    note = printable_line(note)  # a traceback prints it, and an ID is the server's
    if note not in getattr(error, "__notes__", ()):
        error.add_note(note)


# Seconds: an execution that has ended waits no longer to be read once more.
_READ_ONCE_MORE = 10.0
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
        workflow_id: The ID of the workflow.
        request: The request that starts it.
        timeout: Seconds for all of it. None for no limit.
        on_update: Called with the execution whenever it has changed.
        cancel_on_exit: Cancel the execution when an error ends the wait.
        progress: Whether to show a bar.

    Raises:
        ExecutionFailedError: If it failed or was canceled.
        WaitTimeoutError: If it hasn't ended at the deadline, or hasn't been received until then.
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
        return await _start_and_wait(
            requestor, workflow_id, request, deadline, update, timeout=timeout, cancel_on_exit=cancel
        )


async def _start_and_wait(
    requestor: AsyncRequestor,
    workflow_id: str,
    request: Request[Execution],
    deadline: Deadline,
    on_update: OnUpdate,
    *,
    timeout: float | None,
    cancel_on_exit: bool,
) -> Execution:
    async with AsyncExitNotes(requestor, request.idempotency_key, cancel=cancel_on_exit) as notes:
        inputs = sent_inputs(request)
        started = fill_in(await _start(requestor, workflow_id, request, deadline), workflow_id, inputs)
        notes.execution_id = started.id
        ended = await AsyncExecutionWaiter(requestor, started.id, deadline, on_update).wait(started)
        if ended is started:
            ended = await _complete(requestor, ended, deadline)
        fill_in(ended, workflow_id, inputs)
        if deadline.remaining() == 0 and timeout is not None and (ended.duration_ms or 0) > timeout * 1000:
            # Only on a clock that skips waits: a call that the deadline limits receives nothing after it.
            text = f"execution {ended.id} took {(ended.duration_ms or 0) / 1000:g} s, longer than the time to wait"
            raise WaitTimeoutError(requestor.redact(text), execution=ended)
        if not ended.succeeded:
            raise execution_error(ended)
        return ended


async def _start(
    requestor: AsyncRequestor, workflow_id: str, request: Request[Execution], deadline: Deadline
) -> Execution:
    """Send the request that starts the execution.

    Raises:
        WaitTimeoutError: If the deadline has come before an execution was received.
        APIError: If it fails otherwise. An `APITimeoutError` means that the call had less time than the run.
    """
    try:
        return await requestor.send(request)
    except APITimeoutError as error:
        left = deadline.remaining()
        if left is None or left > _EARLY_TIMER:
            raise
        await requestor.clock.sleep(left)
        text = f"no execution of workflow {workflow_id} was received within the time to wait"
        text += ", and it may have been started" if error.outcome_unknown else ", and nothing was started"
        raise WaitTimeoutError(requestor.redact(text), idempotency_key=error.idempotency_key) from error


async def wait(
    requestor: AsyncRequestor, execution_id: str, *, timeout: float | None, on_update: OnUpdate, progress: bool
) -> Execution:
    """Wait until an execution has ended, whatever its status.

    Args:
        requestor: Sends the polls.
        execution_id: The ID of the execution.
        timeout: Seconds to wait. None for no limit.
        on_update: Called with the execution whenever it has changed.
        progress: Whether to show a bar.

    Raises:
        WaitTimeoutError: If it hasn't ended at the deadline.
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
    """Yield the function for updates, which shows a bar and records a span if the caller or the client wants them."""
    with ExitStack() as stack:
        if check_flag("progress", progress):
            from fibonacci._display.progress import ProgressBar

            on_update = stack.enter_context(ProgressBar(on_update))
        if requestor.config.tracing is not None:
            from fibonacci._core.tracing import execution_span, recording

            ids = {"workflow_id": workflow_id, "execution_id": execution_id}  # one may be the key, by mistake
            shown = {name: value and requestor.redact(value) for name, value in ids.items()}
            span = execution_span(requestor.config.tracing, operation, requestor.config.base_url, **shown)
            on_update = recording(stack.enter_context(span), on_update)
        yield on_update


# What the platform sends when one execution is read, and may leave out of its response to `execute`.
_OF_ONE_READ = ("workflow_id", "inputs", "created_at", "trace")


async def _complete(requestor: AsyncRequestor, started: Execution, deadline: Deadline) -> Execution:
    """Return an execution that ended within the response to `execute` as a poll of a slower one would return it.

    If it can't be read, it is returned as it is: it has ended, and its outputs are there.
    """
    if started.model_fields_set.issuperset(_OF_ONE_READ) or deadline.remaining() == 0:
        return started
    request = get_execution(started.id)._replace(timeout=deadline.cap(_READ_ONCE_MORE))
    with suppress(FibonacciError):
        read = await requestor.send(request)
        return read if read.is_terminal else started  # a replica that lags
    return started
