"""Every fault of the table, through both clients, on the socket transport, httpx and httpx2."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from fibonacci import APIError, FibonacciError
from fibonacci._core import retry
from tests.faults.driving import KEY, Colour, Ended
from tests.faults.run_row import Run, run_row
from tests.faults.server import FaultServer
from tests.faults.table import FaultRow, rows
from tests.faults.transports import OTHER_COLOURS, Transport, methods_of


def _cases() -> Iterator[tuple[FaultRow, Transport, Colour]]:
    """Every row with everything that it is tried on."""
    for row in rows():
        for colour in row.colours:
            yield row, "socket", colour
        for transport in row.httpx:
            for colour in OTHER_COLOURS:
                yield row, transport, colour


CASES = list(_cases())


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits of the client's own choice are not what is looked at here."""
    monkeypatch.setattr(retry, "_THROTTLING_BASE", 0.001)
    monkeypatch.setattr(retry, "_TRANSIENT_BASE", 0.001)


@pytest.mark.parametrize(
    ("row", "transport", "colour"),
    [pytest.param(*case, id=f"{case[0].name}, {case[1]}, {case[2]}") for case in CASES if not case[0].is_slow],
)
def test_a_fault_ends_as_the_table_says(row: FaultRow, transport: Transport, colour: Colour) -> None:
    _check(row, transport, run_row(row, colour, transport))


@pytest.mark.parametrize(
    ("timeout", "transport", "colour"), dict.fromkeys((row.timeout, *on) for row, *on in CASES if row.is_slow)
)
def test_what_waits_until_the_time_is_up_ends_as_the_table_says(
    timeout: float, transport: Transport, colour: Colour
) -> None:
    # As they do nothing else, they wait side by side.
    slow = [case[0] for case in CASES if (case[0].timeout, *case[1:]) == (timeout, transport, colour)]
    with ThreadPoolExecutor(len(slow)) as threads:
        runs = [(row, threads.submit(run_row, row, colour, transport)) for row in slow]
    failures = [failure for row, run in runs for failure in _failures(row, transport, run.result())]
    if failures:
        raise ExceptionGroup("rows that fail", failures)


def _failures(row: FaultRow, transport: Transport, run: Run) -> list[Exception]:
    """Return what is wrong with a row, so that no row hides another."""
    try:
        _check(row, transport, run)
    except AssertionError as error:
        error.add_note(row.name)
        return [error]
    return []


def _check(row: FaultRow, transport: Transport, run: Run) -> None:
    methods = methods_of(transport)
    assert {method: run.end(method) for method in methods} == {m: row.ends_on(transport)[m] for m in methods}, row.name
    assert run.server.delivered == sum(run.requests.values())
    for method in methods:
        assert run.ended[method].seconds <= row.longest_on(transport), row.name
        _check_error(method, run.ended[method], run.requests[method])
    _check_idempotency_keys(run.server, run.ended)


def _check_error(method: str, ended: Ended, requests: int) -> None:
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
    assert KEY not in text


def _check_idempotency_keys(server: FaultServer, ended: dict[str, Ended]) -> None:
    keys = {(request.method, request.headers.get("idempotency-key")) for request in server.requests}
    for method, key in keys:
        assert (key is not None) == (method == "POST")
    error = ended["POST"].error
    if server.requests and isinstance(error, APIError):
        # One key for all attempts of a call, and its error names it.
        assert [key for method, key in keys if method == "POST"] == [error.idempotency_key]
