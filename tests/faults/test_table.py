"""Every fault of the table, through both clients, on the socket transport, httpx and httpx2."""

from __future__ import annotations

import re
from collections import Counter
from functools import partial
from typing import Any

import pytest

from fibonacci import APIError, FibonacciError
from tests.faults.calls import METHODS, ONE_OF_EACH, longest
from tests.faults.expectations import MAX_RETRIES, End
from tests.faults.table import FaultRow, rows
from tests.faults.transports import TransportName, transport_options
from tests.kit.assertions import check_rows
from tests.kit.clock import FakeClock, Standstill
from tests.kit.mode import Ended, Mode, ModeName
from tests.kit.peer import Peer
from tests.kit.server import ScriptedServer
from tests.kit.steps import Step

ROWS = rows()
OF_ALL_METHODS = ("421 with JSON", "429 with JSON", "500 with JSON", "closed before the head")


Place = tuple[TransportName, ModeName]
"""Where a fault is met."""


def met(place: Place, *, is_slow: bool) -> list[tuple[str, FaultRow]]:
    """Return the rows of a place, with their names.

    Asyncio has every row. The other modes share its code, but for that of the network.
    """
    transport, mode_name = place
    tried = [row for row in ROWS if row.is_slow == is_slow and (mode_name == "asyncio" or row.of_network)]
    return [(row.name, row) for row in tried if transport == "socket" or transport in row.httpx]


@pytest.mark.parametrize(
    "place",
    [
        *(("socket", "asyncio"), ("socket", "sync")),
        *(
            pytest.param(place, marks=pytest.mark.slow)
            for place in (("socket", "trio"), ("httpx", "asyncio"), ("httpx", "sync"), ("httpx2", "asyncio"))
        ),
    ],
    ids=" ".join,
)
def test_a_fault_ends_as_the_table_says(place: Place, standstill: Standstill) -> None:
    with Mode(place[1]) as mode:
        _check(
            place[0], mode, standstill, ROWS[0]
        )  # what the first call of a process imports and makes is not what is timed
        check_rows(met(place, is_slow=False), partial(_check, place[0], mode, standstill), at_once=4)


@pytest.mark.parametrize(
    "places",
    [
        [("socket", "asyncio"), ("socket", "sync")],
        pytest.param([("socket", "trio"), ("httpx", "sync")], marks=pytest.mark.slow),
        pytest.param([("httpx", "asyncio"), ("httpx2", "asyncio")], marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_a_fault_that_outlasts_the_timeout_ends_as_the_table_says(places: list[Place], standstill: Standstill) -> None:
    def check(met_at: tuple[Place, FaultRow]) -> None:
        (transport, mode_name), row = met_at
        with Mode(mode_name) as mode:  # an event loop of its own: in one for all, a large body would delay the others
            _check(transport, mode, standstill, row)

    all_rows = [(f"{place}, {name}", (place, row)) for place in places for name, row in met(place, is_slow=True)]
    for transport, mode_name in places:
        with Mode(mode_name) as mode:
            _check(transport, mode, standstill, ROWS[0])
    check_rows(all_rows, check, at_once=len(all_rows))


def _check(transport: TransportName, mode: Mode, standstill: Standstill, row: FaultRow) -> None:
    """Call one server with several methods at the same time, and compare how they end."""
    server = ScriptedServer(greet=row.steps[0]) if row.greet else ScriptedServer(_by_method(row.steps))
    methods = METHODS if row.name in OF_ALL_METHODS else ONE_OF_EACH
    with server:
        clients = {method: _client(mode, server, row, method, transport) for method in methods}
        calls = {
            method: mode.begin(clients[method].request, method, "/things/1", **_body(row, method)) for method in methods
        }
        ended = {method: call.result() for method, call in calls.items()}
        for client in clients.values():  # rows have many connections in all
            mode.close(client)
    ends = row.ends_on(transport)
    # Where no request is read, connections stand for them.
    requests = {method: ends[method].requests for method in methods} if row.greet else server.by_method()
    assert server.delivered == sum(requests.values()) == (server.connections if row.greet else len(server.requests))
    for method, one in ended.items():
        unknown = isinstance(one.error, APIError) and one.error.outcome_unknown
        assert ends[method] == End(requests[method], type(one.error) if one.error else None, unknown), method
        assert one.seconds - standstill.seconds <= longest(row.timeout)
        _check_error(method, one, requests[method], server.api_key)
    _check_idempotency_keys(server, ended)


def _client(mode: Mode, server: ScriptedServer, row: FaultRow, method: str, transport: TransportName) -> Any:
    return mode.client_of(
        server,
        api_key=f"{server.api_key}-{method}",  # a refused key must not delay the other methods
        # Delays take no time, and how many fit into the timeout is no chance where nothing waits for its end.
        clock=FakeClock(runs=row.is_slow),
        timeout=row.timeout,
        max_retries=MAX_RETRIES,
        max_response_bytes=1024 * 1024,
        **transport_options(transport, mode),
    )


def _body(row: FaultRow, method: str) -> dict[str, Any]:
    return {} if method in ("GET", "DELETE") else {"json": {"text": "x" * row.body_size}}


def _by_method(steps: tuple[Step, ...]) -> Step:
    """Take the steps in order for each method, where the requests of several methods are mixed."""
    done: Counter[str] = Counter()

    def step(peer: Peer) -> None:
        method = peer.request.method
        chosen = steps[min(done[method], len(steps) - 1)]
        done[method] += 1
        chosen(peer)

    return step


def _check_error(method: str, ended: Ended, requests: int, key: str) -> None:
    if ended.error is None:
        return
    assert isinstance(ended.error, FibonacciError)
    error = ended.api_error
    assert (error.method, error.path, error.attempts) == (method, "/things/1", requests)
    assert (error.idempotency_key is not None) == (method == "POST")
    text = str(error)
    assert text.startswith(f"{method} /things/1: ")
    assert re.search(rf"\b{requests} attempts?, \d+\.\d\d s\]", text)
    assert ("may have been carried out" in text) == error.outcome_unknown
    assert key not in text


def _check_idempotency_keys(server: ScriptedServer, ended: dict[str, Ended]) -> None:
    keys = {(request.method, *request.all("idempotency-key")) for request in server.requests}
    assert all(len(found) == (2 if found[0] == "POST" else 1) for found in keys)
    error = ended["POST"].error
    if server.requests and isinstance(error, APIError):
        # One key for all attempts of a call, and its error names it.
        assert [found[1] for found in keys if found[0] == "POST"] == [error.idempotency_key]
