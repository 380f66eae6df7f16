"""HTTP/2, by a client of httpx or httpx2 that is given: negotiated over TLS, with everything that the SDK promises."""

from __future__ import annotations

import asyncio
import gzip
import json
import ssl
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import Any

import pytest

from fibonacci import APIConnectionError, NotFoundError
from tests.colours import Colour
from tests.faults.certificates import Authority
from tests.http2_server import Exchange, Http2Server

WORKFLOW = b'{"data": {"id": "wf-1", "name": "Multiplexed"}}'
Respond = Callable[[Exchange], object]


class Platform:
    """A server that responds as it is told, and a client of it whose HTTP client speaks HTTP/2."""

    def __init__(self, library: Any, colour: Colour, authority: Authority, tls: ssl.SSLContext) -> None:
        self.colour = colour
        self.respond: Respond = lambda exchange: exchange.answer(WORKFLOW)
        self.server = Http2Server(tls, lambda exchange: self.respond(exchange))
        kind = library.AsyncClient if colour.is_async else library.Client
        self.http = kind(http2=True, verify=ssl.create_default_context(cafile=str(authority.file)))

    @property
    def client(self) -> Any:
        return self.colour.client(
            "key-of-a-test", base_url=f"https://{self.server.authority}/v1", http_client=self.http
        )

    @property
    def protocols(self) -> list[str | None]:
        return [connection.protocol for connection in self.server.connections]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.made_in(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def tls(authority: Authority) -> ssl.SSLContext:
    return authority.good()


@pytest.fixture(params=["httpx", "httpx2"])
def platform(
    request: pytest.FixtureRequest, colour: Colour, authority: Authority, tls: ssl.SSLContext
) -> Iterator[Platform]:
    made = Platform(import_module(request.param), colour, authority, tls)
    with made.server:
        yield made
        colour.run(made.http.aclose() if colour.is_async else made.http.close())


def test_a_call_and_its_headers(platform: Platform) -> None:
    workflow = platform.colour.run(platform.client.workflows.create(name="Multiplexed", definition={"nodes": []}))
    assert (workflow.id, workflow.name) == ("wf-1", "Multiplexed")
    assert platform.protocols == ["h2"]
    (sent,) = platform.server.requests
    assert json.loads(sent.body)["name"] == "Multiplexed"
    assert [sent.one(name) for name in (":method", ":path", ":authority", "authorization", "accept-encoding")] == [
        "POST",
        "/v1/workflows",
        platform.server.authority,
        "Bearer key-of-a-test",
        "gzip, deflate, br",
    ]
    assert len(sent.one("idempotency-key")) == 32
    assert sent.one("content-length") == str(len(sent.body))
    names = [name for name, _ in sent.headers]
    assert names == [name.lower() for name in names]
    assert not {b"host", b"connection", b"keep-alive", b"transfer-encoding", b"upgrade"} & {*names}


def test_an_error_and_a_compressed_answer(platform: Platform) -> None:
    body = b'{"error": {"code": "not_found", "message": "No such workflow"}}'
    platform.respond = lambda exchange: exchange.answer(
        gzip.compress(body), 404, [(b"content-encoding", b"gzip"), (b"x-request-id", b"req_h2")]
    )
    with pytest.raises(NotFoundError, match="No such workflow") as caught:
        platform.colour.run(platform.client.workflows.get("wf-1"))
    assert caught.value.request_id == "req_h2"


def test_pages_on_one_connection(platform: Platform) -> None:
    def respond(exchange: Exchange) -> None:
        last = "cursor=second" in exchange.one(":path")
        meta = {} if last else {"next_cursor": "second"}
        exchange.answer(json.dumps({"data": [{"id": f"ex-{int(last)}"}], "meta": meta}).encode())

    platform.respond = respond
    found = platform.colour.run(platform.client.executions.list())
    assert [execution.id for execution in found] == ["ex-0", "ex-1"]
    assert platform.protocols == ["h2"]


def test_calls_at_the_same_time_share_a_connection(platform: Platform) -> None:
    number = 20
    held: list[Exchange] = []

    def respond(exchange: Exchange) -> None:
        held.append(exchange)
        if len(held) == number:  # all are in flight, and the last is answered first
            for each in reversed(held):
                each.answer(json.dumps({"data": each.one(":path")}).encode())

    def call(index: int) -> Any:
        return client.request("GET", f"/{index}")

    async def gathered() -> list[Any]:
        return await asyncio.gather(*map(call, range(number)))

    platform.respond = respond
    client = platform.client
    if platform.colour.is_async:
        answers = platform.colour.run(gathered())
    else:
        with ThreadPoolExecutor(number) as threads:
            answers = list(threads.map(call, range(number)))
    assert answers == [f"/v1/{index}" for index in range(number)]
    assert platform.protocols == ["h2"]


def too_long(exchange: Exchange) -> None:
    """Answer with more than was told, which HTTP/2 forbids."""
    exchange.answer(b"{} and more", headers=[(b"content-length", b"2")])


@pytest.mark.parametrize("fault", [Exchange.reset, Exchange.hang_up, too_long])
def test_what_breaks_after_sending_may_have_been_carried_out(platform: Platform, fault: Respond) -> None:
    platform.respond = fault
    for method, attempts in (("POST", 1), ("GET", 2)):
        before = len(platform.server.requests)
        with pytest.raises(APIConnectionError, match="the connection broke before the complete response") as caught:
            platform.colour.run(platform.client.with_options(max_retries=1).request(method, "/x"))
        assert caught.value.outcome_unknown == (method == "POST")
        assert len(platform.server.requests) - before == caught.value.attempts == attempts


@pytest.mark.parametrize("name", ["httpx", "httpx2"])
def test_a_library_says_what_it_lacks(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h2", None)
    with pytest.raises(ImportError, match="the 'h2' package is not installed"):
        import_module(name).Client(http2=True)
