"""Executions: read, list, cancel."""

from __future__ import annotations

from dataclasses import replace

from fibonacci.emulator.call import Call
from fibonacci.emulator.envelope import Reply
from fibonacci.emulator.errors import conflict, not_found
from fibonacci.emulator.executions import TERMINAL, cancel, view_of
from fibonacci.emulator.paging import paged
from fibonacci.emulator.store import Record


def get_execution(call: Call) -> Reply:
    """GET /executions/{execution_id}."""
    execution = call.engine.look(_find(call), call.now)
    reply = Reply(view_of(execution, call.now))
    if call.engine.may_end_soon(execution, call.now):  # a handler has just begun
        return replace(reply, later=lambda: Reply(view_of(*call.engine.settle(execution))))
    return reply


def list_executions(call: Call) -> Reply:
    """GET /executions, newest first."""
    workflow_id = call.query.text("workflow_id")
    status = call.query.text("status")
    return paged(
        call.store.executions.rows(newest_first=True),
        call.query,
        kind="executions",
        newest_first=True,
        keep=lambda execution: (
            workflow_id in (None, execution["workflow_id"]) and status in (None, execution["status"])
        ),
        show=lambda execution: view_of(execution, call.now),
    )


def cancel_execution(call: Call) -> Reply:
    """POST /executions/{execution_id}/cancel."""
    execution = _find(call)
    if execution["status"] in TERMINAL:
        raise conflict("status", f"Execution {execution['id']!r} is {execution['status']} and cannot be cancelled.")
    return Reply(view_of(cancel(call.store, execution, call.now), call.now))


def _find(call: Call) -> Record:
    execution_id = call.path["execution_id"]
    execution = call.store.executions.get(execution_id)
    if execution is None:
        raise not_found("execution_id", "execution", execution_id)
    return execution


ENDPOINTS = [
    ("GET", "/executions/{execution_id}", get_execution),
    ("GET", "/executions", list_executions),
    ("POST", "/executions/{execution_id}/cancel", cancel_execution),
]
