"""A user's respx catches the client of either mode, in the ways in which respx is used."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
import respx

from fibonacci import (
    APIConnectionError,
    APIResponseError,
    APIStatusError,
    APITimeoutError,
    AsyncFibonacci,
    Fibonacci,
    NotFoundError,
)
from tests.kit.mode import Mode

URL = "https://api.fibonacci.dev/v1"
WORKFLOW = {"data": {"id": "wf-1", "name": "Faked"}, "meta": {"request_id": "req_1"}}


@pytest.mark.parametrize("using", ["httpcore", "httpx"])
def test_the_default_client_is_mocked_either_way(mode: Mode, using: str) -> None:
    with respx.mock(using=using) as router:
        router.get(f"{URL}/workflows/wf-1").respond(json=WORKFLOW)
        assert mode.run(mode.client("key").workflows.get("wf-1")).name == "Faked"


@respx.mock
def test_the_decorator_mocks_the_default_client(mode: Mode) -> None:
    route = respx.get(f"{URL}/workflows/wf-1").respond(json=WORKFLOW)
    workflow = mode.run(mode.client("key").workflows.get("wf-1"))
    assert (workflow.name, workflow.response.request_id) == ("Faked", "req_1")
    assert route.called
    assert route.calls.last.request.headers["Authorization"] == "Bearer key"


def test_the_fixture_and_the_context_manager_too(mode: Mode, respx_mock: respx.MockRouter) -> None:
    client = mode.client("key")
    respx_mock.post(f"{URL}/workflows").respond(201, json=WORKFLOW)
    assert mode.run(client.workflows.create(name="x")).id == "wf-1"
    with respx.mock(base_url=URL) as inner:
        inner.get("/tools").respond(json={"data": [{"name": "t"}]})
        assert [tool.name for tool in mode.run(client.tools.list())] == ["t"]


@respx.mock
def test_a_client_made_before_is_mocked(mode: Mode) -> None:
    client = mode.client("key", base_url="http://127.0.0.1:9/v1", max_retries=0)
    respx.get("http://127.0.0.1:9/v1/health").respond(json={"status": "healthy"})
    assert mode.run(client.health.check()).healthy


@respx.mock
def test_statuses_and_failures(mode: Mode) -> None:
    client = mode.client("key", max_retries=0)
    respx.get(f"{URL}/workflows/gone").respond(404, json={"error": {"code": "not_found", "message": "No such"}})
    with pytest.raises(NotFoundError, match="No such"):
        mode.run(client.workflows.get("gone"))


@respx.mock
def test_failures_raised_by_a_mock_are_treated_as_real_ones(mode: Mode) -> None:
    route = respx.post(f"{URL}/workflows")
    route.side_effect = [httpx.ConnectError("refused"), httpx.ReadTimeout("too slow")]
    with pytest.raises(APITimeoutError) as caught:
        mode.run(mode.client("key").workflows.create(name="x"))
    # What was never sent is sent again; what may have been carried out is not.
    assert (route.call_count, caught.value.attempts, caught.value.outcome_unknown) == (2, 2, True)


@respx.mock
def test_bodies_arrive(mode: Mode) -> None:
    route = respx.put(f"{URL}/memory/user%2Fprefs").respond(json={"data": {"key": "user/prefs"}})
    mode.run(mode.client("key").memory.set("user/prefs", {"a": 1}))
    assert route.calls.last.request.content == b'{"value":{"a":1}}'
    assert route.calls.last.request.url.raw_path == b"/v1/memory/user%2Fprefs"


def user_client(mode: Mode, transport: Any = None) -> Any:
    """Return an httpx client, as a user would make it."""
    return mode.close_later((httpx.AsyncClient if mode.is_async else httpx.Client)(transport=transport))


class TestHTTPClient:
    @pytest.mark.parametrize("using", ["httpcore", "httpx"])
    def test_is_mocked(self, mode: Mode, using: str) -> None:
        http = user_client(mode)
        with respx.mock(using=using) as router:
            router.get(f"{URL}/workflows/wf-1").respond(json=WORKFLOW)
            client = mode.client("key", http_client=http)
            assert mode.run(client.workflows.get("wf-1")).name == "Faked"
        mode.close(client)
        assert not http.is_closed

    def test_failures_are_those_of_the_client(self, mode: Mode) -> None:
        def fail(request: httpx.Request) -> httpx.Response:
            raise httpx.ConnectError("refused", request=request)

        http = user_client(mode, httpx.MockTransport(fail))
        client = mode.client("key", http_client=http, max_retries=0)
        with pytest.raises(APIConnectionError, match=r"no connection to api\.fibonacci\.dev:443: refused") as caught:
            mode.run(client.workflows.get("wf-1"))
        assert isinstance(caught.value.__cause__, httpx.ConnectError)

    def test_redirects_are_not_followed_and_its_own_auth_is_not_used(self, mode: Mode) -> None:
        http = user_client(mode)
        http.follow_redirects = True
        http.auth = httpx.BasicAuth("user", "password")
        with respx.mock(using="httpx") as router:
            route = router.get(f"{URL}/workflows/wf-1").respond(302, headers={"Location": "https://elsewhere.example"})
            client = mode.client("key", http_client=http, max_retries=0)
            with pytest.raises(APIStatusError, match="redirects to 'https://elsewhere"):
                mode.run(client.workflows.get("wf-1"))
        assert route.call_count == 1
        assert route.calls.last.request.headers["Authorization"] == "Bearer key"


@pytest.mark.parametrize("streamed", [False, True], ids=["made whole", "streamed"])
def test_the_largest_response_and_compression_with_an_http_client(mode: Mode, streamed: bool) -> None:
    packed = gzip.compress(json.dumps({"data": {"more": "x" * 500}}).encode())
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}

    def pieces() -> Iterator[bytes]:
        yield packed[:20]
        yield packed[20:]

    async def pieces_async() -> AsyncIterator[bytes]:
        for piece in pieces():
            yield piece

    def respond(request: httpx.Request) -> httpx.Response:
        stream = pieces_async() if mode.is_async else pieces()
        return httpx.Response(200, content=stream if streamed else packed, headers=headers)

    http = user_client(mode, httpx.MockTransport(respond))
    client = mode.client("key", http_client=http)
    assert mode.run(client.request("GET", "/x"))["more"] == "x" * 500
    for limit in (20, 300):  # smaller than as sent; smaller than when decompressed
        small = mode.client("key", http_client=http, max_response_bytes=limit)
        with pytest.raises(APIResponseError, match="larger than") as caught:
            mode.run(small.request("GET", "/x"))
        assert caught.value.status_code == 200


def test_a_mock_transport_needs_no_library() -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=WORKFLOW, headers={"X-Path": request.url.path})

    with httpx.Client(transport=httpx.MockTransport(respond)) as http:
        workflow = Fibonacci("key", http_client=http).workflows.get("wf-1")
    assert workflow.response.headers["x-path"] == "/v1/workflows/wf-1"

    async def run() -> str | None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(respond)) as http:
            return (await AsyncFibonacci("key", http_client=http).workflows.get("wf-1")).name

    assert asyncio.run(run()) == "Faked"
