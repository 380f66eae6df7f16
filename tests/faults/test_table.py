"""Every fault of the table, through both clients, on the socket transport, httpx and httpx2."""

from __future__ import annotations

import re

import pytest

from fibonacci import APIError, FibonacciError
from tests.faults.calls import METHODS, ONE_OF_EACH, longest
from tests.faults.run_row import Run, run_row
from tests.faults.table import FLOOD, FaultRow, rows
from tests.faults.transports import TransportName
from tests.kit.assertions import check_rows
from tests.kit.clock import Standstill
from tests.kit.mode import Ended, Mode, ModeName
from tests.kit.server import ScriptedServer

ROWS = rows()
OF_ALL_METHODS = ("421 with JSON", "429 with JSON", "500 with JSON", "closed before the head")


@pytest.mark.parametrize("is_slow", [False, True], ids=["at once", "outlasts the timeout"])
@pytest.mark.parametrize(
    ("transport", "mode_name"),
    [
        *(("socket", "asyncio"), ("socket", "sync")),
        pytest.param("socket", "trio", marks=pytest.mark.slow),
        pytest.param("httpx", "asyncio", marks=pytest.mark.slow),
        pytest.param("httpx", "sync", marks=pytest.mark.slow),
        pytest.param("httpx2", "asyncio", marks=pytest.mark.slow),
    ],
)
def test_a_fault_ends_as_the_table_says(
    transport: TransportName, mode_name: ModeName, is_slow: bool, standstill: Standstill
) -> None:
    def check(row: FaultRow) -> None:
        methods = METHODS if row.name in OF_ALL_METHODS else ONE_OF_EACH
        run = run_row(row, mode, transport, methods)
        _check(row, transport, run, standstill)

    # Asyncio has every row. The other modes share its code, but for that of the network.
    tried = [row for row in ROWS if row.is_slow == is_slow and (mode_name == "asyncio" or row.of_network)]
    on_it = [(row.name, row) for row in tried if transport == "socket" or transport in row.httpx]
    # A flood keeps the processor busy for as long as it lasts: the requests of other rows would be late.
    floods = [(name, row) for name, row in on_it if name == FLOOD]
    others = [(name, row) for name, row in on_it if name != FLOOD]
    with Mode(mode_name) as mode:
        run_row(ROWS[0], mode, transport)  # what the first call of a process imports and makes is not what is timed
        check_rows(others, check, at_once=len(others) if is_slow else 4)
        check_rows(floods, check)


def _check(row: FaultRow, transport: TransportName, run: Run, standstill: Standstill) -> None:
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
