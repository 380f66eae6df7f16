"""Every fault of the table, through both clients, on the socket transport, httpx and httpx2."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from fibonacci import APIError, FibonacciError
from tests.faults.run_row import Run, run_row
from tests.faults.table import FaultRow, rows
from tests.faults.transports import TransportName, methods_of
from tests.kit.assertions import check_rows
from tests.kit.mode import TWO_MODES, Ended, ModeName
from tests.kit.server import ScriptedServer


def _cases() -> Iterator[tuple[FaultRow, TransportName, ModeName]]:
    """Yield every row with all transports and modes that it is tried on."""
    for row in rows():
        for mode in row.modes:
            yield row, "socket", mode
        for transport in row.httpx:
            for mode in TWO_MODES:
                yield row, transport, mode


CASES = list(_cases())


@pytest.mark.parametrize(
    ("row", "transport", "mode"),
    [pytest.param(*case, id=f"{case[0].name}, {case[1]}, {case[2]}") for case in CASES if not case[0].is_slow],
)
def test_a_fault_ends_as_the_table_says(row: FaultRow, transport: TransportName, mode: ModeName) -> None:
    _check(row, transport, run_row(row, mode, transport))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("timeout", "transport", "mode"), dict.fromkeys((row.timeout, *on) for row, *on in CASES if row.is_slow)
)
def test_a_fault_that_outlasts_the_timeout_ends_as_the_table_says(
    timeout: float, transport: TransportName, mode: ModeName
) -> None:
    # They mostly wait, so some run side by side; all at once would have no time to reach their servers.
    slow = [case[0] for case in CASES if (case[0].timeout, *case[1:]) == (timeout, transport, mode)]
    run_row(CASES[0][0], mode, transport)  # what the first call of a process imports and makes is not what is timed
    with ThreadPoolExecutor(6) as threads:
        runs = [(row.name, (row, threads.submit(run_row, row, mode, transport))) for row in slow]
    check_rows(runs, lambda run: _check(run[0], transport, run[1].result()))


def _check(row: FaultRow, transport: TransportName, run: Run) -> None:
    methods = methods_of(transport)
    assert {method: run.end(method) for method in methods} == {m: row.ends_on(transport)[m] for m in methods}, row.name
    assert run.server.delivered == sum(run.requests.values())
    for method in methods:
        assert run.ended[method].seconds <= row.longest_on(transport), row.name
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
