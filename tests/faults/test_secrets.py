"""The key stays between the client and the platform, whatever the server echoes and wherever it points."""

from __future__ import annotations

import copy
import gzip
import json
import logging
import pickle
import traceback
from itertools import product
from typing import Any

import httpx
import httpx2
import pytest

from fibonacci import AsyncFibonacci, Fibonacci
from tests.faults.calls import KEY
from tests.faults.transports import NO_AUTHORITIES, TransportName, transport_options
from tests.kit.assertions import check_rows
from tests.kit.mode import Ended, Mode
from tests.kit.peer import Peer
from tests.kit.server import ScriptedServer
from tests.kit.steps import Step, head, ok, raw_then_close, raw_then_reset, respond

_BEARER = f"Bearer {KEY}"
_ECHO = json.dumps({"error": {"code": f"c {KEY}", "message": f"no {KEY}", "details": [{"got": _BEARER}]}}).encode()
_ESCAPED = b'{"error": {"message": "' + "".join(f"\\u{ord(c):04x}" for c in KEY).encode() + b'"}}'


def _cut_off(peer: Peer) -> None:
    peer.send(head(200, length=1000) + KEY.encode())
    peer.reset()


ECHOES: dict[str, Step] = {
    "an error's JSON": respond(400, _ECHO),
    "an error's text": respond(401, f"<b>{_BEARER}</b>".encode(), content_type="text/html"),
    "an error's JSON, compressed": respond(400, gzip.compress(_ECHO), {"Content-Encoding": "gzip"}),
    "an error's JSON, escaped": respond(400, _ESCAPED),
    "an error's headers": respond(403, b"{}", {"X-Echo": _BEARER, "X-Request-Id": KEY}),
    "the target of a redirect": respond(302, b"", {"Location": f"https://evil.example/?key={KEY}"}),
    "a success that is no JSON": respond(200, f"<html>{KEY}</html>".encode(), content_type=f"text/html; x={KEY}"),
    "a success that is no JSON, compressed": respond(
        200, gzip.compress(f"<html>{KEY}</html>".encode()), {"Content-Encoding": "gzip"}
    ),
    "an unknown encoding": respond(200, b"{}", {"Content-Encoding": KEY}),
    "a body that is too large": respond(200, (_BEARER + " ").encode() * 50_000),
    "a status line that is none": raw_then_close(f"{_BEARER}\r\n\r\n".encode()),
    "a header line that is none": raw_then_close(f"HTTP/1.1 200 OK\r\n{_BEARER}\r\n\r\n".encode()),
    "a transfer encoding": raw_then_close(head(200, {"Transfer-Encoding": KEY})),
    "a body that is cut off": _cut_off,
    "nothing": raw_then_reset(b""),
}


OF_A_LIBRARY = {
    *("an error's headers", "the target of a redirect", "a status line that is none", "a header line that is none"),
    *("a transfer encoding", "a body that is cut off", "nothing"),
}
"""What a library reads that carries the requests, and may log."""


def _all_that_is_said(ended: Ended, client: Any) -> dict[str, str]:
    error = ended.api_error
    return {
        "str": str(error),
        "repr": repr(error),
        "attributes": repr(vars(error)),
        "headers": repr(dict(getattr(error, "headers", {}))),
        "traceback": "".join(traceback.format_exception(error)),
        "pickle": pickle.dumps(error).decode("latin-1"),
        "client": repr(client) + str(client),
    }


@pytest.mark.parametrize(
    ("mode", "transport"), [("asyncio", "socket"), ("asyncio", "httpx"), ("sync", "httpx2")], indirect=["mode"]
)
def test_an_echoed_key_is_shown_nowhere(mode: Mode, transport: TransportName, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("fibonacci", "httpcore", "httpcore2", "httpx", "httpx2", "hpack", "asyncio"):
        caplog.set_level(logging.DEBUG, logger=name)
    options = transport_options(transport, mode)

    def check(echo: Step) -> None:
        caplog.clear()
        with ScriptedServer(echo) as server:
            client = mode.client_of(server, api_key=KEY, max_response_bytes=1_000_000, max_retries=1, **options)
            ended = mode.end(client.request, "POST", "/x", json={"a": 1})
            said = _all_that_is_said(ended, client)
        assert server.requests[0].one("authorization") == _BEARER
        assert server.delivered == 1
        assert [where for where, text in said.items() if KEY in text] == []
        logger = "fibonacci" if transport == "socket" else transport.replace("httpx", "httpcore") + "."
        assert any(record.name.startswith(logger) for record in caplog.records)
        assert [record.name for record in caplog.records if KEY in record.getMessage()] == []
        assert KEY not in caplog.text

    check_rows(((name, echo) for name, echo in ECHOES.items() if transport == "socket" or name in OF_A_LIBRARY), check)


@pytest.mark.parametrize("kind", [Fibonacci, AsyncFibonacci])
def test_a_pickled_client_holds_a_secret_only_when_that_is_allowed(
    kind: type[Fibonacci] | type[AsyncFibonacci], monkeypatch: pytest.MonkeyPatch
) -> None:
    for given in (kind(KEY), kind("other").with_options(api_key=KEY), kind(KEY).with_options(timeout=3)):
        with pytest.raises(
            TypeError,
            match="api_key: take it from FIBONACCI_API_KEY or a profile",
        ) as caught:
            pickle.dumps([given])
        assert KEY not in str(caught.value)
        for part in (given.workflows, given.workflows.get, given.workflows.list(), vars(given)["_shared"]):
            with pytest.raises(TypeError, match="cannot pickle"):
                pickle.dumps(part)
        for same in (copy.copy(given), copy.deepcopy(given)):  # they stay in the process
            assert vars(same)["_config"].api_key == KEY
            assert copy.deepcopy({"call": same.workflows})["call"] is not same.workflows
    assert KEY.encode() in pickle.dumps(kind(KEY, allow_pickled_secrets=True).with_options(timeout=3))
    monkeypatch.setenv("FIBONACCI_API_KEY", KEY)
    assert KEY.encode() not in pickle.dumps([kind(), kind(key_of_a_vault), kind(allow_pickled_secrets=True)])
    assert KEY not in repr(kind()) + repr(vars(kind()))
    for limiter in ("redis://:hunter2@localhost:1/0", "redis://localhost:1/0?password=hunter2"):
        with pytest.raises(TypeError, match="password in rate_limiter: take it from FIBONACCI_RATE_"):
            pickle.dumps(kind(rate_limiter=limiter))
        assert b"hunter2" in pickle.dumps(kind(rate_limiter=limiter, allow_pickled_secrets=True))


def key_of_a_vault() -> str:
    return "from a vault"


def test_a_redirect_is_not_followed(mode: Mode) -> None:
    """Not by the HTTP client of a user who has told it to either."""
    theirs = [
        None,
        *(
            mode.close_later(library.AsyncClient(verify=NO_AUTHORITIES, follow_redirects=True))
            for library in (httpx, httpx2)
        ),
    ]
    with ScriptedServer(ok) as other:
        for status, http_client in product((302, 307), theirs):
            away = respond(status, b"", {"Location": f"{other.base_url}/x"})
            with ScriptedServer(away) as server:
                error = mode.end(mode.client_of(server, http_client=http_client).request, "GET", "/x").api_error
            assert other.base_url in str(error)
            assert (other.connections, len(server.requests)) == (0, 1)
