"""Running a workflow for a client: once, not beyond the request, with progress, and what the client is sent."""

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
"""What calls of the SDK raise, whose text is meant for who made the call."""

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
        workflow_id: The ID of the workflow, which not every response has.
        note: What the call did otherwise than it was asked to.
        is_error: Whether the call has failed with it.
    """
    # Without the key before they are cut: half of it would not be recognized.
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
    """Return the ID, workflow, status and time of the latest executions of workflows, the newest first.

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
        error: The error. Its text is given, unless it is one that the SDK does not raise.
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
    """Return a result that is texts."""
    return CallToolResult(content=[TextContent(text=text) for text in texts])


SendProgress = Callable[[float, float | None, str | None], Awaitable[None]]

_INTERVAL: Final = 10.0
"""Seconds between notifications without news, by which a client sees that the call is alive."""


class ProgressReporter:
    """Reports the seconds since a call began, which always increase, with the state of its execution as the message.

    Args:
        send: Sends one notification: the progress, the total (unknown), the message.
        node_count: The number of nodes of the workflow. 0 if it is not known.

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
        beat = asyncio.create_task(self._beat())  # not in a group, which would wrap the errors of the block
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
"""Seconds that a request which was canceled waits for the execution to be canceled too."""

READ: Final = 10.0
"""Seconds for a call that only makes a result more helpful."""


class _ApprovalRequired(Exception):
    """Ends the wait for an execution that a person has to approve."""

    def __init__(self, execution: Execution) -> None:
        self.execution = execution


class WorkflowRunner:
    """Runs workflows, and cancels the execution when the request for it is canceled or its client disconnects.

    Args:
        client: The client of the platform.
        wait: Seconds to wait for the end of an execution, once it has started.
        say: Reports to the operator of the server.

    Attributes:
        started: The IDs of the executions that were started.
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
            FibonacciError: If it cannot be started, where `outcome_unknown` says whether it may have been started all
                the same, or if polling fails permanently, where a note has the ID.
        """
        async with progress.heartbeat():
            execution = await self._start(workflow, inputs)
            try:
                return await self._with_failure_reason(await self.wait(execution, self._wait_limit, progress))
            except asyncio.CancelledError:
                await self._cancel(execution)
                raise

    async def wait(self, execution: Execution, seconds: float, progress: ProgressReporter) -> Execution:
        """Wait until an execution has ended, needs approval, or the time is up, and return it as it then is."""
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
        """Give the request that starts an execution some time to return its ID, so that it can be canceled."""
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
        """Return an execution that failed as `get` does, which may have the reason that `execute` does not."""
        if execution.status != "failed" or execution.failure_reason is not None:
            return execution
        try:
            return await self._client.with_options(timeout=READ).executions.get(execution.id)
        except FibonacciError:  # that it failed is what matters
            return execution
