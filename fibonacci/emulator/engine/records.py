"""Records of executions: how they are stored, started and canceled, and their public forms."""

from __future__ import annotations

from typing import Final, get_args

from fibonacci.emulator.engine.compiled import CompiledWorkflow
from fibonacci.emulator.engine.node_states import new_node
from fibonacci.emulator.engine.scheduler import Scheduler
from fibonacci.emulator.state import ids
from fibonacci.emulator.state.clock import iso, milliseconds
from fibonacci.emulator.state.json_encoding import JSONObject, fields_of
from fibonacci.emulator.state.records import (
    ExecutionStatus,
    StoredApproval,
    StoredExecution,
    StoredNode,
    StoredWorkflow,
)
from fibonacci.emulator.state.store import Store

WAITING: Final = "pending_approval"


def is_terminal(status: ExecutionStatus) -> bool:
    """Return whether an execution with this status has ended."""
    match status:
        case "completed" | "failed" | "cancelled":
            return True
        case "running" | "pending_approval":
            return False


STATUSES: Final[frozenset[ExecutionStatus]] = frozenset(get_args(ExecutionStatus))
TERMINAL: Final[frozenset[ExecutionStatus]] = frozenset([status for status in STATUSES if is_terminal(status)])


def start(
    scheduler: Scheduler,
    workflow: StoredWorkflow,
    compiled: CompiledWorkflow,
    inputs: JSONObject,
    now: float,
) -> StoredExecution:
    """Run a workflow and store its execution.

    Args:
        scheduler: Runs and stores it.
        workflow: The record of the workflow.
        compiled: Its definition, compiled; one without nodes completes with no outputs.
        inputs: The inputs by name.
        now: The time in Unix seconds.

    Returns:
        The record of the execution; a short one has ended.
    """
    return scheduler.start(_record(workflow, inputs, _new_nodes(compiled), now), compiled, now)


def start_held(scheduler: Scheduler, held: StoredExecution, compiled: CompiledWorkflow, now: float) -> StoredExecution:
    """Run and store an execution that has waited for approval; return its new record."""
    execution: StoredExecution = {**held, "status": "running", "nodes": _new_nodes(compiled), "started": now}
    return scheduler.start(execution, compiled, now)


def _new_nodes(compiled: CompiledWorkflow) -> list[StoredNode]:
    return [new_node(compiled.nodes[node_id]) for node_id in compiled.order]


def hold(
    store: Store, workflow: StoredWorkflow, inputs: JSONObject, now: float, approval: StoredApproval
) -> StoredExecution:
    """Store an execution that waits for approval; nothing of it has run.

    Returns:
        Its record.
    """
    execution = _record(workflow, inputs, [], now)
    execution.update({"status": WAITING, "approval": approval})
    store.executions.put(execution["id"], record=execution)
    return execution


def _record(workflow: StoredWorkflow, inputs: JSONObject, nodes: list[StoredNode], now: float) -> StoredExecution:
    return {
        "id": ids.execution_id(),
        "workflow_id": workflow["id"],
        "workflow_version": workflow["version"],
        "inputs": inputs,
        "status": "running",
        "outputs": {},
        "error": None,
        "nodes": nodes,
        "created": now,
        "started": now,
        "ended": None,
    }


def cancel(store: Store, execution: StoredExecution, now: float) -> StoredExecution:
    """Cancel an execution that has not ended; outputs that its handlers still return are dropped.

    Returns:
        Its new record.
    """
    execution = cancelled(execution, now)
    store.executions.put(execution["id"], record=execution)
    store.runs.delete(execution["id"])
    store.timers.delete(execution["id"])
    store.calls.delete(execution["id"])
    return execution


def cancelled(execution: StoredExecution, now: float) -> StoredExecution:
    """Return the record of an execution, canceled."""
    nodes = [node if node["ended"] is not None else _cancelled_node(node) for node in execution["nodes"]]
    ended = now if execution["status"] == "running" else execution["started"]
    return {**execution, "status": "cancelled", "ended": ended, "nodes": nodes, "outputs": _values(execution)}


def _cancelled_node(node: StoredNode) -> StoredNode:
    return {**node, "status": "cancelled"}


def summary_of(execution: StoredExecution, now: float) -> JSONObject:
    """Return the response to executing a workflow: exactly the documented fields."""
    nodes = [node for node in execution["nodes"] if node["status"] in ("completed", "failed")]
    return {
        "execution_id": execution["id"],
        "status": execution["status"],
        "outputs": _values(execution) if execution["ended"] is None else execution["outputs"],
        "duration_ms": elapsed_ms(execution, now),
        "nodes_executed": len(nodes),
        "nodes_failed": sum(node["status"] == "failed" for node in nodes),
    }


def view_of(execution: StoredExecution, now: float) -> JSONObject:
    """Return the response to reading an execution: the documented fields and its origin.

    That of a brief record has no inputs.
    """
    updated = iso(_latest(execution, now))
    view = summary_of(execution, now)
    view |= {"workflow_id": execution["workflow_id"], "workflow_version": execution["workflow_version"]}
    if "inputs" in execution:
        view["inputs"] = execution["inputs"]
    view |= {
        "error": execution["error"],
        "nodes": [_node_view(node) for node in execution["nodes"]],
        "created_at": iso(execution["created"]),
        "updated_at": updated,
        "completed_at": None if execution["ended"] is None else updated,
    }
    if "approval" in execution:
        view["approval"] = fields_of(execution["approval"])
    return view


def elapsed_ms(execution: StoredExecution, now: float) -> int:
    """Return the milliseconds that an execution has taken so far."""
    return milliseconds(_latest(execution, now)) - milliseconds(execution["started"])


def _latest(execution: StoredExecution, now: float) -> float:
    """Return the time of the latest change: the end, or the present of a running execution."""
    if execution["ended"] is not None:
        return execution["ended"]
    return max(now, execution["started"]) if execution["status"] == "running" else execution["started"]


def _values(execution: StoredExecution) -> JSONObject:
    return {node["id"]: node["output"] for node in execution["nodes"] if node["status"] == "completed"}


def _node_view(node: StoredNode) -> JSONObject:
    error = node["error"] if node["status"] == "failed" else None
    return {
        "id": node["id"],
        "type": node["type"],
        "status": node["status"],
        "attempts": node["attempts"],
        "error": error,
    }
