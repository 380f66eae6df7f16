"""The requests of `client.executions` that several calls send."""

from __future__ import annotations

from fibonacci._core.request import Request, page_params
from fibonacci._core.urls import path
from fibonacci.models.executions import Execution


def get_execution(execution_id: str) -> Request[Execution]:
    """Return the request that reads an execution."""
    return Request("GET", path("/executions/{execution_id}", execution_id=execution_id), returns=Execution)


def cancel_execution(execution_id: str, *, idempotency_key: str | None = None) -> Request[Execution]:
    """Return the request that cancels an execution."""
    where = path("/executions/{execution_id}/cancel", execution_id=execution_id)
    return Request("POST", where, returns=Execution, idempotency_key=idempotency_key)


def list_executions(
    *,
    workflow_id: str | None = None,
    status: str | None = None,
    page_size: int | None = None,
    cursor: str | None = None,
) -> Request[Execution]:
    """Return the request for a page of executions, the newest first."""
    params = {"workflow_id": workflow_id, "status": status, **page_params(page_size, cursor)}
    return Request("GET", path("/executions"), returns=Execution, params=params, collection="executions")
