"""What every endpoint owes: envelopes, errors, a key, the rate limit, the documented response, and what it refuses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from tests.contract.suite.calls import (
    CALLS,
    NAMED,
    OPERATIONS,
    Calling,
    changes,
    documented_form,
    new_workflow,
    require_shape,
    send,
)
from tests.contract.suite.check import (
    UNKNOWN,
    CheckRun,
    Checks,
    items_of,
    named,
    require,
    require_among,
    require_bare,
    require_equal,
    require_field,
    require_refusal,
    require_type,
)
from tests.contract.suite.server import NotHonored, RawResponse, Server, Skipped
from tests.contract.suite.values import BODIES, invalid

BASICS: Final = Checks("basics")


@BASICS.choice("GET /tools", "A request with an unknown key is refused with 401, and suggests no unused rate limit")
def _wrong_key(server: Server) -> None:
    response = server.raw("GET", "/tools", authorization=f"Bearer {UNKNOWN}")
    require_refusal(response, 401)
    limit, remaining = (response.headers.get(f"x-ratelimit-{name}") for name in ("limit", "remaining"))
    require(remaining is None or remaining != limit, f"{remaining} of {limit} requests are left to an unknown key")


@BASICS.choice("GET /{unknown}", "An unknown path is refused with 404")
def _unknown_path(server: Server) -> None:
    require_equal(server.raw("GET", f"/{UNKNOWN}").status, 404, "the status")


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


@BASICS.choice("GET /workflows/{workflow_id}", "A response without meta has its request id in X-Request-Id")
def _request_id_without_meta(server: Server) -> None:
    for path in (f"/workflows/{UNKNOWN}", server.path("governance")):
        if not server.raw("GET", path).headers.get("x-request-id"):
            raise NotHonored(f"the response to GET {path} has no X-Request-Id")


@BASICS.choice(
    "POST /workflows", "A second request with the same Idempotency-Key gets the response to the first", changes=True
)
def _idempotency_key(server: Server) -> None:
    headers = {"idempotency-key": f"contract-suite-{new_workflow(server)}"}  # another in each run of the suite
    ids = [server.raw("POST", "/workflows", json_body=NAMED, headers=headers).json["data"]["id"] for _ in range(2)]
    for workflow_id in ids:
        server.add_cleanup(server.client.workflows.delete, workflow_id)
    if ids[0] != ids[1]:
        raise NotHonored("two requests with the same Idempotency-Key created two workflows")


HEALTH: Final = Checks("health")


@HEALTH.documented("GET /health/secrets", "It is a bare object. Its checks are list_secrets and get_secret")
def _secrets(server: Server) -> None:
    content = require_bare(server.raw("GET", "/health/secrets"), "status", "backend", "checks")
    for place, names in ((content, ("status", "backend")), (content["checks"], ("list_secrets", "get_secret"))):
        for name in names:
            require_type(place.get(name), str, name)


_EXPECTED: Final = {
    "full": "The response is {data, meta: {request_id}}, and data has the documented fields",
    "page": "The response is {data, meta: {request_id}}, and the objects of its list have the documented fields",
    "data": "The response is {data} without meta, and data has the documented fields",
    "bare": "The response is an object without an envelope, and has the documented fields",
    "empty": "The response is a 204 without a body",
}
_DAYS: Final = 2 * 86_400

EVERY_ENDPOINT: Final = Checks("every_endpoint")


def _require_documented(response: RawResponse, endpoint: str) -> None:
    envelope, shape = documented_form(endpoint)
    if envelope == "empty":
        require_equal((response.status, response.body), (204, b""), "the status and the body")
        return
    is_health = endpoint.startswith("GET /health")
    require_among(response.status, (200, 503) if is_health else (200, 201), "the status")
    kind = response.headers.get("content-type", "")
    require(kind.startswith("application/json"), f"Content-Type is {kind!r}")
    content = response.json
    require_type(content, dict, "the body")
    if envelope in ("full", "page"):
        require_equal(sorted(content), ["data", "meta"], "what the body holds")
        require_shape(content["meta"], {"request_id": "string"}, "meta")
    elif envelope == "data":
        require_equal(sorted(content), ["data"], "what the body holds")
    if envelope == "page":
        for item in items_of(response):
            require_shape(item, shape, "the item")
    else:
        require_shape(content if envelope == "bare" else content["data"], shape, "the object")


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


def _response_check(endpoint: str, call: Calling) -> CheckRun:
    def response(server: Server) -> None:
        server.raw("GET", "/health")  # so that there is a response before
        path, body = call(server)
        found = send(server, endpoint, path, body)
        if endpoint.endswith("/connect") and found.status in (400, 422):
            raise Skipped(f"the call {path} needs parameters")
        if endpoint.endswith("/role-policy-overrides") and found.status == 409:
            raise Skipped("one already exists, from an earlier run")
        _require_documented(found, endpoint)
        _require_falling(server)

    return named(response, endpoint)


def _path_of(endpoint: str, server: Server) -> str:
    path = endpoint.partition(" ")[2].replace("{organization_id}", server.organization_id)
    return re.sub(r"\{\w+\}", UNKNOWN, path)


def _body_of(endpoint: str) -> dict[str, Any] | None:
    return {} if OPERATIONS[endpoint].body else None


def _key_check(endpoint: str) -> CheckRun:
    def key(server: Server) -> None:
        method, path = endpoint.partition(" ")[0], _path_of(endpoint, server)
        require_refusal(server.raw(method, path, json_body=_body_of(endpoint), authorization=None), 401)

    return named(key, endpoint)


REFUSALS: Final = Checks("refusals")


def _unknown_check(endpoint: str, name: str) -> CheckRun:
    def unknown(server: Server) -> None:
        method, path = endpoint.partition(" ")[0], _path_of(endpoint, server)
        require_field(require_refusal(server.raw(method, path, json_body=_body_of(endpoint)), 404), name)

    return named(unknown, endpoint)


def _invalid_check(endpoint: str, call: Calling) -> CheckRun:
    def invalid_bodies(server: Server) -> None:
        path, _ = call(server)
        for body in _wrong_bodies(endpoint):
            error = require_refusal(send(server, endpoint, path, body), 422)
            require_equal(error["code"], "validation_error", "error.code")
            details = error["details"]
            require(details, f"error.details of {body} is empty")
            names = body if isinstance(body, dict) else ()
            missing = [name for name in names if not re.search(rf"\b{name}\b", str(details))]
            require(not missing, f"error.details of {body} does not name {', '.join(missing)}: {details}")

    return named(invalid_bodies, endpoint)


def _wrong_bodies(endpoint: str) -> list[dict[str, Any] | list[int]]:
    """Return bodies with wrong values in every property, and one that is no object."""
    wrong = {name: list(invalid(schema)) for name, schema in BODIES[endpoint].items()}
    bodies = [
        {name: values[number] for name, values in wrong.items() if number < len(values)} | {"contract_suite": 1}
        for number in range(max(map(len, wrong.values()), default=0))
    ]
    return [*bodies, [7]]


for _endpoint, _call in CALLS.items():
    _envelope, _ = documented_form(_endpoint)
    _add = EVERY_ENDPOINT.choice if _envelope == "empty" else EVERY_ENDPOINT.documented
    _expected = f"{_EXPECTED[_envelope]}. The rate limit in its headers goes down"
    _add(_endpoint, _expected, changes=changes(_endpoint))(_response_check(_endpoint, _call))
    _is_write = not _endpoint.startswith("GET ")
    EVERY_ENDPOINT.choice(_endpoint, "Without a key, a request is refused with 401", changes=_is_write)(
        _key_check(_endpoint)
    )
    _names = [name for name in re.findall(r"\{(\w+)\}", _endpoint) if name != "organization_id"]
    if _names and _endpoint != "PUT /memory/{key}":  # which creates it
        REFUSALS.choice(_endpoint, "An unknown object is refused with 404 and the documented error", changes=_is_write)(
            _unknown_check(_endpoint, _names[0])
        )
    if _endpoint in BODIES:
        REFUSALS.documented(
            _endpoint,
            "Values of the wrong type, values out of bounds and unknown properties are refused with 422 and the code "
            "validation_error, and the details name every wrong property",
            changes=True,
        )(_invalid_check(_endpoint, _call))
