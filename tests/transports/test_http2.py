"""HTTP/2 through the user's own client of httpx or httpx2, negotiated over TLS."""

from __future__ import annotations

import gzip
import json
import ssl
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import pytest

from fibonacci import APIConnectionError, NotFoundError
from tests.kit.assertions import each_row
from tests.kit.certificates import Authority
from tests.kit.http2_server import HTTP2Exchange, HTTP2Server
from tests.kit.mode import Mode

WORKFLOW = b'{"data": {"id": "wf-1", "name": "Multiplexed"}}'
Respond = Callable[[HTTP2Exchange], object]


@pytest.fixture(scope="module")
def tls(authority: Authority) -> ssl.SSLContext:
    return authority.good()


@pytest.fixture
def platform(tls: ssl.SSLContext) -> Iterator[HTTP2Server]:
    """Return a server that responds with a workflow."""
    with HTTP2Server(tls, lambda exchange: exchange.respond(WORKFLOW)) as running:
        yield running


@pytest.fixture
def caller(request: pytest.FixtureRequest, mode: Mode, authority: Authority, platform: HTTP2Server) -> Any:
    """Return a client of that server whose HTTP client speaks HTTP/2: that of httpx, unless the test names others."""
    library = import_module(getattr(request, "param", "httpx"))
    kind = library.AsyncClient if mode.is_async else library.Client
    http = kind(http2=True, verify=ssl.create_default_context(cafile=str(authority.file)))
    return mode.client_of(platform, http_client=mode.close_later(http))


each_library = pytest.mark.parametrize("caller", ["httpx", "httpx2"], indirect=True)


@each_library
def test_a_call_and_its_headers(mode: Mode, platform: HTTP2Server, caller: Any) -> None:
    workflow = mode.run(caller.workflows.create(name="Multiplexed", definition={"nodes": []}))
    assert (workflow.id, workflow.name) == ("wf-1", "Multiplexed")
    assert platform.protocols == ["h2"]
    (sent,) = platform.requests
    assert json.loads(sent.body)["name"] == "Multiplexed"
    assert [sent.one(name) for name in (":method", ":path", ":authority", "authorization", "accept-encoding")] == [
        "POST",
        "/v1/workflows",
        platform.origin.removeprefix("https://"),
        f"Bearer {platform.api_key}",
        "gzip",
    ]
    assert len(sent.one("idempotency-key")) == 32
    assert sent.one("content-length") == str(len(sent.body))
    names = [name for name, _ in sent.headers]
    assert names == [name.lower() for name in names]
    assert not {b"host", b"connection", b"keep-alive", b"transfer-encoding", b"upgrade"} & {*names}


def test_an_error_and_a_compressed_response(mode: Mode, platform: HTTP2Server, caller: Any) -> None:
    body = b'{"error": {"code": "not_found", "message": "No such workflow"}}'

    def respond(exchange: HTTP2Exchange) -> None:
        exchange.respond(gzip.compress(body), 404, [(b"content-encoding", b"gzip"), (b"x-request-id", b"req_h2")])

    platform.respond = respond
    with pytest.raises(NotFoundError, match="No such workflow") as caught:
        mode.run(caller.workflows.get("wf-1"))
    assert caught.value.request_id == "req_h2"


def test_pages_on_one_connection(mode: Mode, platform: HTTP2Server, caller: Any) -> None:
    def respond(exchange: HTTP2Exchange) -> None:
        last = "cursor=second" in exchange.one(":path")
        meta = {} if last else {"next_cursor": "second"}
        exchange.respond(json.dumps({"data": [{"id": f"ex-{int(last)}"}], "meta": meta}).encode())

    platform.respond = respond
    found = mode.run(caller.executions.list())
    assert [execution.id for execution in found] == ["ex-0", "ex-1"]
    assert platform.protocols == ["h2"]


def respond_with_path(exchange: HTTP2Exchange) -> None:
    exchange.respond(json.dumps({"data": exchange.one(":path")}).encode())


def test_calls_at_the_same_time_share_a_connection(mode: Mode, platform: HTTP2Server, caller: Any) -> None:
    if not mode.is_async:  # two threads would break the connection: httpx does not lock it
        return
    number = 8
    held: list[HTTP2Exchange] = []

    def respond(exchange: HTTP2Exchange) -> None:
        held.append(exchange)
        if len(held) == number:  # the last gets its response first
            for each in reversed(held):
                respond_with_path(each)
            held.clear()

    platform.respond = respond
    calls = [mode.begin(caller.request, "GET", f"/{index}") for index in range(number)]
    assert [call.result().value for call in calls] == [f"/v1/{index}" for index in range(number)]
    assert platform.protocols == ["h2"]
    assert len(platform.requests) == number


def too_long(exchange: HTTP2Exchange) -> None:
    """Send more than the declared length, which HTTP/2 forbids."""
    exchange.respond(b"{} and more", headers=[(b"content-length", b"2")])


@each_library
@each_row("fault", [HTTP2Exchange.reset, HTTP2Exchange.go_away, too_long])
def test_a_failure_after_sending_may_have_been_carried_out(
    mode: Mode, platform: HTTP2Server, caller: Any, fault: Respond
) -> None:
    platform.respond = fault
    for method, attempts in (("POST", 1), ("GET", 2)):
        before = len(platform.requests)
        with pytest.raises(APIConnectionError, match=r"the connection to \S+ broke before the complete") as caught:
            mode.run(caller.with_options(max_retries=1).request(method, "/x"))
        assert caught.value.outcome_unknown == (method == "POST")
        assert len(platform.requests) - before == caught.value.attempts == attempts
