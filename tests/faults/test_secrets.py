"""The key stays between the client and the platform, whatever the server echoes and wherever it points."""

from __future__ import annotations

import gzip
import importlib
import json
import logging
import pickle
import traceback
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest

from fibonacci import APIError, AsyncFibonacci, Fibonacci, PaginationError
from tests.faults.driving import COLOURS, KEY, METHODS, Colour, Driver, Ended
from tests.faults.faults import answer, head, ok, raw_then_close, raw_then_reset
from tests.faults.server import Act, FaultServer, Peer
from tests.faults.transports import HTTPX, OTHER_COLOURS, Transport, transport_options

_BEARER = f"Bearer {KEY}"
_ECHO = json.dumps({"error": {"code": f"c {KEY}", "message": f"no {KEY}", "details": [{"got": _BEARER}]}}).encode()
_ESCAPED = b'{"error": {"message": "' + "".join(f"\\u{ord(c):04x}" for c in KEY).encode() + b'"}}'


def _cut_off(peer: Peer) -> None:
    peer.send(head(200, length=1000) + KEY.encode())
    peer.reset()


ECHOES: dict[str, Act] = {
    "an error's JSON": answer(400, _ECHO),
    "an error's text": answer(401, f"<b>{_BEARER}</b>".encode(), content_type="text/html"),
    "an error's JSON, compressed": answer(400, gzip.compress(_ECHO), {"Content-Encoding": "gzip"}),
    "an error's JSON, escaped": answer(400, _ESCAPED),
    "an error's headers": answer(403, b"{}", {"X-Echo": _BEARER, "X-Request-Id": KEY}),
    "the target of a redirect": answer(302, b"", {"Location": f"https://evil.example/?key={KEY}"}),
    "a success that is no JSON": answer(200, f"<html>{KEY}</html>".encode(), content_type=f"text/html; x={KEY}"),
    "a success that is no JSON, compressed": answer(
        200, gzip.compress(f"<html>{KEY}</html>".encode()), {"Content-Encoding": "gzip"}
    ),
    "an unknown encoding": answer(200, b"{}", {"Content-Encoding": KEY}),
    "a body that is too large": answer(200, (_BEARER + " ").encode() * 100_000),
    "a status line that is none": raw_then_close(f"{_BEARER}\r\n\r\n".encode()),
    "a header line that is none": raw_then_close(f"HTTP/1.1 200 OK\r\n{_BEARER}\r\n\r\n".encode()),
    "a transfer encoding": raw_then_close(head(200, {"Transfer-Encoding": KEY})),
    "a body that is cut off": _cut_off,
    "nothing": raw_then_reset(b""),
}


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
    ("colour", "transport"),
    [*((colour, "socket") for colour in COLOURS), *product(OTHER_COLOURS, HTTPX)],
)
@pytest.mark.parametrize("echo", ECHOES)
def test_what_the_server_echoes_is_seen_nowhere(
    echo: str, colour: Colour, transport: Transport, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("fibonacci", "httpcore", "httpcore2", "httpx", "httpx2", "hpack", "asyncio"):
        caplog.set_level(logging.DEBUG, logger=name)
    with FaultServer(ECHOES[echo]) as server, Driver(colour) as driver:
        options = transport_options(transport, driver)
        client = driver.client(server.base_url, max_response_bytes=1_000_000, max_retries=1, **options)
        ended = driver.end(client.request, "POST", "/x", json={"a": 1})
        said = _all_that_is_said(ended, client)
    assert server.requests[0].headers["authorization"] == _BEARER
    assert server.delivered == 1
    assert [where for where, text in said.items() if KEY in text] == []
    logger = "fibonacci" if transport == "socket" else transport.replace("httpx", "httpcore") + "."
    assert any(record.name.startswith(logger) for record in caplog.records)
    assert [record.name for record in caplog.records if KEY in record.getMessage()] == []
    assert KEY not in caplog.text


@pytest.mark.parametrize("kind", [Fibonacci, AsyncFibonacci])
def test_a_pickled_client_holds_the_key_only_when_it_was_given(
    kind: type[Fibonacci] | type[AsyncFibonacci], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIBONACCI_API_KEY", KEY)
    assert KEY.encode() not in pickle.dumps(kind())
    assert KEY.encode() in pickle.dumps(kind(KEY))
    assert KEY not in repr(kind()) + repr(vars(kind()))


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int, colour: Colour) -> None:
    with FaultServer(ok) as other, Driver(colour) as driver:
        away = answer(status, b"", {"Location": f"{other.base_url}/x"})
        with FaultServer(away) as server:
            client = driver.client(server.base_url)
            ended = {method: driver.end(client.request, method, "/x") for method in METHODS}
    assert other.connections == 0
    assert len(server.requests) == len(METHODS)
    for method in METHODS:
        assert other.base_url in str(ended[method].api_error)


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("given", ["httpx", "httpx2"])
def test_a_redirect_is_not_followed_by_a_given_client(given: str, colour: Colour) -> None:
    library = importlib.import_module(given)
    make: Callable[..., Any] = library.Client if colour == "sync" else library.AsyncClient
    with FaultServer(ok) as other, Driver(colour) as driver:
        away = answer(302, b"", {"Location": f"{other.base_url}/x"})
        with FaultServer(away) as server:
            theirs = make(follow_redirects=True)
            client = driver.client(server.base_url, http_client=theirs)
            ended = driver.end(client.request, "GET", "/x")
            driver.call(theirs.close if colour == "sync" else theirs.aclose)
    assert isinstance(ended.error, APIError)
    assert (other.connections, len(server.requests)) == (0, 1)


def _collect(driver: Driver, pager: Any) -> Callable[[], Any]:
    if driver.colour == "sync":
        return lambda: list(pager)

    async def collect() -> list[Any]:
        return [item async for item in pager]

    return collect


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("relation", ['rel="next"', "rel=next", 'title="a, b"; rel="next last"'])
def test_a_link_to_another_origin_is_not_followed(relation: str, colour: Colour) -> None:
    with FaultServer(ok) as other:
        link = {"Link": f"<{other.base_url}/tools?cursor=2>; {relation}"}
        with FaultServer(answer(200, b'{"data": []}', link)) as server, Driver(colour) as driver:
            items = driver.call(_collect(driver, driver.client(server.base_url).tools.list()))
    assert items == []
    assert (other.connections, len(server.requests)) == (0, 1)


@pytest.mark.parametrize("colour", COLOURS)
def test_a_link_to_the_same_list_is_followed_once(colour: Colour) -> None:
    link = {"Link": '</v1/tools?cursor=2>; rel="next"'}
    with FaultServer(answer(200, b'{"data": []}', link)) as server, Driver(colour) as driver:
        ended = driver.end(_collect(driver, driver.client(server.base_url).tools.list()))
    assert isinstance(ended.error, PaginationError)
    assert [request.target for request in server.requests] == ["/v1/tools", "/v1/tools?cursor=2"]


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize(
    "path", ["{other}/x", "//{host}/x", "/\\{host}/x", "\\\\{host}", "@{host}/x", ".{host}/x", "/../../x", "/%2e%2e/x"]
)
def test_a_path_cannot_lead_elsewhere(path: str, colour: Colour) -> None:
    with FaultServer(ok) as other, FaultServer(ok) as server, Driver(colour) as driver:
        where = path.format(other=other.base_url, host=f"127.0.0.1:{other.port}")
        ended = driver.end(driver.client(server.base_url).request, "GET", where)
    assert type(ended.error) is ValueError
    assert (other.connections, server.connections) == (0, 0)


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize(
    "path", ["/@{host}/x", "/x?next=http://{host}/", "/{host}", "/x%0d%0aHost:{host}", "/x\r\nA: b"]
)
def test_a_path_that_only_looks_like_elsewhere_stays_here(path: str, colour: Colour) -> None:
    with FaultServer(ok) as other, FaultServer(ok) as server, Driver(colour) as driver:
        where = path.format(host=f"127.0.0.1:{other.port}")
        assert driver.end(driver.client(server.base_url).request, "GET", where).value == {"fine": True}
    assert (other.connections, len(server.requests)) == (0, 1)
    assert server.requests[0].target.startswith("/v1/")
    assert server.requests[0].headers["host"] == f"127.0.0.1:{server.port}"
    assert "a" not in server.requests[0].headers
