"""Connections: how many there are, when they are used again, and how a host's name becomes an address."""

from __future__ import annotations

import asyncio
import gc
import socket
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from fibonacci import APIConnectionError, APITimeoutError
from fibonacci.transports import AsyncSocketTransport, SocketTransport
from tests.colours import COLOURS, Colour
from tests.endpoints.recorder import Recorder

NAME = "platform.localhost"
Lookup = Callable[..., list[Any]]


def limited(colour: Colour, recorder: Recorder, **limits: Any) -> Any:
    """A client of the recorder whose pool has other limits."""
    transport: Any = AsyncSocketTransport(**limits) if colour.is_async else SocketTransport(**limits)
    colour.close_later(transport)
    return colour.client(recorder.api_key, base_url=recorder.base_url, max_retries=0, transport=transport)


def many(colour: Colour, call: Callable[[], Any], number: int) -> list[Any]:
    """Make a call so often at the same time."""

    async def gathered() -> list[Any]:
        return await asyncio.gather(*(call() for _ in range(number)))

    if colour.is_async:
        return list(colour.run(gathered()))
    with ThreadPoolExecutor(number) as pool:
        return [each.result() for each in [pool.submit(call) for _ in range(number)]]


class TestPool:
    def test_one_connection_is_enough_for_calls_in_turn(
        self, colour: Colour, recorder: Recorder, recorded: Any
    ) -> None:
        for _ in range(5):
            recorder.give({"data": 1})
            colour.run(recorded.request("GET", "/x"))
        assert recorder.connections == 1

    def test_one_that_was_idle_for_too_long_is_not_used_again(self, colour: Colour, recorder: Recorder) -> None:
        recorded = limited(colour, recorder, idle_timeout=0.0)
        for _ in range(3):
            recorder.give({"data": 1})
            colour.run(recorded.request("GET", "/x"))
        assert recorder.connections == 3

    def test_one_that_the_server_has_closed_is_not_used_again(
        self, colour: Colour, recorder: Recorder, recorded: Any
    ) -> None:
        for _ in range(3):
            recorder.give({"data": 1})
            assert colour.run(recorded.request("POST", "/x")) == 1
            recorder.hang_up()
        assert recorder.connections == 3
        assert len(recorder.sent) == 3

    def test_one_that_is_to_be_closed_is_closed(self, colour: Colour, recorder: Recorder, recorded: Any) -> None:
        for _ in range(2):
            recorder.give({"data": 1}, headers={"Connection": "close"})
            colour.run(recorded.request("GET", "/x"))
        assert recorder.connections == 2

    @pytest.mark.parametrize("more", [b"and more", b'HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{"data": 666}'])
    def test_what_came_after_an_answer_is_nobodys_answer(
        self, colour: Colour, recorder: Recorder, recorded: Any, more: bytes
    ) -> None:
        recorder.give(b'{"data": 1}' + more, headers={"Content-Length": "11"})
        recorder.give({"data": 2})
        assert [colour.run(recorded.request("POST", "/x")) for _ in range(2)] == [1, 2]
        assert recorder.connections == 2

    def test_calls_queue_for_a_place(self, colour: Colour, recorder: Recorder) -> None:
        recorded = limited(colour, recorder, max_connections=1)
        for _ in range(8):
            recorder.give({"data": 1})
        assert many(colour, lambda: recorded.request("GET", "/x"), 8) == [1] * 8
        assert recorder.connections == 1

    def test_a_place_that_does_not_come_in_time(self, colour: Colour, recorder: Recorder) -> None:
        recorded = limited(colour, recorder, max_connections=0)
        with pytest.raises(APITimeoutError, match="no connection to the server within the call's time") as caught:
            colour.run(recorded.with_options(timeout=0.05).request("POST", "/x"))
        assert not caught.value.outcome_unknown
        assert recorder.connections == 0

    def test_a_client_that_is_forgotten_leaves_nothing_open(self, recorder: Recorder) -> None:
        # Whatever complains of an open connection fails the test.
        for name in COLOURS:
            colour = Colour(name)
            client: Any = colour.client(recorder.api_key, base_url=recorder.base_url)
            recorder.give({"data": 1})
            colour.run(client.request("GET", "/x"))
            forgotten = weakref.ref(client)
            colour.forget()
            del client
            gc.collect()
            assert forgotten() is None


@pytest.fixture
def named(colour: Colour, recorder: Recorder) -> Any:
    """A client of the recorder by a name."""
    url = recorder.base_url.replace("127.0.0.1", NAME)
    return colour.client(recorder.api_key, base_url=url, max_retries=0)


def look_up(monkeypatch: pytest.MonkeyPatch, found: Callable[[int], list[Any]]) -> None:
    """What the name service says of the name; it gets the port."""
    real: Lookup = socket.getaddrinfo

    def answer(host: Any, port: Any, *args: Any, **options: Any) -> list[Any]:
        return found(port) if host == NAME else real(host, port, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", answer)


def address(family: int, host: str, port: int) -> Any:
    return (family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port))


class TestNames:
    @pytest.mark.parametrize("first", ["::1", "127.0.0.9", "no family"])
    def test_the_next_address_is_tried(
        self, colour: Colour, recorder: Recorder, named: Any, monkeypatch: pytest.MonkeyPatch, first: str
    ) -> None:
        family = {"::1": socket.AF_INET6, "no family": 9999}.get(first, socket.AF_INET)
        look_up(
            monkeypatch,
            lambda port: [address(family, first, port), address(socket.AF_INET, "127.0.0.1", port)],
        )
        recorder.give({"data": 1})
        assert colour.run(named.request("POST", "/x")) == 1
        assert recorder.last.one("Host").startswith(f"{NAME}:")

    @pytest.mark.parametrize("only", ["127.0.0.9", "no family"])
    def test_when_none_answers_nothing_was_sent(
        self, colour: Colour, recorder: Recorder, named: Any, monkeypatch: pytest.MonkeyPatch, only: str
    ) -> None:
        look_up(monkeypatch, lambda port: [address(9999 if only == "no family" else socket.AF_INET, only, port)])
        with pytest.raises(APIConnectionError) as caught:
            colour.run(named.request("POST", "/x"))
        assert not caught.value.outcome_unknown
        assert recorder.sent == []

    def test_a_name_without_an_address(
        self, colour: Colour, recorder: Recorder, named: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        look_up(monkeypatch, lambda port: [])
        with pytest.raises(APIConnectionError, match=f"{NAME} has no address"):
            colour.run(named.request("GET", "/x"))

    def test_a_name_service_that_does_not_answer(
        self, colour: Colour, recorder: Recorder, named: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        released = threading.Event()

        def hang(port: int) -> list[Any]:
            released.wait(10)
            return []

        look_up(monkeypatch, hang)
        try:
            with pytest.raises(APITimeoutError, match="no connection to the server within the call's time"):
                colour.run(named.with_options(timeout=0.1).request("POST", "/x"))
        finally:
            released.set()
