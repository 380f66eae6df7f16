"""What all endpoints have in common: keys, envelopes, errors, rate limits."""

from __future__ import annotations

import time
from typing import Final

from fibonacci.testing.contract.check import Checks, require, require_equal, require_type
from fibonacci.testing.contract.checks.common import UNKNOWN, require_envelope, require_refusal
from fibonacci.testing.contract.server import Server

CHECKS: Final = Checks()


@CHECKS.documented("GET /tools", "A success is {data, meta: {request_id}}")
def _success(server: Server) -> None:
    require_envelope(server.raw("GET", "/tools"))


@CHECKS.documented("GET /tools", "Responses are JSON, and their Content-Type is application/json")
def _json(server: Server) -> None:
    kind = server.raw("GET", "/tools").headers.get("content-type", "")
    require(kind.startswith("application/json"), f"Content-Type is {kind!r}")


@CHECKS.documented("GET /workflows/{id}", "An error is {error: {code, message, details}}, and details is a list")
def _error(server: Server) -> None:
    require_refusal(server.raw("GET", f"/workflows/{UNKNOWN}"), 404)


@CHECKS.choice("GET /tools", "A request without a key is refused with 401")
def _no_key(server: Server) -> None:
    require_refusal(server.raw("GET", "/tools", authorization=None), 401)


@CHECKS.choice("GET /tools", "A request with an unknown key is refused with 401")
def _wrong_key(server: Server) -> None:
    require_refusal(server.raw("GET", "/tools", authorization=f"Bearer {UNKNOWN}"), 401)


@CHECKS.choice("GET /{unknown}", "An unknown path is refused with 404")
def _unknown_path(server: Server) -> None:
    require_equal(server.raw("GET", f"/{UNKNOWN}").status, 404, "the status")


@CHECKS.documented("GET /tools", "Responses have X-RateLimit-Limit and X-RateLimit-Remaining, which is not more")
def _rate_limit(server: Server) -> None:
    headers = server.raw("GET", "/tools").headers
    limit, remaining = (headers.get(f"x-ratelimit-{name}", "") for name in ("limit", "remaining"))
    require(limit.isdecimal(), f"X-RateLimit-Limit is {limit!r}")
    require(remaining.isdecimal(), f"X-RateLimit-Remaining is {remaining!r}")
    require(int(remaining) <= int(limit), f"{remaining} of {limit} requests are left")


@CHECKS.documented("GET /tools", "X-RateLimit-Reset is a time in Unix seconds, at most a day away")
def _reset(server: Server) -> None:
    text = server.raw("GET", "/tools").headers.get("x-ratelimit-reset", "")
    require(text.isdecimal(), f"X-RateLimit-Reset is {text!r}")
    require(abs(int(text) - time.time()) < 2 * 86_400, f"X-RateLimit-Reset is {text}")


@CHECKS.documented("GET /tools", "The client reads the rate limit and the request id of a response")
def _read_by_the_client(server: Server) -> None:
    server.require_documented("rate limits and request ids")
    page = next(iter(server.client.tools.list().pages()))
    require_type(page.response.request_id, str, "the request id")
    require(page.response.rate_limit is not None, "no rate limit is seen")


@CHECKS.choice("POST /workflows", "A body that is not JSON is refused with 400", changes=True)
def _not_json(server: Server) -> None:
    require_refusal(server.raw("POST", "/workflows", body=b'{"name": '), 400)


@CHECKS.documented("GET /tools", "Each response has a request id of its own")
def _own_request_ids(server: Server) -> None:
    ids = [server.raw("GET", "/tools").json["meta"]["request_id"] for _ in range(2)]
    require(ids[0] != ids[1], f"two responses have the request id {ids[0]}")


@CHECKS.choice("GET /tools", "A refusal of a key shows no rate limit that seems untouched")
def _limit_of_no_key(server: Server) -> None:
    headers = server.raw("GET", "/tools", authorization=f"Bearer {UNKNOWN}").headers
    limit, remaining = (headers.get(f"x-ratelimit-{name}") for name in ("limit", "remaining"))
    require(remaining is None or remaining != limit, f"{remaining} of {limit} requests are left to an unknown key")
