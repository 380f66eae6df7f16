"""What every endpoint owes: the documented response, the rate limit, a key."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from typing import Final

from fibonacci.testing.contract.calls import CALLS, EndpointCall
from fibonacci.testing.contract.check import Checks, require, require_among, require_equal, require_type
from fibonacci.testing.contract.checks.common import UNKNOWN, items_of, named, require_refusal
from fibonacci.testing.contract.server import RawResponse, RecordedExchange, Server
from fibonacci.testing.contract.shapes import require_shape

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

CHECKS: Final = Checks()


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


def _limit_of(headers: Mapping[str, str]) -> tuple[int, int, int]:
    texts = {name: headers.get(f"x-ratelimit-{name}", "") for name in ("limit", "remaining", "reset")}
    for name, text in texts.items():
        require(text.isdecimal(), f"X-RateLimit-{name.capitalize()} is {text!r}, not a number")
    limit, remaining, reset = map(int, texts.values())
    require(remaining <= limit, f"X-RateLimit-Remaining is {remaining}, and X-RateLimit-Limit {limit}")
    require(abs(reset - time.time()) < _DAYS, f"X-RateLimit-Reset is {reset}, not within two days in Unix seconds")
    return limit, remaining, reset


def _require_falling(before: RecordedExchange, after: RecordedExchange) -> None:
    limit, earlier, reset = _limit_of(before.headers)
    same_limit, later, same_reset = _limit_of(after.headers)
    require(
        later < earlier or (limit, reset) != (same_limit, same_reset),
        f"X-RateLimit-Remaining is {later}, and was {earlier} in the response before, in the same window",
    )


def _response_check(call: EndpointCall) -> Callable[[Server], None]:
    def response(server: Server) -> None:
        server.raw("GET", "/health")  # so that there is a response before
        _require_documented(call.call(server), call)
        _require_falling(*server.wire.exchanges[-2:])

    return named(response, call.endpoint)


def _key_check(endpoint: str) -> Callable[[Server], None]:
    method, path = endpoint.split(" ")

    def key(server: Server) -> None:
        place = re.sub(r"\{\w+\}", UNKNOWN, path.replace("{organization_id}", server.organization_id))
        body: dict[str, object] | None = None if method in ("GET", "DELETE") else {}
        require_refusal(server.raw(method, place, json_body=body, authorization=None), 401)

    return named(key, endpoint)


def _add_checks(each: EndpointCall) -> None:
    basis = CHECKS.choice if each.envelope == "empty" else CHECKS.documented
    expected = f"{_EXPECTED[each.envelope]}; the rate limit is in its headers, and falls"
    basis(each.endpoint, expected, changes=each.creates)(_response_check(each))
    is_write = not each.endpoint.startswith("GET ")
    CHECKS.choice(each.endpoint, "Without a key it is refused with 401", changes=is_write)(_key_check(each.endpoint))


for _call in CALLS:
    _add_checks(_call)
