"""Records of executions: how they are stored, started and canceled, and their public forms."""

from __future__ import annotations

from typing import Any, Final

from fibonacci.emulator.engine.compiled import CompiledWorkflow
from fibonacci.emulator.engine.node_states import new_node
from fibonacci.emulator.engine.scheduler import Scheduler
from fibonacci.emulator.state import ids
from fibonacci.emulator.state.clock import iso, milliseconds
from fibonacci.emulator.state.store import Store
from fibonacci.emulator.state.tables import Record

TERMINAL: Final = frozenset({"completed", "failed", "cancelled"})
WAITING: Final = "pending_approval"
STATUSES: Final = TERMINAL | {"running", WAITING}


def start(
    scheduler: Scheduler,
    workflow: Record,
    compiled: CompiledWorkflow,
    inputs: dict[str, Any],
    now: float,
    held: Record | None = None,
) -> Record:
    """Run a workflow and store its execution.

    Args:
        scheduler: Runs and stores it.
        workflow: The record of the workflow.
        compiled: Its definition, compiled; one without nodes completes with no outputs.
        inputs: The inputs by name.
        now: The time in Unix seconds.
        held: The record of the execution, if it has waited for approval.

    Returns:
        The record of the execution; a short one has ended.
    """
    nodes = [new_node(compiled.nodes[node_id]) for node_id in compiled.order]
    execution = _record(workflow, inputs, nodes, now)
    if held is not None:
        execution |= {name: held[name] for name in ("id", "approval", "created")}
    return scheduler.start(execution, compiled, now)


def hold(store: Store, workflow: Record, inputs: dict[str, Any], now: float, approval: Record) -> Record:
    """Store an execution that waits for approval; nothing of it has run.

    Returns:
        Its record.
    """
    execution = _record(workflow, inputs, [], now)
    execution.update(status=WAITING, approval=approval)
    store.executions.put(execution["id"], record=execution)
    return execution


def _record(workflow: Record, inputs: dict[str, Any], nodes: list[Record], now: float) -> Record:
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


def cancel(store: Store, execution: Record, now: float) -> Record:
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


def cancelled(execution: Record, now: float) -> Record:
    """Return the record of an execution, canceled."""
    nodes = [node if node["ended"] is not None else node | {"status": "cancelled"} for node in execution["nodes"]]
    ended = now if execution["status"] == "running" else execution["started"]
    return execution | {"status": "cancelled", "ended": ended, "nodes": nodes, "outputs": _values(execution)}


def summary_of(execution: Record, now: float) -> Record:
    """Return the response to executing a workflow: exactly the documented fields."""
    nodes = [node for node in execution["nodes"] if node["status"] in ("completed", "failed")]
    return {
        "execution_id": execution["id"],
        "status": execution["status"],
        "outputs": _values(execution) if execution["ended"] is None else execution["outputs"],
        "duration_ms": milliseconds(_latest(execution, now)) - milliseconds(execution["started"]),
        "nodes_executed": len(nodes),
        "nodes_failed": sum(node["status"] == "failed" for node in nodes),
    }


def view_of(execution: Record, now: float) -> Record:
    """Return the response to reading an execution: the documented fields and its origin."""
    updated = iso(_latest(execution, now))
    return summary_of(execution, now) | {
        "workflow_id": execution["workflow_id"],
        "workflow_version": execution["workflow_version"],
        "inputs": execution["inputs"],
        "error": execution["error"],
        "nodes": [_node_view(node) for node in execution["nodes"]],
        "created_at": iso(execution["created"]),
        "updated_at": updated,
        "completed_at": None if execution["ended"] is None else updated,
        **({"approval": execution["approval"]} if "approval" in execution else {}),
    }


def _latest(execution: Record, now: float) -> float:
    """Return the time of the latest change: the end, or the present of a running execution."""
    if execution["ended"] is not None:
        return float(execution["ended"])
    return max(now, execution["started"]) if execution["status"] == "running" else float(execution["started"])


def _values(execution: Record) -> Record:
    return {node["id"]: node["output"] for node in execution["nodes"] if node["status"] == "completed"}


def _node_view(node: Record) -> Record:
    error = node["error"] if node["status"] == "failed" else None
    shown = {name: node[name] for name in ("id", "type", "status", "attempts")}
    return shown | {"error": error}
