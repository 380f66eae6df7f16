"""Encoded replies, and the headers that every response has."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Final, NamedTuple

from fibonacci._logging import log
from fibonacci.emulator.account import Allowance
from fibonacci.emulator.faults import override_headers
from fibonacci.emulator.http.bodies import read_json
from fibonacci.emulator.http.messages import (
    NO_HEADERS,
    HTTPException,
    Reply,
    ServerRequest,
    ServerResponse,
    encode,
    encode_error,
    insufficient_storage,
    internal_error,
    state_error,
    state_locked,
)
from fibonacci.emulator.http.router import API_0_2
from fibonacci.emulator.state import ids
from fibonacci.emulator.state.clock import http_date
from fibonacci.emulator.state.json_encoding import JSON, JSONObject, to_json
from fibonacci.emulator.state.snapshot import StateError, StateFullError, StateLockedError, StateReadOnlyError

_log: Final = logging.getLogger("fibonacci.emulator")


class EncodedReply(NamedTuple):
    """A reply as bytes, before the headers that every response has.

    Attributes:
        status: The HTTP status.
        body: The body.
        request_id: The ID of the request.
        headers: Headers of this reply alone.
        later: Waits for a more recent reply to the same request, or `None` if none will come.
    """

    status: int
    body: bytes
    request_id: str
    headers: Mapping[str, str] = NO_HEADERS
    later: Callable[[], Reply] | None = None

    def settled(self) -> EncodedReply:
        """Wait for the more recent reply, if one may come, and return it under the same request ID."""
        if self.later is None:
            return self
        return EncodedReply(self.status, encode(self.later(), self.request_id), self.request_id, self.headers)


def encoded(reply: Reply) -> EncodedReply:
    """Encode a reply under a new request ID."""
    request_id = ids.request_id()
    return EncodedReply(reply.status, encode(reply, request_id), request_id, later=reply.later)


def encoded_error(error: HTTPException) -> EncodedReply:
    """Encode an error under a new request ID."""
    return EncodedReply(error.status, encode_error(error), ids.request_id(), error.headers)


def failure_reply(error: Exception, request: ServerRequest) -> EncodedReply:
    """Return the reply to a request that failed and stored nothing, and log what is not the caller's fault."""
    if isinstance(error, HTTPException):
        return encoded_error(error)
    is_bug = not isinstance(error, StateError)
    method, path = request.method, request.target.partition("?")[0]
    text, reason = ("%s %s failed", ()) if is_bug else ("%s %s failed: %s", (error,))
    log(_log, logging.ERROR, text, method, path, *reason, with_exception=is_bug, method=method, path=path)
    return encoded_error(_response_error(error))


def _response_error(error: Exception) -> HTTPException:
    match error:
        case StateFullError():
            return insufficient_storage("insufficient_storage", str(error))
        case StateReadOnlyError():
            return insufficient_storage("state_read_only", str(error))
        case StateLockedError():
            return state_locked(str(error))
        case StateError():
            return state_error(str(error))
        case _:
            return internal_error()


def in_form_of(request: ServerRequest, response: ServerResponse) -> ServerResponse:
    """Return a response as the API of its request has it: that of 0.2 no rate limit headers, and errors as `detail`."""
    if not request.target.startswith(API_0_2):
        return response
    headers = {name: value for name, value in response.headers if not name.lower().startswith("x-ratelimit-")}
    body = response.body
    if response.status >= 400:
        with suppress(
            HTTPException, LookupError, TypeError, AttributeError
        ):  # a body that is not a documented error stays as it is
            error = read_json(body)["error"]
            faults = [_fault_of_0_2(request, **fault) for fault in error["details"]] if response.status == 422 else ()
            body = to_json({"detail": faults or error["message"]})
            headers = override_headers(headers, {"Content-Length": str(len(body))})
    return replace(response, headers=[*headers.items()], body=body)


def _fault_of_0_2(request: ServerRequest, field: str, message: str) -> JSONObject:
    place = "query" if request.method in ("GET", "DELETE") else "body"
    parts = [] if field == place else field.split(".")
    location: list[JSON] = [place, *(int(part) if part.isdecimal() and len(part) < 10 else part for part in parts)]
    return {"loc": location, "msg": message, "type": "value_error"}


def respond(reply: EncodedReply, allowance: Allowance | None, now: float) -> ServerResponse:
    """Return the response: the reply with its date, rate limit (if the request has one), type and length."""
    headers = [("Date", http_date(int(now))), ("X-Request-Id", reply.request_id)]
    if allowance is not None:
        headers += [
            ("X-RateLimit-Limit", str(allowance.limit)),
            ("X-RateLimit-Remaining", str(allowance.remaining)),
            ("X-RateLimit-Reset", str(allowance.reset)),
        ]
    headers += reply.headers.items()
    if reply.status != 204:
        headers += [("Content-Type", "application/json"), ("Content-Length", str(len(reply.body)))]
    return ServerResponse(reply.status, headers, reply.body)
