"""Notes on the exceptions that end `run` or `wait` early, and the cancellation of the execution."""

from __future__ import annotations

import logging
from contextlib import suppress
from types import TracebackType
from typing import Self

from fibonacci._async import _runtime
from fibonacci._async.requestor import AsyncRequestor
from fibonacci._core.preparation import new_idempotency_key
from fibonacci._core.request import Request
from fibonacci._core.urls import path
from fibonacci._log_records import log
from fibonacci._text import printable_line
from fibonacci.errors import APIError, ConflictError, ExecutionFailedError, WaitTimeoutError
from fibonacci.models.executions import Execution

_log = logging.getLogger("fibonacci")

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
            if isinstance(error, GeneratorExit):  # code that is closed cannot wait for anything
                self._canceled = "the execution was not canceled: the code that waited for it was closed"
            else:
                await _runtime.shielded(self._cancel_execution, _CANCEL_AT_MOST)
        except BaseException as another:  # a second Ctrl-C, or a cancellation while an error was leaving
            self._note(another)
            _add_note(another, self._canceled)
            raise
        finally:
            if self._may_continue:  # who shuts down sees no exception of what is canceled
                text = self._requestor.redact(f"execution {self.execution_id} may continue: {self._canceled}")
                log(_log, logging.WARNING, "%s", text, execution_id=self.execution_id)
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
        was_sent, self._was_sent = self._was_sent, True
        try:
            await self._requestor.send(request)
        except ConflictError:
            ended = "the execution has ended" if was_sent else "the execution was not canceled: it had ended already"
            self._canceled, self._may_continue = ended, False
        except Exception as error:  # of the user's own callbacks too: the first error is the one to raise
            self._canceled = f"canceling the execution failed, so it may continue: {error}"
        else:
            self._canceled, self._may_continue = "the execution was canceled, as cancel_on_exit asks", False


async def end_cancellations(exits: set[AsyncExitNotes]) -> None:
    """Wait for the cancellations that are under way, also of tasks that were canceled just now."""
    await _runtime.checkpoint()
    for each in list(exits):
        await each.wait()


def _was_never_sent(error: BaseException) -> bool:
    """Whether the request was refused for its arguments, or not sent at all."""
    return isinstance(error, TypeError | ValueError) or (isinstance(error, APIError) and error.attempts == 0)


def _add_note(error: BaseException, note: str) -> None:
    note = printable_line(note)  # a traceback prints it, and an id is the server's
    if note not in getattr(error, "__notes__", ()):
        error.add_note(note)
