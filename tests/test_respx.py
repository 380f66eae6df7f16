"""A user's respx catches the client of either colour, in the ways in which respx is used."""

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
from tests.colours import Colour

URL = "https://api.fibonacci.dev/v1"
ANSWER = {"data": {"id": "wf-1", "name": "Faked"}, "meta": {"request_id": "req_1"}}


@pytest.mark.parametrize("using", ["httpcore", "httpx"])
def test_the_default_client_is_caught_either_way(colour: Colour, using: str) -> None:
    with respx.mock(using=using) as router:
        router.get(f"{URL}/workflows/wf-1").respond(json=ANSWER)
        assert colour.run(colour.client("key").workflows.get("wf-1")).name == "Faked"


@respx.mock
def test_the_decorator_catches_the_default_client(colour: Colour) -> None:
    route = respx.get(f"{URL}/workflows/wf-1").respond(json=ANSWER)
    workflow = colour.run(colour.client("key").workflows.get("wf-1"))
    assert (workflow.name, workflow.response.request_id) == ("Faked", "req_1")
    assert route.called
    assert route.calls.last.request.headers["Authorization"] == "Bearer key"


def test_the_fixture_and_the_context_manager_too(colour: Colour, respx_mock: respx.MockRouter) -> None:
    client = colour.client("key")
    respx_mock.post(f"{URL}/workflows").respond(201, json=ANSWER)
    assert colour.run(client.workflows.create(name="x")).id == "wf-1"
    with respx.mock(base_url=URL) as inner:
        inner.get("/tools").respond(json={"data": [{"name": "t"}]})
        assert [tool.name for tool in colour.run(client.tools.list())] == ["t"]


@respx.mock
def test_a_client_that_was_there_before_is_caught(colour: Colour) -> None:
    client = colour.client("key", base_url="http://127.0.0.1:9/v1", max_retries=0)
    respx.get("http://127.0.0.1:9/v1/health").respond(json={"status": "healthy"})
    assert colour.run(client.health.check()).healthy


@respx.mock
def test_statuses_and_failures(colour: Colour) -> None:
    client = colour.client("key", max_retries=0)
    respx.get(f"{URL}/workflows/gone").respond(404, json={"error": {"code": "not_found", "message": "No such"}})
    with pytest.raises(NotFoundError, match="No such"):
        colour.run(client.workflows.get("gone"))


@respx.mock
def test_failures_that_a_mock_makes_mean_what_real_ones_do(colour: Colour) -> None:
    route = respx.post(f"{URL}/workflows")
    route.side_effect = [httpx.ConnectError("refused"), httpx.ReadTimeout("too slow")]
    with pytest.raises(APITimeoutError) as caught:
        colour.run(colour.client("key").workflows.create(name="x"))
    # What was never sent is sent again; what may have been carried out is not.
    assert (route.call_count, caught.value.attempts, caught.value.outcome_unknown) == (2, 2, True)


@respx.mock
def test_bodies_arrive(colour: Colour) -> None:
    route = respx.put(f"{URL}/memory/user%2Fprefs").respond(json={"data": {"key": "user/prefs"}})
    colour.run(colour.client("key").memory.set("user/prefs", {"a": 1}))
    assert route.calls.last.request.content == b'{"value":{"a":1}}'
    assert route.calls.last.request.url.raw_path == b"/v1/memory/user%2Fprefs"


def given(colour: Colour, transport: Any = None) -> Any:
    """A client of httpx's, as a user would make it."""
    return httpx.AsyncClient(transport=transport) if colour.is_async else httpx.Client(transport=transport)


def close(colour: Colour, http: Any) -> None:
    colour.run(http.aclose()) if colour.is_async else http.close()


class TestGivenClient:
    @pytest.mark.parametrize("using", ["httpcore", "httpx"])
    def test_is_caught(self, colour: Colour, using: str) -> None:
        http = given(colour)
        with respx.mock(using=using) as router:
            router.get(f"{URL}/workflows/wf-1").respond(json=ANSWER)
            client = colour.client("key", http_client=http)
            assert colour.run(client.workflows.get("wf-1")).name == "Faked"
        colour.shut(client)
        assert not http.is_closed
        close(colour, http)

    def test_failures_are_those_of_the_client(self, colour: Colour) -> None:
        def fail(request: httpx.Request) -> httpx.Response:
            raise httpx.ConnectError("refused", request=request)

        http = given(colour, httpx.MockTransport(fail))
        client = colour.client("key", http_client=http, max_retries=0)
        with pytest.raises(APIConnectionError, match="no connection to the server: refused") as caught:
            colour.run(client.workflows.get("wf-1"))
        assert isinstance(caught.value.__cause__, httpx.ConnectError)
        close(colour, http)

    def test_redirects_are_not_followed_and_its_own_auth_is_not_used(self, colour: Colour) -> None:
        http = given(colour)
        http.follow_redirects = True
        http.auth = httpx.BasicAuth("user", "password")
        with respx.mock(using="httpx") as router:
            route = router.get(f"{URL}/workflows/wf-1").respond(302, headers={"Location": "https://elsewhere.example"})
            client = colour.client("key", http_client=http, max_retries=0)
            with pytest.raises(APIStatusError, match="redirects to 'https://elsewhere"):
                colour.run(client.workflows.get("wf-1"))
        assert route.call_count == 1
        assert route.calls.last.request.headers["Authorization"] == "Bearer key"
        close(colour, http)


@pytest.mark.parametrize("streamed", [False, True], ids=["made whole", "streamed"])
def test_the_largest_answer_and_compression_with_a_given_client(colour: Colour, streamed: bool) -> None:
    packed = gzip.compress(json.dumps(ANSWER | {"more": "x" * 500}).encode())
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}

    def pieces() -> Iterator[bytes]:
        yield packed[:20]
        yield packed[20:]

    async def pieces_async() -> AsyncIterator[bytes]:
        for piece in pieces():
            yield piece

    def answer(request: httpx.Request) -> httpx.Response:
        stream = pieces_async() if colour.is_async else pieces()
        return httpx.Response(200, content=stream if streamed else packed, headers=headers)

    http = given(colour, httpx.MockTransport(answer))
    client = colour.client("key", http_client=http)
    assert colour.run(client.request("GET", "/x"))["more"] == "x" * 500
    for limit in (20, 300):  # smaller than on the wire; smaller than when decompressed
        small = colour.client("key", http_client=http, max_response_bytes=limit)
        with pytest.raises(APIResponseError, match="larger than") as caught:
            colour.run(small.request("GET", "/x"))
        assert caught.value.status_code == 200
    close(colour, http)


def test_a_mock_transport_needs_no_library() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=ANSWER, headers={"X-Path": request.url.path})

    with httpx.Client(transport=httpx.MockTransport(answer)) as http:
        workflow = Fibonacci("key", http_client=http).workflows.get("wf-1")
    assert workflow.response.headers["x-path"] == "/v1/workflows/wf-1"

    async def run() -> str | None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
            return (await AsyncFibonacci("key", http_client=http).workflows.get("wf-1")).name

    assert asyncio.run(run()) == "Faked"
