"""Floods: however much a server sends, other tasks run, a cancellation is noticed, and the call's time is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import anyio
import anyio.lowlevel
import h11
import pytest

from fibonacci import APIConnectionError, APITimeoutError, AsyncFibonacci
from fibonacci.transports import AsyncSocketTransport
from tests.kit.certificates import Authority
from tests.kit.clock import FakeClock
from tests.kit.mode import Mode
from tests.kit.server import ScriptedServer
from tests.kit.steps import Step, many_times

Backend = Literal["asyncio", "trio"]
MOST_STEPS = 500
"""Of the parser, between two turns of other tasks: five milliseconds or so."""
IN_THE_FLOOD = 600
"""Steps from the begin of a call to its end: more than those."""
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
INFORMATIONAL = b"HTTP/1.1 102 Processing\r\n\r\n"


def flood(piece: bytes, before: bytes = b"") -> Step:
    """Send the same piece again and again: 4 MB, of which a call that ends in time reads less."""
    block = piece * (256 * 1024 // len(piece))
    return many_times(before, block, 16, b"")


FLOODS = {
    "chunks of one byte": (flood(b"1\r\n{\r\n", CHUNKED), False),
    "chunks of one byte over TLS": (flood(b"1\r\n{\r\n", CHUNKED), True),
    "informational responses": (flood(b"HTTP/1.1 103 Early Hints\r\n" + b"link: </a>\r\n" * 5000 + b"\r\n"), False),
}


class ParserSteps:
    """Counts what h11 has to do, which says the same on every machine: a step is an event, or 640 bytes.

    Attributes:
        done: How many steps there were.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.done = 0
        self._act: tuple[int, Callable[[], object]] | None = None
        next_event, receive_data = h11.Connection.next_event, h11.Connection.receive_data

        def counting_events(connection: h11.Connection) -> object:
            self._take(1)
            return next_event(connection)

        def counting_bytes(connection: h11.Connection, data: bytes) -> None:
            self._take(len(data) // 640)
            receive_data(connection, data)

        monkeypatch.setattr(h11.Connection, "next_event", counting_events)
        monkeypatch.setattr(h11.Connection, "receive_data", counting_bytes)

    def after(self, steps: int, act: Callable[[], object]) -> None:
        """Have something done once, after so many further steps, in the midst of the parser's work."""
        self._act = (self.done + steps, act)

    def _take(self, steps: int) -> None:
        self.done += steps
        if self._act is not None and self.done >= self._act[0]:
            _, act = self._act
            self._act = None
            act()


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> ParserSteps:
    """Return what counts the steps of the parser."""
    return ParserSteps(monkeypatch)


@pytest.mark.parametrize(("name", "backend"), [*((name, "asyncio") for name in FLOODS), ("chunks of one byte", "trio")])
def test_other_tasks_run_and_a_call_ends_in_time_and_when_it_is_canceled(
    name: str, backend: Backend, clock: FakeClock, steps: ParserSteps, authority: Authority
) -> None:
    step, secure = FLOODS[name]
    between_turns: list[int] = []
    after_the_end: list[int] = []

    async def tick() -> None:
        """Note the steps between two turns of this task."""
        while True:
            before = steps.done
            await anyio.lowlevel.checkpoint()
            between_turns.append(steps.done - before)

    def in_the_flood(end: Callable[[], object]) -> None:
        def act() -> None:
            end()
            after_the_end.append(-steps.done)

        steps.after(IN_THE_FLOOD, act)

    async def main() -> None:
        transport = AsyncSocketTransport(ca_bundle=authority.file)
        options: Any = {"transport": transport, "clock": clock.in_mode(is_async=True), "timeout": 60}
        client = AsyncFibonacci(server.api_key, base_url=server.base_url, **options)
        async with anyio.create_task_group() as group:
            group.start_soon(tick)
            in_the_flood(lambda: clock.advance(60))
            with pytest.raises(APITimeoutError):
                await client.request("GET", "/x")
            after_the_end[-1] += steps.done
            with anyio.CancelScope() as scope:
                in_the_flood(scope.cancel)
                await client.request("GET", "/x")
            assert scope.cancelled_caught
            after_the_end[-1] += steps.done
            group.cancel_scope.cancel()
        await transport.aclose()

    with ScriptedServer(step, tls=authority.good() if secure else None) as server:
        anyio.run(main, backend=backend)
    assert steps.done >= 2 * IN_THE_FLOOD
    assert max(between_turns) <= MOST_STEPS
    assert max(after_the_end) <= MOST_STEPS
    assert len(server.requests) == server.delivered == 2


@pytest.mark.parametrize("name", FLOODS)
def test_the_time_of_a_call_is_kept_without_an_event_loop(
    name: str, clock: FakeClock, steps: ParserSteps, authority: Authority
) -> None:
    step, secure = FLOODS[name]
    with ScriptedServer(step, tls=authority.good() if secure else None) as server, Mode("sync", clock) as mode:
        transport = mode.socket_transport(ca_bundle=authority.file)
        client = mode.client_of(server, transport=transport, timeout=60)
        steps.after(IN_THE_FLOOD, lambda: clock.advance(60))
        with pytest.raises(APITimeoutError):
            client.request("GET", "/x")
    assert IN_THE_FLOOD <= steps.done <= IN_THE_FLOOD + MOST_STEPS
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
