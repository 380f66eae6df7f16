"""Notes on the exceptions that end `run` or `wait` early, and the cancellation of the execution."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from fibonacci._async import _runtime
from fibonacci._async.requestor import AsyncRequestor
from fibonacci._core.preparation import new_idempotency_key
from fibonacci._core.request import Request
from fibonacci._core.urls import path
from fibonacci.errors import APIError, ConflictError, ExecutionFailedError, WaitTimeoutError
from fibonacci.models.executions import Execution

# Seconds: an error that is about to be raised waits no longer for the cancellation.
_CANCEL = 5.0
_CANCEL_AT_MOST = _CANCEL + 1  # a transport of the user's may not keep to it


class AsyncExitNotes:
    """Notes the execution's id on every exception that leaves the block, with what to do if the execution continues.

    While the id is not known, the note has the idempotency key, with which the request can be repeated safely. The
    execution is canceled if asked.

    Args:
        requestor: Sends the cancellation.
        idempotency_key: That of the request which starts the execution, if it is started in the block.
        execution_id: The id, if it is known from the start.
        cancel: Cancel the execution when the block is left by an exception before the execution has ended.

    Attributes:
        execution_id: The id, as soon as it is known.
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
        self._canceled = "it is not known whether the execution was canceled"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            return
        self._note(error)
        # Code that is closed (GeneratorExit) cannot wait for anything.
        if self.execution_id is None or not self._cancel or isinstance(error, ExecutionFailedError | GeneratorExit):
            return
        try:
            await _runtime.shielded(self._cancel_execution, _CANCEL_AT_MOST)
        except BaseException as another:  # a second Ctrl-C, or a cancellation while an error was leaving
            self._note(another)
            _add_note(another, self._canceled)
            raise
        _add_note(error, self._canceled)

    def _note(self, error: BaseException) -> None:
        if self.execution_id is not None:
            note = f"execution id: {self.execution_id}"
            if isinstance(error, WaitTimeoutError) and not self._cancel:
                note += "; it continues: wait again with executions.wait, or end it with executions.cancel"
            _add_note(error, self._requestor.redact(note))  # the caller may have mixed up the key and an id
            return
        cause = (error.__cause__ or error) if isinstance(error, WaitTimeoutError) else error
        if _was_never_sent(cause):
            return
        note = f"no execution id was received; idempotency key: {self._idempotency_key}"
        if getattr(cause, "outcome_unknown", True):
            note += "; it may have been started: look for it with executions.list before you start it again"
        _add_note(error, self._requestor.redact(note))

    async def _cancel_execution(self) -> None:
        where = path("/executions/{execution_id}/cancel", execution_id=self.execution_id or "")
        key = new_idempotency_key()  # that of the client's headers belongs to another request
        request = Request("POST", where, returns=Execution, timeout=_CANCEL, idempotency_key=key)
        try:
            await self._requestor.send(request)
        except ConflictError:
            self._canceled = "the execution was not canceled: it had ended already"
        except Exception as error:  # of the user's own callbacks too: the first error is the one to raise
            self._canceled = f"canceling the execution failed, so it may continue: {error}"
        else:
            self._canceled = "the execution was canceled, as cancel_on_exit asks"


def _was_never_sent(error: BaseException) -> bool:
    """Whether the request was refused for its arguments, or not sent at all."""
    return isinstance(error, TypeError | ValueError) or (isinstance(error, APIError) and error.attempts == 0)


def _add_note(error: BaseException, note: str) -> None:
    if note not in getattr(error, "__notes__", ()):
        error.add_note(note)
