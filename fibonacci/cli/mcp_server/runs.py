"""Running a workflow for a client: once, only as long as the request lasts, with progress, and the result to send."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Final
from uuid import uuid4

import anyio
from mcp_types import CallToolResult, TextContent

from fibonacci import APIError, AsyncFibonacci, ConflictError, FibonacciError, WaitTimeoutError
from fibonacci._display.text import cut
from fibonacci._texts.logging import redact_keys_in_use
from fibonacci._texts.text import counted
from fibonacci.cli.mcp_server.long_outputs import shortened
from fibonacci.cli.mcp_server.workflow_tools import WorkflowTool
from fibonacci.models import Execution
from fibonacci.models.executions import failure_of, failure_text

EXPECTED: Final = (FibonacciError, ValueError, TypeError, ImportError)
"""Errors of SDK calls whose text is meant for the caller."""

PENDING_APPROVAL: Final = "pending_approval"
_APPROVAL: Final = (
    "A person has to approve it on the platform. Nothing runs before that. Tell the user, and call get_execution with"
    " this execution_id later. Do not run the workflow again: that would be another execution to approve."
)
_CONTINUES: Final = (
    "It has not ended, and keeps running. Call get_execution with this execution_id and wait_seconds. Do not run the"
    " workflow again."
)
_CUT: Final = (
    "Of the outputs in cut, only the beginning is here: cut has the length of each in characters. Call read_output with"
    " this execution_id, the name of the output and an offset to read on."
)
_LONGEST_ERROR: Final = 2000
UNKNOWN_OUTCOME: Final = (
    "The workflow may have been started although no answer was received. Do not run it again before you know: look at"
    " its latest executions with list_executions, or ask the user."
)


def execution_result(
    execution: Execution, *, workflow_id: str | None = None, note: str | None = None, is_error: bool = False
) -> CallToolResult:
    """Return the result of a tool that returns an execution.

    Args:
        execution: The execution.
        workflow_id: The ID of the workflow, because not every response has it.
        note: How the call deviated from what was asked.
        is_error: Whether the call failed.
    """
    # Remove the API key before cutting, because half of it wouldn't be recognized.
    outputs, lengths = shortened(redact_keys_in_use(execution.outputs))
    data: dict[str, Any] = {
        "execution_id": execution.id,
        "workflow_id": execution.workflow_id or workflow_id,
        "status": execution.status,
        "outputs": outputs,
    }
    if execution.is_terminal:
        if not execution.succeeded:
            data["error"] = cut(failure_text(execution, failure_of(execution)), _LONGEST_ERROR)
    else:
        data["next"] = _APPROVAL if execution.status == PENDING_APPROVAL else _CONTINUES
    if note:
        data["note"] = note
    if lengths:
        data |= {"cut": lengths, "next": " ".join([*filter(None, [data.get("next")]), _CUT])}
    return result_of(data, is_error=is_error)


async def latest_executions(
    client: AsyncFibonacci, workflow_ids: Iterable[str], limit: int, *, status: str | None = None
) -> list[dict[str, Any]]:
    """Return the ID, workflow, status and time of the latest executions of workflows, newest first.

    Raises:
        FibonacciError: If they cannot be listed.
        ValueError: If the status is misspelled.
    """
    found = [
        (execution, workflow_id)
        for workflow_id in workflow_ids
        for execution in await client.executions.list(workflow_id=workflow_id, status=status).take(limit)
        if execution.workflow_id in (None, workflow_id)
    ]
    found.sort(key=lambda each: str(each[0].created_at or ""), reverse=True)
    return [
        {
            "execution_id": execution.id,
            "workflow_id": workflow_id,
            "status": execution.status,
            "created_at": execution.created_at and execution.created_at.isoformat(),
        }
        for execution, workflow_id in found[:limit]
    ]


def error_result(error: Exception, **more: Any) -> CallToolResult:
    """Return the result of a call that failed.

    Args:
        error: The error. Its text is included only if it is an error that the SDK raises.
        more: Further fields.
    """
    if not isinstance(error, EXPECTED):
        return result_of({"error": f"{type(error).__name__} in the server; its log has more"}, is_error=True)
    notes: list[str] = getattr(error, "__notes__", [])
    text = redact_keys_in_use(" ".join([str(error), *notes]))
    data: dict[str, Any] = {"error": cut(text, _LONGEST_ERROR), "kind": type(error).__name__}
    if isinstance(error, FibonacciError) and error.code:
        data["code"] = error.code
    if isinstance(error, APIError):
        data["outcome_unknown"] = error.outcome_unknown
        if error.outcome_unknown:
            data |= {"next": UNKNOWN_OUTCOME, "idempotency_key": error.idempotency_key}
    return result_of(data | more, is_error=True)


def result_of(data: Mapping[str, Any], *, is_error: bool = False) -> CallToolResult:
    """Return a result as structured content and as text, without the API key."""
    content = redact_keys_in_use(data)
    text = TextContent(text=json.dumps(content, ensure_ascii=False))
    return CallToolResult(content=[text], structured_content=content, is_error=is_error)


def text_result(*texts: str) -> CallToolResult:
    """Return a result made of texts."""
    return CallToolResult(content=[TextContent(text=text) for text in texts])


SendProgress = Callable[[float, float | None, str | None], Awaitable[None]]

_INTERVAL: Final = 10.0
"""Seconds between notifications without news, which show a client that the call is alive."""


class ProgressReporter:
    """Reports the seconds since a call began, as an increasing progress, and the state of its execution as a message.

    Args:
        send: Sends one notification: the progress, the total (unknown), the message.
        node_count: The number of nodes of the workflow, or 0 if unknown.

    Attributes:
        node_count: The same.
    """

    def __init__(self, send: SendProgress, node_count: int = 0) -> None:
        self._send = send
        self.node_count = node_count
        self._began = anyio.current_time()
        self._last = 0.0
        self._message = "starting"

    async def update(self, execution: Execution) -> None:
        """Report the state of the execution."""
        done, total = execution.nodes_executed, self.node_count
        nodes = f", {done} of {counted(total, 'node')}" if done is not None and 0 < total >= done else ""
        self._message = f"{execution.id}: {execution.status}{nodes}"
        await self._report()

    @asynccontextmanager
    async def heartbeat(self) -> AsyncGenerator[None]:
        """Report at intervals while the block runs."""
        beat = asyncio.create_task(self._beat())  # not a task group, which would wrap the errors of the block
        try:
            yield
        finally:
            beat.cancel()

    async def _beat(self) -> None:
        while True:
            await self._report()
            await anyio.sleep(_INTERVAL)

    async def _report(self) -> None:
        elapsed = round(anyio.current_time() - self._began, 3)
        self._last = max(elapsed, self._last + 0.001)
        with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):  # the client has left
            await self._send(self._last, None, self._message)


_CANCEL: Final = 5.0
"""How many seconds a canceled request waits for its execution to be canceled too."""

READ: Final = 10.0
"""The timeout in seconds of a call that only makes a result more helpful."""


class _ApprovalRequired(Exception):
    """Ends the wait for an execution that needs a person's approval."""

    def __init__(self, execution: Execution) -> None:
        self.execution = execution


