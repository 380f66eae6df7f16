"""`HTTPXTransport`: the timeouts that each request gets, on a client of the user and on one of its own."""

from __future__ import annotations

import threading
from types import ModuleType
from typing import Any

import httpx
import httpx2
import pytest

from fibonacci.transports import AsyncHTTPXTransport, HTTPXTransport
from tests.kit.assertions import each_row
from tests.kit.mode import Mode

Timeouts = dict[str, float | None]


class TimeoutRecorder:
    """Responds at once and records the timeouts of each request, as a transport of httpx or httpx2."""

    def __init__(self, library: ModuleType) -> None:
        self._library = library
        self.recorded: list[Timeouts] = []

    def respond(self, request: Any) -> Any:
        """Return an empty success."""
        self.recorded.append(request.extensions["timeout"])
        return self._library.Response(200, json={"data": {"fine": True}})

    def client(self, mode: Mode, **options: Any) -> Any:
        """Return a client of the user that sends nothing."""
        kind = self._library.AsyncClient if mode.is_async else self._library.Client
        return mode.close_later(kind(transport=self._library.MockTransport(self.respond), **options))

    @property
    def last(self) -> tuple[float | None, float | None]:
        """The time to connect, and that for the rest, which must be the same."""
        timeouts = self.recorded[-1]
        (rest,) = {timeouts[name] for name in ("read", "write", "pool")}
        return timeouts["connect"], rest


class BareClient:
    """A client with httpx's interface that has no timeouts to show."""

    def __init__(self, client: Any) -> None:
        self.build_request = client.build_request
        self.send = client.send

    def close(self) -> None: ...

    async def aclose(self) -> None: ...


@pytest.fixture(params=[httpx, httpx2], ids=lambda library: library.__name__)
def recorder(request: pytest.FixtureRequest) -> TimeoutRecorder:
    return TimeoutRecorder(request.param)


@each_row(
    ("own", "timeout", "connect", "rest"),
    [
        ({}, 30, 5, 30),
        ({"timeout": 2}, 30, 2, 30),
        ({"timeout": 2}, None, 2, None),
        ({"timeout": None}, 30, 30, 30),
        ({"timeout": None}, None, None, None),
        ({"timeout": 100}, 30, 30, 30),
    ],
)
def test_a_client_of_the_user_keeps_its_connect_timeout(
    mode: Mode,
    recorder: TimeoutRecorder,
    own: dict[str, Any],
    timeout: float | None,
    connect: float | None,
    rest: float | None,
) -> None:
    client = mode.client("sk-1", http_client=recorder.client(mode, **own), timeout=timeout)
    mode.run(client.request("GET", "/x"))
    assert recorder.last == (_nearly(connect), _nearly(rest))


def test_a_client_without_timeouts_gets_the_remaining_time(mode: Mode, recorder: TimeoutRecorder) -> None:
    client = mode.client("sk-1", http_client=BareClient(recorder.client(mode)), timeout=30)
    mode.run(client.request("GET", "/x"))
    assert recorder.last == (_nearly(30), _nearly(30))


@pytest.mark.parametrize(
    ("options", "connect"), [({}, 5), ({"connect_timeout": 0.3}, 0.3), ({"connect_timeout": 99}, 30)]
)
def test_a_client_of_its_own_has_the_connect_timeout(
    mode: Mode, options: dict[str, Any], connect: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = TimeoutRecorder(httpx)
    mock = httpx.MockTransport(recorder.respond)
    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", mock.handle_request)
    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", mock.handle_async_request)
    transport = mode.close_later((AsyncHTTPXTransport if mode.is_async else HTTPXTransport)(**options))
    mode.run(mode.client("sk-1", transport=transport, timeout=30).request("GET", "/x"))
    assert recorder.last == (_nearly(connect), _nearly(30))


def _nearly(seconds: float | None) -> Any:
    return None if seconds is None else pytest.approx(seconds, abs=5 if seconds == 30 else 1e-9)


@pytest.mark.parametrize("library", [httpx, httpx2], ids=lambda library: library.__name__)
def test_threads_send_at_the_same_time_over_http11(library: ModuleType) -> None:
    all_are_in_flight = threading.Barrier(4)

    def respond(_: Any) -> Any:
        all_are_in_flight.wait(30)
        return library.Response(200, json={"data": {"fine": True}})

    with Mode("sync") as mode, library.Client(transport=library.MockTransport(respond)) as http:
        client = mode.client(api_key="key", http_client=http)
        calls = [mode.begin(client.request, "POST", "/x") for _ in range(4)]
        assert [call.result().value for call in calls] == [{"fine": True}] * 4
