"""Executions: read, list, cancel."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

from fibonacci.emulator.context import Endpoint, Platform, RequestContext, RunReply
from fibonacci.emulator.engine.emulator_warnings import EmulatorWarning
from fibonacci.emulator.engine.records import view_of
from fibonacci.emulator.http.messages import Reply, conflict, not_found
from fibonacci.emulator.http.paging import paged
from fibonacci.emulator.policy.approvals import cancel
from fibonacci.emulator.state.records import STATUSES, TERMINAL, StoredExecution
from fibonacci.models.executions import KNOWN_STATUSES


def get_execution(context: RequestContext) -> RunReply:
    """GET /executions/{execution_id}."""
    execution = context.platform.scheduler.refresh(find_execution(context, "execution_id"), context.now)
    return RunReply(execution, partial(_with_trace, context.platform))


def list_executions(context: RequestContext) -> Reply:
    """GET /executions, newest first. Large inputs are left out unless `include=inputs` asks for them."""
    _check_status(context)
    is_brief = context.query.text("include") is None
    context.query.choice("include", ("inputs",), default="inputs")
    status = context.query.text("status")
    rows = partial(
        context.store.executions.rows,
        workflow_id=context.query.text("workflow_id"),
        statuses=() if status is None else (status,),
        brief=is_brief,
    )
    return paged(
        rows,
        context.query,
        kind="executions",
        newest_first=True,
        show=lambda execution: view_of(execution, context.now),
    )


def cancel_execution(context: RequestContext) -> Reply:
    """POST /executions/{execution_id}/cancel."""
    execution = find_execution(context, "execution_id")
    if execution["status"] in TERMINAL:
        raise conflict("status", f"Execution {execution['id']!r} is {execution['status']} and cannot be canceled.")
    return Reply(view_of(cancel(context, execution), context.now))


def _check_status(context: RequestContext) -> None:
    """Warn about an unknown status, for which the list is empty."""
    status = context.query.text("status")
    if status is not None and status not in STATUSES and status not in KNOWN_STATUSES:
        message = f"no execution can have the status {status!r}. The statuses are {', '.join(sorted(STATUSES))}"
        context.environment.warnings.report(
            [EmulatorWarning(code="unknown_status", location="GET /executions ?status", message=message)]
        )


def _with_trace(platform: Platform, execution: StoredExecution, now: float) -> Reply:
    return Reply({**view_of(execution, now), "trace": platform.scheduler.trace(execution)})


def find_execution(context: RequestContext, parameter: str) -> StoredExecution:
    """Return the execution that a parameter of the path names.

    Raises:
        HTTPException: 404 if it does not exist.
    """
    execution_id = context.path[parameter]
    execution = context.store.executions.get(execution_id)
    if execution is None:
        raise not_found(parameter, "execution", execution_id)
    return execution


ENDPOINTS: Final[Sequence[Endpoint]] = (
    Endpoint("GET", "/executions/{execution_id}", get_execution),
    Endpoint("GET", "/executions", list_executions),
    Endpoint("POST", "/executions/{execution_id}/cancel", cancel_execution),
)