class WorkflowRunner:
    """Runs workflows. If the request is canceled or its client disconnects, the execution is canceled.

    Args:
        client: The client of the platform.
        wait: How many seconds to wait for a started execution to end.
        say: Prints a message for the operator of the server.

    Attributes:
        started: The IDs of the executions that it started.
    """

    def __init__(self, client: AsyncFibonacci, *, wait: float, say: Callable[[str], None]) -> None:
        self.started: set[str] = set()
        self._client = client
        self._wait_limit = wait
        self._say = say

    async def run(self, workflow: WorkflowTool, inputs: Mapping[str, Any], progress: ProgressReporter) -> Execution:
        """Start a workflow, and wait until it has ended, needs approval, or the time is up.

        Args:
            workflow: The workflow.
            inputs: Its inputs.
            progress: Reports the progress.

        Raises:
            FibonacciError: If it can't be started (`outcome_unknown` says whether it may have been anyway), or if
                polling fails permanently (a note has the ID).
        """
        async with progress.heartbeat():
            execution = await self._start(workflow, inputs)
            try:
                return await self._with_failure_reason(await self.wait(execution, self._wait_limit, progress))
            except asyncio.CancelledError:
                await self._cancel(execution)
                raise

    async def wait(self, execution: Execution, seconds: float, progress: ProgressReporter) -> Execution:
        """Wait until an execution has ended, needs approval, or the time is up, and return its latest state."""
        if execution.is_terminal or execution.status == PENDING_APPROVAL or seconds <= 0:
            return execution

        async def update(polled: Execution) -> None:
            await progress.update(polled)
            if polled.status == PENDING_APPROVAL:
                raise _ApprovalRequired(polled)

        try:
            return await self._client.executions.wait(execution.id, timeout=seconds, on_update=update)
        except _ApprovalRequired as held:
            return held.execution
        except WaitTimeoutError as error:
            return error.execution or execution

    async def _start(self, workflow: WorkflowTool, inputs: Mapping[str, Any]) -> Execution:
        key = str(uuid4())
        call = self._client.workflows.execute(workflow.workflow_id, inputs=inputs, idempotency_key=key)
        starting = asyncio.ensure_future(call)
        try:
            execution = await asyncio.shield(starting)
        except asyncio.CancelledError:
            await self._abandon(starting, workflow, key)
            raise
        self.started.add(execution.id)
        return execution

    async def _abandon(self, starting: asyncio.Future[Execution], workflow: WorkflowTool, key: str) -> None:
        """Give the request that starts an execution time to return its ID, so that the execution can be canceled."""
        with anyio.CancelScope(shield=True):
            await asyncio.wait({starting}, timeout=_CANCEL)
            starting.cancel()
            await asyncio.wait({starting})
        error = None if starting.cancelled() else starting.exception()
        if starting.cancelled() or (isinstance(error, APIError) and error.outcome_unknown):
            self._say(
                f"{workflow.tool.name}: its call was canceled before the platform returned an execution, which may have"
                f" been started all the same (idempotency key {key})"
            )
        elif error is None:
            await self._cancel(starting.result())

    async def _cancel(self, execution: Execution) -> None:
        if execution.is_terminal:
            return
        with anyio.CancelScope(shield=True):
            try:
                await self._client.with_options(timeout=_CANCEL).executions.cancel(execution.id)
            except ConflictError:
                return  # it has ended
            except FibonacciError as error:
                self._say(f"{execution.id}: canceling it failed, so it may still be running: {error}")
            else:
                self._say(f"{execution.id}: canceled, because its request was canceled")

    async def _with_failure_reason(self, execution: Execution) -> Execution:
        """Read a failed execution again, because `get` may have the reason that `execute` lacks."""
        if execution.status != "failed" or execution.failure_reason is not None:
            return execution
        try:
            return await self._client.with_options(timeout=READ).executions.get(execution.id)
        except FibonacciError:  # what matters is that it failed
            return execution
