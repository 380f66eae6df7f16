"""A call that fails imports nothing: without a file descriptor an import fails too, and would replace the error."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit.assertions import check_rows
from tests.kit.mode import MODES, ModeName
from tests.kit.peer import Peer
from tests.kit.server import ScriptedServer
from tests.kit.steps import error_body, http_date, ok, raw, raw_then_reset, respond, respond_json

pytestmark = pytest.mark.slow

PROGRAM = Path(__file__).with_name("failing_program.py")
RESPONSES = {
    "/wf-1": respond_json({"data": {"id": "wf-1"}}),
    "": respond_json({"data": [{"id": "wf-1"}], "meta": {"next_cursor": "2"}}),
    "/reset": raw_then_reset(b""),
    "/not-http": raw(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"),
    "/html": respond(200, b"<html>Log in", content_type="text/html"),
    "/not-a-model": respond_json({"data": {"id": [1]}}),
    "/bad-gzip": respond(200, b"not gzip", [("Content-Encoding", "gzip")]),
    "/too-large": respond(200, b"x" * 200_000),
    "/400": respond(400, error_body("bad_request")),
    "/401": respond(401, error_body("unauthorized")),
    "/404": respond(404, error_body("not_found")),
    "/quota": respond(429, error_body("quota_exceeded")),
    "/429": respond(429, error_body("rate_limited"), [("Retry-After", http_date(4_000_000_000))]),
    "/500": respond(500, error_body("internal")),
    "/503": respond(503, b"busy", [("Retry-After", "0")]),
}


def respond_by_path(peer: Peer) -> None:
    path = peer.request.path.removeprefix("/workflows")
    if path == "/stall":
        peer.stall()
    else:
        RESPONSES.get(path, ok)(peer)


LINES = [
    # The first calls of a client, which can import nothing, and say so; and then calls that can.
    *(f"{name}: APIConnectionError after 0" for name in ("get", "list", "request", "list", "request")),
    *(f"{name}: no error" for name in ("get", "list", "request")),
    # A first call that fails ends with its own error.
    "/500: ServerError after 1",
    "not imported: tenacity",
    "/reset: APIConnectionError after 1",
    "not imported: tenacity",
    "/stall: APITimeoutError after 1",
    "not imported:",
    "/wf-1: APIResponseError after 1",
    "not imported: pydantic.plugin._loader",
    # From the second on, one that fails imports nothing.
    "a list: no error",
    "a body: no error",
    "/reset by POST: APIConnectionError after 1",
    "/reset: APIConnectionError after 3",
    "/not-http: APIConnectionError after 3",
    "/html: APIResponseError after 1",
    "/not-a-model: APIResponseError after 1",
    "/bad-gzip: APIResponseError after 1",
    "/too-large: APIResponseError after 1",
    "/400: BadRequestError after 1",
    "/401: AuthenticationError after 1",
    "/404: NotFoundError after 1",
    "/quota: QuotaExceededError after 1",
    "/429: RateLimitError after 1",
    "/500: ServerError after 3",
    "/503: ServerError after 3",
    "/stall: APITimeoutError after 2",
    "/refused: APIConnectionError after 3",
    "11 retries; not imported:",
]


def test_a_call_that_can_import_nothing_ends_with_its_own_error() -> None:
    def check(mode: ModeName) -> None:
        with ScriptedServer(respond_by_path) as server:
            command = [sys.executable, "-W", "error", str(PROGRAM), mode, server.base_url]
            done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.stderr == ""
        assert [line.replace(" brotli", "") for line in done.stdout.splitlines()] == LINES

    check_rows(((mode, mode) for mode in MODES), check, at_once=len(MODES))
