"""What all endpoints have in common: keys, envelopes, errors, rate limits."""

from __future__ import annotations

import time
from typing import Final

from fibonacci.testing.contract.check import Checks, agree, has_type, require
from fibonacci.testing.contract.checks.common import UNKNOWN, envelope, refused
from fibonacci.testing.contract.server import Server

CHECKS: Final = Checks()


@CHECKS.documented("GET /tools")
def success(server: Server) -> None:
    """Check that a success is {data, meta: {request_id}}."""
    envelope(server.raw("GET", "/tools"))


@CHECKS.documented("GET /tools")
def json(server: Server) -> None:
    """Check that responses are JSON, and say so in Content-Type."""
    kind = server.raw("GET", "/tools").headers.get("content-type", "")
    require(kind.startswith("application/json"), f"Content-Type is {kind!r}")


@CHECKS.documented("GET /workflows/{id}")
def error(server: Server) -> None:
    """Check that an error is {error: {code, message, details}}, and details is a list."""
    refused(server.raw("GET", f"/workflows/{UNKNOWN}"), 404)


@CHECKS.choice("GET /tools")
def no_key(server: Server) -> None:
    """Check that a request without a key is refused with 401."""
    refused(server.raw("GET", "/tools", authorization=None), 401)


@CHECKS.choice("GET /tools")
def wrong_key(server: Server) -> None:
    """Check that a request with an unknown key is refused with 401."""
    refused(server.raw("GET", "/tools", authorization=f"Bearer {UNKNOWN}"), 401)


@CHECKS.choice("GET /{unknown}")
def unknown_path(server: Server) -> None:
    """Check that a path that is not there gets a 404."""
    agree(server.raw("GET", f"/{UNKNOWN}").status, 404, "the status")


@CHECKS.documented("GET /tools")
def rate_limit(server: Server) -> None:
    """Check that responses have X-RateLimit-Limit and X-RateLimit-Remaining, which is not more."""
    headers = server.raw("GET", "/tools").headers
    limit, remaining = (headers.get(f"x-ratelimit-{name}", "") for name in ("limit", "remaining"))
    require(limit.isdecimal(), f"X-RateLimit-Limit is {limit!r}")
    require(remaining.isdecimal(), f"X-RateLimit-Remaining is {remaining!r}")
    require(int(remaining) <= int(limit), f"{remaining} of {limit} requests are left")


@CHECKS.documented("GET /tools")
def reset(server: Server) -> None:
    """Check that X-RateLimit-Reset is a time in Unix seconds, at most a day away."""
    text = server.raw("GET", "/tools").headers.get("x-ratelimit-reset", "")
    require(text.isdecimal(), f"X-RateLimit-Reset is {text!r}")
    require(abs(int(text) - time.time()) < 2 * 86_400, f"X-RateLimit-Reset is {text}")


@CHECKS.documented("GET /tools")
def read_by_the_client(server: Server) -> None:
    """Check that the client reads the rate limit and the request id of a response."""
    page = next(iter(server.client.tools.list().pages()))
    has_type(page.response.request_id, str, "the request id")
    require(page.response.rate_limit is not None, "no rate limit is seen")


@CHECKS.choice("POST /workflows", changes=True)
def not_json(server: Server) -> None:
    """Check that a body that is not JSON is refused with 400."""
    refused(server.raw("POST", "/workflows", body=b'{"name": '), 400)
