"""Memory: bodies are bounded, calls leave nothing behind, clients cost next to nothing.

`FIBONACCI_TEST_PROFILE=long` makes 400,000 calls in each mode in place of 1,600.
"""

from __future__ import annotations

import gc
import gzip
import os
import tracemalloc
from collections.abc import Iterator
from itertools import pairwise

import pytest

from fibonacci import APIResponseError, AsyncFibonacci, Fibonacci
from tests.faults.calls import KEY
from tests.kit.mode import TWO_MODES, Mode, both_modes
from tests.kit.peer import Peer
from tests.kit.server import ScriptedServer
from tests.kit.steps import gzip_bomb, head, ok, raw_then_reset, respond

pytestmark = pytest.mark.slow

CALLS = 400_000 if os.environ.get("FIBONACCI_TEST_PROFILE") == "long" else 1_600
ROUNDS = 8
AT_ONCE = 50
MB = 1024 * 1024


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
    finally:
        tracemalloc.stop()


def _respond_and_leave(peer: Peer) -> None:
    ok(peer)
    peer.close()


def _used() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


@pytest.mark.timeout(3600 if CALLS > 1_600 else 120)
@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("mode", TWO_MODES, indirect=True)
def test_calls_do_not_grow_the_process(mode: Mode) -> None:
    steps = working = [ok] * 8 + [respond(404), raw_then_reset(b"")]
    levels: list[int] = []
    with ScriptedServer(lambda peer: steps[len(server.requests) % len(steps)](peer)) as server:
        client = mode.client_of(server, max_retries=0)
        for _ in range(ROUNDS + 1):
            steps = working
            for _ in range(CALLS // ROUNDS // AT_ONCE):
                for ended in [mode.begin(client.request, "GET", "/x") for _ in range(AT_ONCE)]:
                    ended.result()
            # How many connections are open is chance, and takes more than what might be kept for each call: all end.
            steps = [respond(headers={"Connection": "close"})]
            for _ in range(AT_ONCE):
                mode.end(client.request, "GET", "/x")
            server.requests.clear()
            levels.append(_used())
    assert server.delivered == (CALLS // ROUNDS + AT_ONCE) * (ROUNDS + 1)
    # Something that is kept for each call would show in every round; what comes and goes does not.
    assert min(later - earlier for earlier, later in pairwise(levels)) < 20 * CALLS // ROUNDS


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("kind", [Fibonacci, AsyncFibonacci])
def test_a_thousand_clients_cost_little(kind: type[Fibonacci] | type[AsyncFibonacci]) -> None:
    kind(KEY)
    before = _used()
    clients = [kind(KEY, base_url="https://api.example.com/v1") for _ in range(1000)]
    assert len(clients) == 1000
    assert _used() - before < 10 * MB


@pytest.mark.usefixtures("traced")
def test_a_thousand_clients_in_use_cost_little() -> None:
    with ScriptedServer(_respond_and_leave) as server:
        Fibonacci(server.api_key, base_url=server.base_url).request("GET", "/x")
        server.requests.clear()
        before = _used()
        clients = [Fibonacci(server.api_key, base_url=server.base_url) for _ in range(1000)]
        for client in clients:
            client.request("GET", "/x")
        server.requests.clear()
        grown = _used() - before
        for client in clients:
            client.close()
    assert grown < 10 * MB


@pytest.mark.usefixtures("traced")
@both_modes
def test_bodies_are_bounded(mode: Mode) -> None:
    bomb = gzip_bomb(100)
    with ScriptedServer(respond(200, bomb, {"Content-Encoding": "gzip"})) as server:
        client = mode.client_of(server, max_response_bytes=MB)
        before = _used()
        tracemalloc.reset_peak()
        ended = mode.end(client.request, "GET", "/x")
        peak = tracemalloc.get_traced_memory()[1] - before
    assert isinstance(ended.error, APIResponseError)
    assert "larger than" in str(ended.error)
    assert peak < 6 * MB


def _endless(peer: Peer) -> None:
    peer.send(head(200, length=10**12))
    while peer.pause(0):
        peer.send(bytes(256 * 1024))


@pytest.mark.usefixtures("traced")
@both_modes
def test_an_endless_body_is_left_at_the_limit(mode: Mode) -> None:
    with ScriptedServer(_endless) as server:
        client = mode.client_of(server, max_response_bytes=4 * MB)
        tracemalloc.reset_peak()
        before = _used()
        ended = mode.end(client.request, "GET", "/x")
        peak = tracemalloc.get_traced_memory()[1] - before
    assert isinstance(ended.error, APIResponseError)
    assert "max_response_bytes" in str(ended.error)
    assert server.delivered == 1
    assert peak < 16 * MB


def test_the_default_limit_is_64_mib() -> None:
    fits = gzip.compress(b'"' + b"x" * (64 * MB - 2) + b'"', 1)
    too_large = gzip.compress(b'"' + b"x" * (64 * MB - 1) + b'"', 1)
    zipped = {"Content-Encoding": "gzip"}
    steps = (respond(200, fits, zipped), respond(200, too_large, zipped), ok)
    with ScriptedServer(*steps) as server, Fibonacci(server.api_key, base_url=server.base_url) as client:
        assert len(client.request("GET", "/x")) == 64 * MB - 2
        with pytest.raises(APIResponseError, match="larger than 67108864 bytes"):
            client.request("GET", "/x")
        assert client.request("GET", "/x") == {"fine": True}
    assert server.delivered == 3
