"""Floods: however much a server sends, other tasks run, a cancellation is noticed, and the call's time is kept."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Literal

import anyio
import pytest

from fibonacci import APIConnectionError, APITimeoutError, AsyncFibonacci
from fibonacci.transports import AsyncSocketTransport
from tests.faults.calls import longest
from tests.kit.certificates import Authority
from tests.kit.clock import FakeClock
from tests.kit.mode import Mode
from tests.kit.peer import Peer
from tests.kit.server import ScriptedServer
from tests.kit.steps import Step, many_times

Backend = Literal["asyncio", "trio"]
LONGEST_FREEZE = 0.15
"""Seconds of a processor. The target is 0.05, which a processor with other work may miss."""
LONGEST_CANCELLATION = 0.25
"""Seconds of a processor. The target is 0.05."""
IN_THE_FLOOD = 0.07
"""Seconds from a request to the end of its call."""
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
INFORMATIONAL = b"HTTP/1.1 102 Processing\r\n\r\n"


def flood(piece: bytes, before: bytes = b"") -> Step:
    """Send the same piece without end."""
    block = piece * (256 * 1024 // len(piece))

    def step(peer: Peer) -> None:
        peer.send(before)
        while peer.pause(0):
            peer.send(block)

    return step


FLOODS = {
    "chunks of one byte": (flood(b"1\r\n{\r\n", CHUNKED), False),
    "chunks of one byte over TLS": (flood(b"1\r\n{\r\n", CHUNKED), True),
    "informational responses": (flood(b"HTTP/1.1 103 Early Hints\r\n" + b"link: </a>\r\n" * 5000 + b"\r\n"), False),
}


async def longest_freeze(ends: anyio.Event) -> float:
    """Return the longest time that other tasks took between two turns of this one, until the event is set.

    It is the time of the event loop's thread: that of a busy machine's other processes says nothing.
    """
    freeze = 0.0
    while not ends.is_set():
        before = time.thread_time()
        await anyio.sleep(0.005)
        freeze = max(freeze, time.thread_time() - before)
    return freeze


@pytest.fixture(autouse=True)
def without_collection() -> Iterator[None]:
    """Keep what other tests have left from being searched for garbage, which takes a second in a large suite.

    It would begin in the middle of a flood of headers, which become that many objects.
    """
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.parametrize(("name", "backend"), [*((name, "asyncio") for name in FLOODS), ("chunks of one byte", "trio")])
def test_other_tasks_run_and_a_call_ends_in_time_and_when_it_is_canceled(
    name: str, backend: Backend, clock: FakeClock, authority: Authority
) -> None:
    step, secure = FLOODS[name]
    freezes: list[float] = []
    used: dict[str, float] = {}

    async def tick(ended: anyio.Event) -> None:
        freezes.append(await longest_freeze(ended))

    async def later(what: str, number: int, end: Callable[[], object]) -> None:
        """End a call when it is in its flood, and note the time of the event loop's thread."""
        while len(server.requests) < number:
            await anyio.sleep(0.005)
        await anyio.sleep(IN_THE_FLOOD)
        used[what] = -time.thread_time()
        end()

    async def main() -> None:
        transport = AsyncSocketTransport(ca_bundle=authority.file)
        options: Any = {"transport": transport, "clock": clock.in_mode(is_async=True), "timeout": 60}
        client = AsyncFibonacci(server.api_key, base_url=server.base_url, **options)
        ended = anyio.Event()
        async with anyio.create_task_group() as group:
            group.start_soon(tick, ended)
            group.start_soon(later, "timeout", 1, lambda: clock.advance(60))
            with pytest.raises(APITimeoutError):
                await client.request("GET", "/x")
            used["timeout"] += time.thread_time()
            with anyio.CancelScope() as scope:
                group.start_soon(later, "cancellation", 2, scope.cancel)
                await client.request("GET", "/x")
            used["cancellation"] += time.thread_time()
            ended.set()
        await transport.aclose()

    with ScriptedServer(step, tls=authority.good() if secure else None) as server:
        anyio.run(main, backend=backend)
    assert used["timeout"] < LONGEST_CANCELLATION
    assert used["cancellation"] < LONGEST_CANCELLATION
    assert freezes[0] < LONGEST_FREEZE
    assert len(server.requests) == server.delivered == 2


@pytest.mark.parametrize("name", FLOODS)
def test_the_time_of_a_call_is_kept_without_an_event_loop(name: str, clock: FakeClock, authority: Authority) -> None:
    step, secure = FLOODS[name]

    def let_the_time_be_up() -> None:
        while not server.requests:
            time.sleep(0.005)
        time.sleep(IN_THE_FLOOD)
        clock.advance(60)

    with ScriptedServer(step, tls=authority.good() if secure else None) as server, Mode("sync", clock) as mode:
        transport = mode.socket_transport(ca_bundle=authority.file)
        client = mode.client_of(server, transport=transport, timeout=60)
        threading.Thread(target=let_the_time_be_up).start()
        before = time.thread_time()
        with pytest.raises(APITimeoutError):
            client.request("GET", "/x")
        # The server is always ahead, so the call waits for nothing but a processor.
        assert time.thread_time() - before < longest(0.4)
    assert server.delivered == 1


class TestInformationalResponses:
    @pytest.mark.parametrize("method", ["GET", "POST"])
    def test_their_number_is_bounded(self, mode: Mode, method: str) -> None:
        with ScriptedServer(flood(INFORMATIONAL)) as server:
            client = mode.client_of(server, max_retries=1)
            with pytest.raises(APIConnectionError, match="more than 1000 informational responses") as caught:
                mode.run(client.request(method, "/x"))
        assert caught.value.outcome_unknown == (method == "POST")
        assert caught.value.attempts == server.delivered == (1 if method == "POST" else 2)

    def test_as_many_as_a_long_execution_may_bring_are_fine(self, mode: Mode) -> None:
        final = b'HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{"data": true}'
        with ScriptedServer(many_times(b"", INFORMATIONAL, 1000, final)) as server:
            assert mode.run(mode.client_of(server).request("POST", "/x")) is True
        assert server.delivered == 1


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        (flood(INFORMATIONAL), "more than 1000 informational responses"),
        (flood(b"a", b"HTTP/1.1 200 OK\r\nX-A: "), "too long"),
    ],
)
def test_a_proxy_that_floods(mode: Mode, response: Step, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedServer(response) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.origin)
        client = mode.client("key", base_url="https://platform.example/v1", max_retries=1)
        with pytest.raises(APIConnectionError, match=reason) as caught:
            mode.run(client.request("POST", "/x"))
    assert not caught.value.outcome_unknown
    assert [request.method for request in proxy.requests] == ["CONNECT"] * 2
