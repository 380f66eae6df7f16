"""The requests of workflows and of executions, which several calls send."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from types import NoneType
from typing import Any, TypeVar

from pydantic import BaseModel
from pydantic_core import from_json

from fibonacci._core.options import UNSET, Unset, check_idempotency_key, kind_of
from fibonacci._core.request import Request, drop_unset, encode, page_params, require_any
from fibonacci._core.urls import check_id, path
from fibonacci._remedies import placeholder
from fibonacci._texts.suggestions import nearest
from fibonacci.models.executions import KNOWN_STATUSES, Execution
from fibonacci.models.workflows import Workflow


def check_status(status: Any) -> None:
    """Refuse a misspelled status, for which the platform would return an empty list.

    The platform may have any other status. What isn't a string is checked with the other parameters.

    Raises:
        ValueError: If it isn't a known status but looks like one.
    """
    if isinstance(status, str) and status not in KNOWN_STATUSES and (near := nearest(status, KNOWN_STATUSES)):
        raise ValueError(f"status {status[:80]!r} looks misspelled: did you mean {near!r}?")


def since_time(since: object, now: float) -> datetime:
    """Return the time from which executions are listed.

    Args:
        since: The time, or how long it has been.
        now: The seconds since the epoch.

    Raises:
        TypeError: If it is neither.
        ValueError: If it is a time without a zone, or has been no time.
    """
    if isinstance(since, timedelta) and since > timedelta():
        return datetime.fromtimestamp(now, UTC) - since
    if not isinstance(since, datetime | timedelta):
        raise TypeError(f"since must be a datetime or a timedelta, not {kind_of(since)}")
    if isinstance(since, timedelta) or since.tzinfo is None:
        raise ValueError(
            f"since must be a timedelta above 0, or a datetime with a time zone, such as datetime.now(UTC), not {since}"
        )
    return since


Absent = TypeVar("Absent", None, Unset | None)


def id_of(workflow_id: str | Workflow | Absent) -> str | Absent:
    """Return the ID of a workflow that an argument may leave out."""
    return workflow_id if isinstance(workflow_id, Unset | None) else check_id("workflow_id", workflow_id)


def get_execution(execution_id: str) -> Request[Execution]:
    """Return the request that reads an execution."""
    where = path("/executions/{execution_id}", execution_id=execution_id)
    return Request("GET", where, returns=Execution, asked_id=execution_id)


def cancel_execution(execution_id: str, *, idempotency_key: str | None = None) -> Request[Execution]:
    """Return the request that cancels an execution."""
    where = path("/executions/{execution_id}/cancel", execution_id=execution_id)
    return Request("POST", where, returns=Execution, idempotency_key=idempotency_key, asked_id=execution_id)


def list_executions(
    *,
    workflow_id: str | Workflow | None = None,
    status: str | None = None,
    page_size: int | None = None,
    cursor: str | None = None,
) -> Request[Execution]:
    """Return the request for a page of executions, the newest first."""
    params = {"workflow_id": id_of(workflow_id), "status": status, **page_params(page_size, cursor)}
    return Request("GET", path("/executions"), returns=Execution, params=params, collection="executions")


Definition = Mapping[str, Any] | BaseModel | None

_EXECUTE_TIMEOUT = 300.0


def create_workflow(
    name: str,
    description: str | Unset | None,
    definition: Definition | Unset,
    *,
    idempotency_key: str | None = None,
) -> Request[Workflow]:
    """Return the request that creates a workflow."""
    body = drop_unset(name=name, description=description, definition=definition)
    return Request("POST", path("/workflows"), returns=Workflow, body=body, idempotency_key=idempotency_key)


def get_workflow(workflow_id: str | Workflow) -> Request[Workflow]:
    """Return the request that reads a workflow."""
    where = path("/workflows/{workflow_id}", workflow_id=workflow_id)
    return Request("GET", where, returns=Workflow, asked_id=check_id("workflow_id", workflow_id))


def update_workflow(
    workflow_id: str | Workflow,
    name: str | Unset = UNSET,
    description: str | Unset | None = UNSET,
    definition: Definition | Unset = UNSET,
) -> Request[Workflow]:
    """Return the request that changes a workflow."""
    body = require_any(name=name, description=description, definition=definition)
    where = path("/workflows/{workflow_id}", workflow_id=workflow_id)
    return Request("PUT", where, returns=Workflow, body=body, asked_id=check_id("workflow_id", workflow_id))


def delete_workflow(workflow_id: str | Workflow) -> Request[None]:
    """Return the request that deletes a workflow."""
    return Request("DELETE", path("/workflows/{workflow_id}", workflow_id=workflow_id), returns=NoneType)


def list_workflows(*, page_size: int | None = None, cursor: str | None = None) -> Request[Workflow]:
    """Return the request for a page of workflows."""
    params = page_params(page_size, cursor)
    return Request("GET", path("/workflows"), returns=Workflow, params=params, collection="workflows")


def execute_workflow(
    workflow_id: str | Workflow, inputs: Mapping[str, Any] | BaseModel | None, idempotency_key: str | None
) -> Request[Execution]:
    """Return the request that starts a workflow."""
    where = path("/workflows/{workflow_id}/execute", workflow_id=workflow_id)
    _check_inputs(inputs)
    return Request(
        "POST",
        where,
        returns=Execution,
        body={} if inputs is None else {"inputs": inputs},
        default_timeout=_EXECUTE_TIMEOUT,
        idempotency_key=check_idempotency_key(idempotency_key),
    )


def sent_inputs(request: Request[Execution]) -> dict[str, Any] | None:
    """Return the inputs that such a request sends, as JSON, before the caller can change them. None if they can't be.

    Raises:
        TypeError: If a value in them has no JSON form, as when the request is sent.
    """
    with suppress(ValueError):  # refused when it is sent, or nested too deeply to be read
        inputs: dict[str, Any] = from_json(encode(request.body)).get("inputs", {})
        return inputs
    return None


def _check_inputs(inputs: object) -> None:
    if not isinstance(inputs, Mapping | BaseModel | None):
        kind = kind_of(inputs)
        raise TypeError(f"inputs must be a mapping of names to values, or a Pydantic model with fields, not {kind}")


def check_name(name: object) -> str:
    """Return the name of a workflow to look for.

    Raises:
        TypeError: If it isn't a string.
        ValueError: If it is blank, as an environment variable that isn't set.
    """
    if not isinstance(name, str):
        raise TypeError(f"name must be a str, not {kind_of(name)}")
    if not name.strip():
        raise ValueError(f"{placeholder('name')} must be the name of a workflow, not {name!r}")
    return name
