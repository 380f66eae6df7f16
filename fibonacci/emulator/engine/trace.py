"""The trace of an execution: what each node received and returned, and why it failed or was skipped.

What only the trace shows is stored separately from the record of the execution, so that lists don't read it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fibonacci.definitions.json_types import is_object
from fibonacci.emulator.engine.node_states import iteration_of
from fibonacci.emulator.engine.variables import redact, texts_of
from fibonacci.emulator.state.clock import iso
from fibonacci.emulator.state.json_encoding import JSONObject, fields_of
from fibonacci.emulator.state.records import StoredExecution, StoredNode, StoredTrace
from fibonacci.emulator.state.store import Store


def trace_of(store: Store, secrets: Iterable[str], execution: StoredExecution) -> list[JSONObject]:
    """Return the trace of an execution, its nodes in order, inside a transaction.

    Args:
        store: The store, with what is noted for the trace.
        secrets: The values that the trace must not show.
        execution: The record of the execution.
    """
    hidden, notes = texts_of(secrets), store.executions.trace(execution["id"])
    return [_times_and_state(node) | _content(node, notes.get(node["id"], {}), hidden) for node in execution["nodes"]]


def _times_and_state(node: StoredNode) -> JSONObject:
    has_run = node["status"] != "skipped"
    return {
        "id": node["id"],
        "type": node["type"],
        "status": node["status"],
        "started_at": _time(node["started"]) if has_run else None,
        "ended_at": _time(node["ended"]) if has_run else None,
        "attempts": node["attempts"],
        "iteration": iteration_of(node),
    }


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else iso(seconds)


def _content(node: StoredNode, note: StoredTrace, hidden: Sequence[str]) -> JSONObject:
    """Return what a node was given and returned, with hidden texts replaced, even in keys that users chose."""
    is_skipped, usage = node["status"] == "skipped", node.get("usage")
    given = None if is_skipped else note.get("input")  # in an earlier iteration it may have run
    warnings = [*note.get("warnings", []), *note.get("without_value", []), *note.get("remarks", [])]
    return {
        "input": {name: redact(value, hidden) for name, value in given.items()}
        if is_object(given)
        else redact(given, hidden),
        "output": redact(node["output"], hidden) if node["status"] == "completed" else None,
        "error": redact(node["error"], hidden) if node["status"] == "failed" else None,
        "reason": redact(note.get("reason"), hidden) if is_skipped else None,
        "usage": None if usage is None else fields_of(usage),
        "warnings": redact(warnings, hidden),
    }
