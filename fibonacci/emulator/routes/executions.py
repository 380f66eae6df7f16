"""Executions: read, list, cancel."""

from __future__ import annotations

from dataclasses import replace

from fibonacci.emulator.context import RequestContext
from fibonacci.emulator.engine.records import TERMINAL, cancel, view_of
from fibonacci.emulator.http.errors import conflict, not_found
from fibonacci.emulator.http.paging import paged
from fibonacci.emulator.http.replies import Reply
from fibonacci.emulator.state.store import Record


def get_execution(context: RequestContext) -> Reply:
    """GET /executions/{execution_id}."""
    execution = context.scheduler.refresh(_find(context), context.now)
    reply = _with_trace(context, execution, context.now)
    if context.scheduler.may_end_soon(execution, context.now):  # a user handler has just begun
        return replace(reply, later=lambda: _with_trace(context, *context.scheduler.settle(execution)))
    return reply


def list_executions(context: RequestContext) -> Reply:
    """GET /executions, newest first."""
    workflow_id = context.query.text("workflow_id")
    status = context.query.text("status")
    return paged(
        context.store.executions.rows(newest_first=True),
        context.query,
        kind="executions",
        newest_first=True,
        keep=lambda execution: (
            workflow_id in (None, execution["workflow_id"]) and status in (None, execution["status"])
        ),
        show=lambda execution: view_of(execution, context.now),
    )


def cancel_execution(context: RequestContext) -> Reply:
    """POST /executions/{execution_id}/cancel."""
    execution = _find(context)
    if execution["status"] in TERMINAL:
        raise conflict("status", f"Execution {execution['id']!r} is {execution['status']} and cannot be canceled.")
    return Reply(view_of(cancel(context.store, execution, context.now), context.now))


def _with_trace(context: RequestContext, execution: Record, now: float) -> Reply:
    return Reply(view_of(execution, now) | {"trace": context.scheduler.trace(execution)})


def _find(context: RequestContext) -> Record:
    execution_id = context.path["execution_id"]
    execution = context.store.executions.get(execution_id)
    if execution is None:
        raise not_found("execution_id", "execution", execution_id)
    return execution


ENDPOINTS = [
    ("GET", "/executions/{execution_id}", get_execution),
    ("GET", "/executions", list_executions),
    ("POST", "/executions/{execution_id}/cancel", cancel_execution),
]
