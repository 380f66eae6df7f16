"""Records of executions: new ones, canceled ones, and their public forms."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final

from fibonacci.definitions import Node
from fibonacci.emulator.state.clock import iso, milliseconds
from fibonacci.emulator.state.json_encoding import JSONObject, fields_of
from fibonacci.emulator.state.records import StoredExecution, StoredNode, StoredWorkflow

WAITING: Final = "pending_approval"
QUEUED: Final = "pending"


def new_execution(
    workflow: StoredWorkflow, inputs: JSONObject, role: str, now: float, nodes: Sequence[StoredNode] = ()
) -> StoredExecution:
    """Return the record of an execution that has not run anything.

    Args:
        workflow: The record of the workflow.
        inputs: The inputs by name.
        role: The role of the requester, which tool policies check.
        now: The time in Unix seconds.
        nodes: If the run continues another, the nodes that have already ended.
    """
    return {
        "id": f"exec_{os.urandom(8).hex()}",
        "workflow_id": workflow["id"],
        "workflow_version": workflow["version"],
        "inputs": inputs,
        "status": "running",
        "outputs": {},
        "error": None,
        "nodes": [*nodes],
        "created": now,
        "started": now,
        "ended": None,
        "role": role,
    }


def new_node(node: Node) -> StoredNode:
    """Return the record of a node that has not started."""
    return {
        "id": node.id,
        "type": node.type,
        "status": "pending",
        "output": None,
        "error": None,
        "started": None,
        "ended": None,
        "attempts": 0,
        "stopped": False,
        "phase": None,
        "until": None,
        "call": None,
    }


def canceled(execution: StoredExecution, now: float) -> StoredExecution:
    """Return the record of an execution, canceled."""
    nodes = [node if node["ended"] is not None else _canceled_node(node) for node in execution["nodes"]]
    ended = now if execution["status"] == "running" else execution["started"]
    return {**execution, "status": "cancelled", "ended": ended, "nodes": nodes, "outputs": _values(execution)}


def _canceled_node(node: StoredNode) -> StoredNode:
    return {**node, "status": "cancelled"}


def summary_of(execution: StoredExecution, now: float) -> JSONObject:
    """Return the response to executing a workflow: exactly the documented fields."""
    statuses = [node["status"] for node in execution["nodes"]]
    failed = statuses.count("failed")
    return {
        "execution_id": execution["id"],
        "status": execution["status"],
        "outputs": _values(execution) if execution["ended"] is None else execution["outputs"],
        "duration_ms": elapsed_ms(execution, now),
        "nodes_executed": statuses.count("completed") + failed,
        "nodes_failed": failed,
    }


def view_of(execution: StoredExecution, now: float) -> JSONObject:
    """Return the response to reading an execution: the documented fields and its origin.

    For a brief record, it has no inputs.
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
    """Return the time of the latest change: the end, or now if the execution is running."""
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
