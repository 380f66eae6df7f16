"""The API that fibonacci-sdk 0.2.4 speaks, `api_version="0.2"`: documented requests to its requests, and back.

A call describes its documented request, and reads the documented response. In between, `request_of` and
`documented_response` translate. Nothing else in the client knows this API, and this module does no I/O. Its facts were
read from the published package 0.2.4.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Final, NamedTuple, TypeVar

from pydantic_core import from_json, to_json

from fibonacci._core.error_mapping import other_api, response_error
from fibonacci._core.json_bodies import is_array, is_object, parse_json
from fibonacci._core.options import kind_of
from fibonacci._core.request import Request, encode
from fibonacci._core.response import APIResponse
from fibonacci._core.urls import FilledPath, QueryValue, path
from fibonacci._remedies import remedy
from fibonacci.errors import UnsupportedCallError
from fibonacci.models.executions import Execution

T = TypeVar("T")
_Translation = Callable[[Request[Any]], Request[Any]]

PREFIX: Final = "/api/v1"
"""What every path begins with, below the root of the server."""

_PAGE: Final = 100  # items: what 0.2.4 asks for
_HOUR: Final = 3600
_CURSOR: Final = re.compile(r"([0-9]{1,15})-([0-9]{1,15})")

_RUN_FIELDS: Final = {
    "inputs": "input_data",
    "outputs": "output_data",
    "error": "error_message",
    "created_at": "started_at",
}
"""The fields of a run that an execution has under another name."""


class Missing(NamedTuple):
    """A call that the server doesn't have.

    Attributes:
        call: The name of the call, as in Python.
        text: Returns what to use instead, in the words of who reads it.
    """

    call: str
    text: Callable[[], str]

    @property
    def instead(self) -> str:
        """What to use instead."""
        return self.text()


def request_of(request: Request[T]) -> Request[T]:
    """Return the request to this API for a documented one. A path that the user passed is below `/api/v1`.

    Raises:
        UnsupportedCallError: If the server has no such call.
        TypeError: If an argument has no form in this API, because of its type.
        ValueError: The same, because of its value.
    """
    if not isinstance(request.path, FilledPath):
        return request._replace(path=PREFIX + request.path)
    endpoint = f"{request.method} {request.path.template}"
    entry = CALLS[endpoint]
    if isinstance(entry, Missing):
        raise _unsupported(entry, endpoint)
    return entry(request)


def documented_response(request: Request[Any], response: APIResponse) -> APIResponse:
    """Return a success of this API in the documented shape. One that isn't as expected remains as it is.

    Args:
        request: The documented request.
        response: The response.

    Raises:
        APIResponseError: If it is in the envelope of the documented API.
    """
    try:
        document = parse_json(response.parsable_body)
    except ValueError:  # no JSON, damaged, or too large: whoever reads it says so
        return response
    if isinstance(request.path, FilledPath) and is_object(document) and document.keys() == {"data", "meta"}:
        raise response_error(response, "the response has an envelope of data and meta", other_api("0.2"))
    documented = {"data": _documented(request, document), "meta": _meta(request, document)}
    return response.with_body(to_json(documented, inf_nan_mode="constants"))


def _unsupported(entry: Missing, endpoint: str) -> UnsupportedCallError:
    return UnsupportedCallError(
        (
            f"{entry.call} ({endpoint}) is not in the API of fibonacci-sdk 0.2.4, which "
            f"{remedy('what selects 0.2')} selects. Nothing was sent. {entry.instead}"
        ),
        call=entry.call,
        endpoint=endpoint,
        api_version="0.2",
    )


def _to(
    template: str,
    request: Request[Any],
    *,
    method: str | None = None,
    body: Callable[[Request[Any]], object] | None = None,
    params: Callable[[Request[Any]], Mapping[str, QueryValue]] | None = None,
) -> Request[Any]:
    """Return a request with another path, and what else differs. Parameters of the path keep their names."""
    assert isinstance(request.path, FilledPath)  # `request_of` has asked
    filled = dict(zip(request.path.template.split("/"), request.path.split("/"), strict=True))
    there = FilledPath(PREFIX + "/".join(filled.get(part, part) for part in template.split("/")))
    there.template = PREFIX + template
    return request._replace(
        method=method or request.method,
        path=there,
        body=request.body if body is None else body(request),
        params=request.params if params is None else params(request),
    )


def _creation(request: Request[Any]) -> object:
    return {**_changes(request), "is_active": True, "is_template": False}


def _changes(request: Request[Any]) -> dict[str, Any]:
    body: dict[str, Any] = request.body
    with suppress(ValueError):  # an unusable body is refused later, and one too deep to read is sent as it is
        body = from_json(encode(body))  # it may have models in it
    if is_object(body.get("definition")):
        from fibonacci.definitions.files.legacy_dialect import in_words_of_0_2_4  # few programs write definitions

        return body | {"definition": in_words_of_0_2_4(body["definition"])}
    return body


def _input_data(request: Request[Any]) -> object:
    return {"input_data": request.body.get("inputs", {})}


def _page(request: Request[Any]) -> Mapping[str, QueryValue]:
    """Return the parameters of a page. A cursor is how many items to skip, and how many the first page had."""
    params = dict(request.params)
    cursor, limit = params.pop("cursor", None), params.pop("limit", None)
    skip = 0 if cursor is None else _read_cursor(cursor)[0]
    return {**params, "skip": skip, "limit": _PAGE if limit is None else limit}


def _read_cursor(cursor: QueryValue) -> tuple[int, int]:
    match = _CURSOR.fullmatch(str(cursor))
    if match is None:
        raise ValueError(f"cursor must be the next_cursor of an earlier page of this API, not {cursor!r}")
    return int(match[1]), int(match[2])


def _one_page(request: Request[Any]) -> Mapping[str, QueryValue]:
    if request.params.get("cursor") is not None:
        raise ValueError("cursor: this server lists all tools on one page, so leave it out")
    return {}


def _runs(request: Request[Any]) -> Request[Any]:
    params = dict(request.params)
    workflow_id, status = params.pop("workflow_id", None), params.pop("status", None)
    if workflow_id is None:
        raise _unsupported(_RUNS_OF_ALL, "GET /executions")
    where = path("/workflows/{workflow_id}/runs", workflow_id=str(workflow_id))
    request = request._replace(path=where, params={**params, "status_filter": status})
    return _to("/workflows/{workflow_id}/runs", request, params=_page)


def _place(request: Request[Any]) -> Mapping[str, QueryValue]:
    """Return where a value is. 0.2.4 always names the scope, and whether a deletion is final."""
    place: dict[str, QueryValue] = {**request.params, "scope": request.params.get("scope") or "workflow"}
    return place | {"hard_delete": False} if request.method == "DELETE" else place


def _memory_write(request: Request[Any]) -> Request[Any]:
    from urllib.parse import unquote  # few programs write into the memory

    body = {name: value for name, value in request.body.items() if name not in ("scope", "ttl")}
    body |= {"key": unquote(request.path.rpartition("/")[2]), "scope": request.body.get("scope") or "workflow"}
    ttl = request.body.get("ttl")
    if ttl is not None:
        body["expires_in_hours"] = _hours(ttl)
    return _to("/memory", request, method="POST", body=lambda _: body)


def _hours(ttl: object) -> int:
    if isinstance(ttl, bool) or not isinstance(ttl, int):
        raise TypeError(f"ttl must be a number of seconds as an int, not {kind_of(ttl)}")
    if ttl <= 0 or ttl % _HOUR:
        nearest = max(1, round(ttl / _HOUR)) * _HOUR
        raise ValueError(f"ttl must be whole hours in seconds on this server, such as {nearest}, not {ttl}")
    return ttl // _HOUR


def _documented(request: Request[Any], document: Any) -> Any:
    if request.returns is not Execution:
        return document
    return [_execution(item) for item in document] if is_array(document) else _execution(document)


def _execution(run: Any) -> Any:
    """Return a run with the names of an execution beside its own."""
    if not is_object(run):
        return run
    added = {name: run[own] for name, own in _RUN_FIELDS.items() if own in run}
    seconds = run.get("duration_seconds")
    if isinstance(seconds, int | float):
        with suppress(OverflowError, ValueError):  # JSON in Python may hold an infinity or NaN
            added["duration_ms"] = round(seconds * 1000)
    return added | run


def _meta(request: Request[Any], document: object) -> dict[str, str]:
    """Return what names the next page, if there may be one.

    A server may put less on a page than was asked for, and doesn't say how much it allows. So a list ends with an empty
    page, or with one that is shorter than the first although as much was asked for.
    """
    if not isinstance(request.path, FilledPath) or request.path not in _LISTS:
        return {}
    if not is_array(document) or not document:
        return {}
    cursor, limit = request.params.get("cursor"), int(request.params.get("limit") or _PAGE)
    skip, first = (0, 0) if cursor is None else _read_cursor(cursor)
    if len(document) < min(first, limit):
        return {}
    return {"next_cursor": f"{skip + len(document)}-{first or len(document)}"}


_LISTS: Final = ("/workflows", "/executions")
"""The lists that have pages."""


def _no_versions() -> str:
    return (
        f"This server keeps no versions: {remedy('get a workflow')} has the number and the definition of the latest "
        f"one, and the files of {remedy('plan and apply')} keep the earlier ones"
    )


def _no_templates() -> str:
    return f"Templates are flags of workflows there: {remedy('a request', method='PATCH', path='/workflows/ID')}"


def _no_governance() -> str:
    return "This server has no governance, no quotas and no tool policies of organizations"


def _no_health() -> str:
    return f"{remedy('list a tool')} shows whether the server responds and the key is valid"


_RUNS_OF_ALL: Final = Missing(
    "executions.list",
    lambda: f"This server lists the runs of one workflow: {remedy('name a workflow')} once for each workflow",
)

CALLS: Final[Mapping[str, _Translation | Missing]] = {
    "GET /workflows": partial(_to, "/workflows", params=_page),
    "POST /workflows": partial(_to, "/workflows", body=_creation),
    "GET /workflows/{workflow_id}": partial(_to, "/workflows/{workflow_id}"),
    "PUT /workflows/{workflow_id}": partial(_to, "/workflows/{workflow_id}", method="PATCH", body=_changes),
    "DELETE /workflows/{workflow_id}": partial(_to, "/workflows/{workflow_id}"),
    "POST /workflows/{workflow_id}/execute": partial(_to, "/workflows/{workflow_id}/execute", body=_input_data),
    "GET /executions": _runs,
    "GET /executions/{execution_id}": partial(_to, "/runs/{execution_id}"),
    "POST /executions/{execution_id}/cancel": Missing(
        "executions.cancel", lambda: f"A run there ends by itself: {remedy('wait')} waits for it"
    ),
    "GET /memory/{key}": partial(_to, "/memory/{key}", params=_place),
    "PUT /memory/{key}": _memory_write,
    "DELETE /memory/{key}": partial(_to, "/memory/{key}", params=_place),
    "GET /tools": partial(_to, "/tools", params=_one_page),
    "GET /tools/{tool_name}": partial(_to, "/tools/{tool_name}"),
    "POST /tools/{tool_name}/connect": Missing(
        "tools.connect",
        lambda: f"Secrets of tools are set there by {remedy('a request', method='POST', path='/me/secrets')}",
    ),
    "GET /workflows/{workflow_id}/versions": Missing("versions.list", _no_versions),
    "GET /workflows/{workflow_id}/versions/{version}": Missing("versions.get", _no_versions),
    "POST /workflows/{workflow_id}/versions/{version}/rollback": Missing("versions.rollback", _no_versions),
    "GET /workflow-registry": Missing("registry.list", _no_templates),
    "POST /workflow-registry/{workflow_id}/approve-template": Missing("registry.approve_template", _no_templates),
    "POST /workflow-registry/{workflow_id}/deprecate": Missing("registry.deprecate", _no_templates),
    "POST /workflow-registry/{workflow_id}/archive": Missing("registry.archive", _no_templates),
    "GET /health": Missing("health.check", _no_health),
    "GET /health/secrets": Missing("health.secrets", _no_health),
    **{
        f"{method} /organizations/{{organization_id}}/{rest}": Missing(f"organizations.{call}", _no_governance)
        for method, rest, call in (
            ("GET", "governance", "governance.get"),
            ("PATCH", "governance", "governance.update"),
            ("GET", "governance/report", "governance.report"),
            ("GET", "governance/audit", "governance.audit"),
            ("GET", "governance/approvals", "governance.approvals"),
            ("GET", "quota", "quota.get"),
            ("PATCH", "quota", "quota.update"),
            ("GET", "tool-policies", "tool_policies.list"),
            ("POST", "tool-policies", "tool_policies.create"),
            ("PATCH", "tool-policies/{tool_name}", "tool_policies.update"),
            ("DELETE", "tool-policies/{tool_name}", "tool_policies.delete"),
            ("GET", "role-policy-overrides", "tool_policies.list_role_overrides"),
            ("POST", "role-policy-overrides", "tool_policies.create_role_override"),
        )
    },
}
"""What becomes of each documented endpoint."""
