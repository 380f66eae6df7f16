"""What every endpoint owes: envelopes, errors, a key, the rate limit, the documented response, and what it refuses."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from tests.contract.suite.calls import CALLS, INVALID, NO_BODY, UNKNOWN_OBJECTS, EndpointCall, require_shape
from tests.contract.suite.check import (
    UNKNOWN,
    CheckRun,
    Checks,
    items_of,
    named,
    require,
    require_among,
    require_bare,
    require_envelope,
    require_equal,
    require_field,
    require_refusal,
    require_type,
)
from tests.contract.suite.server import RawResponse, Server
from tests.contract.suite.values import BODIES, Schema, invalid

BASICS: Final = Checks("basics")


@BASICS.documented("GET /tools", "A success is {data, meta: {request_id}}")
def _success(server: Server) -> None:
    require_envelope(server.raw("GET", "/tools"))


@BASICS.documented("GET /tools", "Responses are JSON, and their Content-Type is application/json")
def _json(server: Server) -> None:
    kind = server.raw("GET", "/tools").headers.get("content-type", "")
    require(kind.startswith("application/json"), f"Content-Type is {kind!r}")


@BASICS.documented("GET /workflows/{id}", "An error is {error: {code, message, details}}, and details is a list")
def _error(server: Server) -> None:
    require_refusal(server.raw("GET", f"/workflows/{UNKNOWN}"), 404)


@BASICS.choice("GET /tools", "A request without a key is refused with 401")
def _no_key(server: Server) -> None:
    require_refusal(server.raw("GET", "/tools", authorization=None), 401)


@BASICS.choice("GET /tools", "A request with an unknown key is refused with 401")
def _wrong_key(server: Server) -> None:
    require_refusal(server.raw("GET", "/tools", authorization=f"Bearer {UNKNOWN}"), 401)


@BASICS.choice("GET /{unknown}", "An unknown path is refused with 404")
def _unknown_path(server: Server) -> None:
    require_equal(server.raw("GET", f"/{UNKNOWN}").status, 404, "the status")


@BASICS.documented(
    "GET /tools", "Responses have X-RateLimit-Limit and X-RateLimit-Remaining, which is at most the limit"
)
def _rate_limit(server: Server) -> None:
    headers = server.raw("GET", "/tools").headers
    limit, remaining = (headers.get(f"x-ratelimit-{name}", "") for name in ("limit", "remaining"))
    require(limit.isdecimal(), f"X-RateLimit-Limit is {limit!r}")
    require(remaining.isdecimal(), f"X-RateLimit-Remaining is {remaining!r}")
    require(int(remaining) <= int(limit), f"{remaining} of {limit} requests are left")


@BASICS.documented("GET /tools", "X-RateLimit-Reset is a time in Unix seconds, at most a day away")
def _reset(server: Server) -> None:
    text = server.raw("GET", "/tools").headers.get("x-ratelimit-reset", "")
    require(text.isdecimal(), f"X-RateLimit-Reset is {text!r}")
    require(abs(int(text) - server.now()) < 2 * 86_400, f"X-RateLimit-Reset is {text}")


@BASICS.documented("GET /tools", "The client reads the rate limit and the request id of a response")
def _read_by_the_client(server: Server) -> None:
    server.require_documented("rate limits and request ids")
    page = next(iter(server.client.tools.list().pages()))
    require_type(page.response.request_id, str, "the request id")
    require(page.response.rate_limit is not None, "the client sees no rate limit")


@BASICS.choice("POST /workflows", "A body that is not JSON is refused with 400", changes=True)
def _not_json(server: Server) -> None:
    require_refusal(server.raw("POST", "/workflows", body=b'{"name": '), 400)


@BASICS.documented("GET /tools", "Each response has a different request id")
def _own_request_ids(server: Server) -> None:
    ids = [server.raw("GET", "/tools").json["meta"]["request_id"] for _ in range(2)]
    require(ids[0] != ids[1], f"two responses have the request id {ids[0]}")


@BASICS.choice("GET /tools", "The response to an unknown key does not suggest an unused rate limit")
def _limit_of_no_key(server: Server) -> None:
    headers = server.raw("GET", "/tools", authorization=f"Bearer {UNKNOWN}").headers
    limit, remaining = (headers.get(f"x-ratelimit-{name}") for name in ("limit", "remaining"))
    require(remaining is None or remaining != limit, f"{remaining} of {limit} requests are left to an unknown key")


HEALTH: Final = Checks("health")


@HEALTH.documented("GET /health", "Health is an object with a status")
def _health(server: Server) -> None:
    require_type(server.client.health.check().status, str, "status")


@HEALTH.choice("GET /health", "A health response has the status 200, or 503 with a JSON body")
def _http_status(server: Server) -> None:
    response = server.raw("GET", "/health")
    require_among(response.status, (200, 503), "the status")
    require_type(response.json, dict, "the body")


@HEALTH.documented("GET /health/secrets", "The health of secrets is a bare object: status, backend, checks")
def _secrets(server: Server) -> None:
    content = require_bare(server.raw("GET", "/health/secrets"), "status", "backend", "checks")
    require_type(content["status"], str, "status")
    require_type(content["backend"], str, "backend")


@HEALTH.documented("GET /health/secrets", "Its checks are list_secrets and get_secret, each with a text")
def _secrets_checks(server: Server) -> None:
    checks = server.client.health.secrets().checks
    require_type(checks.get("list_secrets"), str, "checks.list_secrets")
    require_type(checks.get("get_secret"), str, "checks.get_secret")


_EXPECTED: Final = {
    "full": "The response is {data, meta: {request_id}}, and data has the documented fields",
    "page": "The response is {data, meta: {request_id}}, and the objects of its list have the documented fields",
    "data": "The response is {data} without meta, and data has the documented fields",
    "bare": "The response is an object without an envelope, and has the documented fields",
    "empty": "The response is a 204 without a body",
}
_STATUSES: Final[Mapping[str, tuple[int, ...]]] = dict.fromkeys(("GET /health", "GET /health/secrets"), (200, 503))
"""The statuses of the endpoints that respond with more than 200 and 201."""
_DAYS: Final = 2 * 86_400

EVERY_ENDPOINT: Final = Checks("every_endpoint")


def _require_documented(response: RawResponse, call: EndpointCall) -> None:
    if call.envelope == "empty":
        require_equal((response.status, response.body), (204, b""), "the status and the body")
        return
    require_among(response.status, _STATUSES.get(call.endpoint, (200, 201)), "the status")
    kind = response.headers.get("content-type", "")
    require(kind.startswith("application/json"), f"Content-Type is {kind!r}")
    content = response.json
    require_type(content, dict, "the body")
    if call.envelope in ("full", "page"):
        require_equal(sorted(content), ["data", "meta"], "what the body holds")
        require_type(content["meta"], dict, "meta")
        require_type(content["meta"].get("request_id"), str, "meta.request_id")
        require(content["meta"]["request_id"], "meta.request_id is empty")
    elif call.envelope == "data":
        require_equal(sorted(content), ["data"], "what the body holds")
    if call.envelope == "page":
        for item in items_of(response):
            require_shape(item, call.shape, "the item")
    else:
        require_shape(content if call.envelope == "bare" else content["data"], call.shape, "the object")


def _limit_of(server: Server, headers: Mapping[str, str]) -> tuple[int, int, int]:
    texts = {name: headers.get(f"x-ratelimit-{name}", "") for name in ("limit", "remaining", "reset")}
    for name, text in texts.items():
        require(text.isdecimal(), f"X-RateLimit-{name.capitalize()} is {text!r}, not a number")
    limit, remaining, reset = map(int, texts.values())
    require(remaining <= limit, f"X-RateLimit-Remaining is {remaining}, but X-RateLimit-Limit is {limit}")
    require(abs(reset - server.now()) < _DAYS, f"X-RateLimit-Reset is {reset}, not within two days in Unix seconds")
    return limit, remaining, reset


def _require_falling(server: Server) -> None:
    before, after = server.wire.exchanges[-2:]
    limit, earlier, reset = _limit_of(server, before.headers)
    same_limit, later, same_reset = _limit_of(server, after.headers)
    require(
        later < earlier or (limit, reset) != (same_limit, same_reset),
        f"X-RateLimit-Remaining is {later}, and was {earlier} in the response before, in the same window",
    )


def _response_check(call: EndpointCall) -> Callable[[Server], None]:
    def response(server: Server) -> None:
        server.raw("GET", "/health")  # so that there is a response before
        _require_documented(call.call(server), call)
        _require_falling(server)

    return named(response, call.endpoint)


def _key_check(endpoint: str) -> Callable[[Server], None]:
    method, path = endpoint.split(" ")

    def key(server: Server) -> None:
        place = re.sub(r"\{\w+\}", UNKNOWN, path.replace("{organization_id}", server.organization_id))
        body: dict[str, object] | None = None if method in ("GET", "DELETE") else {}
        require_refusal(server.raw(method, place, json_body=body, authorization=None), 401)

    return named(key, endpoint)


def _add_checks(call: EndpointCall) -> None:
    basis = EVERY_ENDPOINT.choice if call.envelope == "empty" else EVERY_ENDPOINT.documented
    expected = f"{_EXPECTED[call.envelope]}. The rate limit in its headers goes down"
    basis(call.endpoint, expected, changes=call.creates)(_response_check(call))
    is_write = not call.endpoint.startswith("GET ")
    EVERY_ENDPOINT.choice(call.endpoint, "Without a key, a request is refused with 401", changes=is_write)(
        _key_check(call.endpoint)
    )


for _call in CALLS:
    _add_checks(_call)


REFUSALS: Final = Checks("refusals")


def _path_of(endpoint: str, server: Server) -> str:
    path = endpoint.partition(" ")[2].replace("{organization_id}", server.organization_id)
    for name in ("{id}", "{version}", "{tool_name}", "{key}"):
        path = path.replace(name, UNKNOWN)
    return path


def _unknown_check(endpoint: str, body: Any) -> Callable[[Server], None]:
    def unknown(server: Server) -> None:
        json_body = None if body is NO_BODY else body
        response = server.raw(endpoint.partition(" ")[0], _path_of(endpoint, server), json_body=json_body)
        error = require_refusal(response, 404)
        names = re.findall(r"\{(\w+)\}", endpoint.replace("{organization_id}", ""))
        kind = "execution_id" if "/executions/" in endpoint else "workflow_id"
        require_field(error, kind if names[0] == "id" else names[0])

    return named(unknown, endpoint)


def _invalid_check(endpoint: str, path: Callable[[Server], str], body: Any) -> Callable[[Server], None]:
    def invalid(server: Server) -> None:
        response = server.raw(endpoint.partition(" ")[0], path(server), json_body=body)
        _delete_what_was_created(server, endpoint, response)
        require_equal(require_refusal(response, 422)["code"], "validation_error", "error.code")

    return named(invalid, endpoint)


def _delete_what_was_created(server: Server, endpoint: str, response: RawResponse) -> None:
    if endpoint == "POST /workflows" and response.status in (200, 201):
        created: dict[str, Any] = response.json.get("data") or {}
        server.add_cleanup(server.client.workflows.delete, created.get("id") or UNKNOWN)


for _where, _content in UNKNOWN_OBJECTS:
    REFUSALS.choice(
        _where,
        "An unknown object is refused with 404 and the documented error",
        changes=not _where.startswith("GET "),
    )(_unknown_check(_where, _content))

for _where, _place, _content in INVALID:
    REFUSALS.documented(
        _where, "A value of the wrong type is refused with 422 and the code validation_error", changes=True
    )(_invalid_check(_where, _place, _content))


def _all_wrong_check(endpoint: str, path: Callable[[Server], str], properties: Mapping[str, Schema]) -> CheckRun:
    def all_wrong(server: Server) -> None:
        place = path(server)
        wrong: Mapping[str, list[Any]] = {name: list(invalid(schema)) for name, schema in properties.items()}
        for number in range(max(map(len, wrong.values()))):
            body = {name: values[number] for name, values in wrong.items() if number < len(values)}
            body["contract_suite"] = 1
            response = server.raw(endpoint.partition(" ")[0], place, json_body=body)
            _delete_what_was_created(server, endpoint, response)
            details = require_refusal(response, 422)["details"]
            missing = [name for name in body if not re.search(rf"\b{name}\b", str(details))]
            require(not missing, f"error.details of {body} does not name {', '.join(missing)}: {details}")

    return named(all_wrong, endpoint)


for _where, _place, _wrong in INVALID:
    if _where in BODIES:
        REFUSALS.choice(
            _where,
            "Values of the wrong type, values out of bounds and unknown properties are refused with 422, and the "
            "details name every wrong property",
            changes=True,
        )(_all_wrong_check(_where, _place, BODIES[_where]))


@REFUSALS.choice(
    "POST /workflows", "At every endpoint with a body, the details of a 422 say what is wrong", changes=True
)
def _details(server: Server) -> None:
    for endpoint, path, body in INVALID:
        response = server.raw(endpoint.partition(" ")[0], path(server), json_body=body)
        require(require_refusal(response, 422)["details"], f"error.details of {endpoint} is empty")
