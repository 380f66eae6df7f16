"""Executions: how they are kept, and what they look like at a moment of the clock.

A record holds the whole outcome with its time line. Whether an execution still runs is worked out when it is read, so
that no thread has to wait for it and a clock that jumps is followed at once.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from fibonacci.definitions import WorkflowDefinition
from fibonacci.emulator import ids
from fibonacci.emulator.clock import iso
from fibonacci.emulator.engine import Engine, Run
from fibonacci.emulator.memory import recall
from fibonacci.emulator.store import Record, Store

TERMINAL: Final = frozenset({"completed", "failed", "cancelled"})
WAITING: Final = "pending_approval"


def start(
    store: Store, engine: Engine, workflow: Record, inputs: dict[str, Any], now: float, held: Record | None = None
) -> Record:
    """Run a workflow and keep its execution.

    Args:
        store: Where to keep it.
        engine: What runs it.
        workflow: The record of the workflow; without a definition the run completes with no outputs.
        inputs: The inputs by name.
        now: When it starts, in Unix seconds.
        held: The record of the execution when it had to wait for approval.

    Returns:
        The record of the execution.
    """
    run = Run("completed", {})
    if workflow["definition"] is not None:
        definition = WorkflowDefinition.model_validate(workflow["definition"])
        run = engine.run(definition, inputs, lambda key: recall(store, workflow["id"], key, now))
    execution: Record = {**_record(workflow, inputs, now, run), "status": run.status, **_of_held(held)}
    store.executions.put(execution["id"], record=execution)
    return execution


def hold(store: Store, workflow: Record, inputs: dict[str, Any], now: float, approval: Record) -> Record:
    """Keep an execution that has to wait for approval: nothing of it has run.

    Returns:
        Its record.
    """
    untouched = _record(workflow, inputs, now, Run("completed", {}))
    execution: Record = {**untouched, "status": WAITING, "approval": approval}
    store.executions.put(execution["id"], record=execution)
    return execution


def _record(workflow: Record, inputs: dict[str, Any], now: float, run: Run) -> Record:
    return {
        "id": ids.execution_id(),
        "workflow_id": workflow["id"],
        "workflow_version": workflow["version"],
        "inputs": inputs,
        "started": now,
        "seconds": run.seconds,
        "cancelled": None,
        "outputs": run.outputs,
        "error": run.error,
        "nodes": [asdict(node) for node in run.nodes],
    }


def _of_held(held: Record | None) -> Record:
    return {} if held is None else {"id": held["id"], "approval": held["approval"]}


def cancelled(execution: Record, now: float) -> Record:
    """Return the record of an execution that is stopped now."""
    return execution | {"cancelled": now}


def status_of(execution: Record, now: float) -> str:
    """Return the status at a moment."""
    if execution["cancelled"] is not None:
        return "cancelled"
    return "running" if _elapsed(execution, now) < execution["seconds"] else str(execution["status"])


def answer_of(execution: Record, now: float) -> Record:
    """Return what executing a workflow answers: exactly the documented fields."""
    status = status_of(execution, now)
    elapsed = _elapsed(execution, now)
    finished = [node for node in execution["nodes"] if node["ended"] <= elapsed and node["status"] != "skipped"]
    partial = {node["id"]: node["output"] for node in finished if node["status"] == "completed"}
    return {
        "execution_id": execution["id"],
        "status": status,
        "outputs": execution["outputs"] if status in ("completed", "failed") else partial,
        "duration_ms": round(elapsed * 1000),
        "nodes_executed": len(finished),
        "nodes_failed": sum(node["status"] == "failed" for node in finished),
    }


def view_of(execution: Record, now: float) -> Record:
    """Return what reading an execution answers: the documented fields, and where it came from."""
    answer = answer_of(execution, now)
    ended = answer["status"] in TERMINAL
    elapsed = _elapsed(execution, now)
    created, updated = iso(execution["started"]), iso(execution["started"] + elapsed)
    return answer | {
        "workflow_id": execution["workflow_id"],
        "workflow_version": execution["workflow_version"],
        "inputs": execution["inputs"],
        "error": execution["error"] if answer["status"] == "failed" else None,
        "nodes": [_node_view(node, elapsed, ended) for node in execution["nodes"]],
        "created_at": created,
        "updated_at": updated,
        "completed_at": updated if ended else None,
        **({"approval": execution["approval"]} if "approval" in execution else {}),
    }


def _elapsed(execution: Record, now: float) -> float:
    """How many seconds of its time line have passed."""
    stopped = execution["cancelled"]
    until = now if stopped is None else stopped
    return float(min(execution["seconds"], max(0.0, until - execution["started"])))


def _node_view(node: Record, elapsed: float, ended: bool) -> Record:
    status = node["status"]
    if node["ended"] > elapsed:
        status = "cancelled" if ended else "running" if node["started"] <= elapsed else "pending"
    return {"id": node["id"], "type": node["type"], "status": status, "error": node["error"]}
