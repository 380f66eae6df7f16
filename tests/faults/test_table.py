"""Every fault of the table, through both clients, on the socket transport, httpx and httpx2."""

from __future__ import annotations

import re
from functools import partial

import pytest

from fibonacci import APIError, FibonacciError
from tests.faults.calls import METHODS, ONE_OF_EACH, longest
from tests.faults.run_row import run_row
from tests.faults.table import FaultRow, rows
from tests.faults.transports import TransportName
from tests.kit.assertions import check_rows
from tests.kit.clock import Standstill
from tests.kit.mode import Ended, Mode, ModeName
from tests.kit.server import ScriptedServer

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
        run_row(ROWS[0], mode, place[0])  # what the first call of a process imports and makes is not what is timed
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
            run_row(ROWS[0], mode, transport)
    check_rows(all_rows, check, at_once=len(all_rows))


def _check(transport: TransportName, mode: Mode, standstill: Standstill, row: FaultRow) -> None:
    run = run_row(row, mode, transport, METHODS if row.name in OF_ALL_METHODS else ONE_OF_EACH)
    ends = row.ends_on(transport)
    assert {method: run.end(method) for method in run.ended} == {method: ends[method] for method in run.ended}
    assert run.server.delivered == sum(run.requests.values())
    for method in run.ended:
        assert run.ended[method].seconds - standstill.seconds <= longest(row.timeout)
        _check_error(method, run.ended[method], run.requests[method], run.server.api_key)
    _check_idempotency_keys(run.server, run.ended)


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
