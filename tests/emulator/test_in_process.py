"""The transports of `Emulator.client()` and `Emulator.async_client()`, without a socket."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

import httpx
import pytest
import trio

from fibonacci import APIConnectionError
from fibonacci.emulator import Emulator, FailureKind, LLMCall
from fibonacci.emulator.facade import app_of
from fibonacci.emulator.serving.in_process import AsyncInProcessTransport, InProcessTransport
from fibonacci.transports import (
    AsyncTransport,
    Deadline,
    HTTPRequest,
    HTTPResponse,
    Transport,
    TransportError,
)
from tests.kit.assertions import each_row
from tests.kit.mode import Mode
from tests.kit.nodes import llm


def request(emulator: Emulator, method: str = "GET", path: str = "/tools/wait", body: bytes = b"") -> HTTPRequest:
    headers = [(b"authorization", f"Bearer {emulator.api_key}".encode())]
    return HTTPRequest(method=method, origin="http://127.0.0.1", target=f"/v1{path}", headers=headers, body=body)


def send(emulator: Emulator, mode: Mode, sent: HTTPRequest, seconds: float | None = None) -> HTTPResponse:
    """Send a request through the transport of a mode."""
    if mode.name == "sync":
        transport: Transport = InProcessTransport(app_of(emulator))
        return transport.send(sent, Deadline(seconds))
    async_transport: AsyncTransport = AsyncInProcessTransport(app_of(emulator))
    response: HTTPResponse = mode.run(async_transport.send(sent, Deadline(seconds)))
    return response


def test_responses_are_those_of_the_socket(mode: Mode) -> None:
    path = "/memory/a%2Fb?scope=global"
    with Emulator() as emulator:
        put = send(emulator, mode, request(emulator, "PUT", path, b'{"value": 1, "scope": "global"}'))
        headers = {"Authorization": f"Bearer {emulator.api_key}"}
        over_socket = httpx.get(f"{emulator.base_url}{path}", headers=headers, trust_env=False)
        in_process = send(emulator, mode, request(emulator, "GET", path))
        deleted = send(emulator, mode, request(emulator, "DELETE", path))
        missing = send(emulator, mode, request(emulator, "GET", path))
    assert (put.status, deleted.status, deleted.body, missing.status) == (200, 204, b"", 404)
    assert (in_process.status, len(in_process.body)) == (over_socket.status_code, len(over_socket.content))
    assert over_socket.json()["data"]["value"] == 1
    assert [name.lower() for name, _ in in_process.headers] == [name.lower() for name, _ in over_socket.headers.raw]
    assert dict(in_process.headers)[b"Content-Type"] == b"application/json"


@pytest.mark.parametrize(("kind", "seconds"), [("stall", None), ("delay", 30.0), ("drip", 1.0)])
def test_what_ends_after_the_deadline_is_a_timeout_at_once(
    mode: Mode, kind: FailureKind, seconds: float | None
) -> None:
    emulator = Emulator()
    failure = emulator.fail("GET *", kind, seconds=seconds)
    began = time.monotonic()
    with pytest.raises(TransportError) as caught:
        send(emulator, mode, request(emulator), seconds=20)
    assert (caught.value.kind, failure.delivered) == ("timeout", 1)
    assert time.monotonic() - began < 5


async def use_async_client(emulator: Emulator) -> list[str]:
    async with emulator.async_client() as client:
        await client.workflows.create(name="x")
        return [str(workflow.name) async for workflow in client.workflows.list()]


def test_an_async_client_in_process() -> None:
    assert asyncio.run(use_async_client(Emulator())) == ["x"]
    assert trio.run(use_async_client, Emulator()) == ["x"]


def test_after_close_a_state_in_a_file_is_a_connection_error_that_says_so(mode: Mode, tmp_path: Path) -> None:
    with Emulator(db=tmp_path / "state.db") as emulator:
        client = emulator.client() if mode.name == "sync" else emulator.async_client()
        workflow = mode.run(client.workflows.create(name="x"))
    with pytest.raises(APIConnectionError, match="the emulator is closed: open"):
        mode.run(client.workflows.get(workflow.id))
    with pytest.raises(APIConnectionError, match="the emulator is closed: open") as caught:
        mode.run(client.workflows.create(name="y"))
    assert "may have been carried out" not in str(caught.value)
    with emulator:
        assert [each.id for each in emulator.client().workflows.list()] == [workflow.id]


def test_the_event_loop_goes_on_while_a_handler_works() -> None:
    emulator = Emulator()
    released = threading.Event()

    @emulator.llm
    def wait(call: LLMCall) -> str:
        released.wait(10)
        return "done"

    async def use() -> str | None:
        client = emulator.async_client()
        workflow = await client.workflows.create(name="x", definition={"nodes": [llm("a")]})
        run = asyncio.create_task(client.workflows.execute(workflow.id))
        await asyncio.sleep(0.01)
        assert not run.done()
        released.set()
        return (await run).status

    assert asyncio.run(use()) == "completed"


@each_row("name", ["base_url", "transport", "http_client"])
def test_what_says_where_to_send_is_refused(name: str) -> None:
    for make in (Emulator().client, Emulator().async_client):
        with pytest.raises(TypeError, match=f"{name}: an in-process client sets this itself"):
            make(**{name: "x"})
