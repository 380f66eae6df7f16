"""Every fault of the table, with every method, through the sync client and the async one under asyncio and trio."""

from __future__ import annotations

import re

import pytest

from fibonacci import APIError, FibonacciError
from fibonacci._core import retry
from tests.faults.driving import KEY, METHODS, Colour, Ended, longest
from tests.faults.run_row import run_row
from tests.faults.server import FaultServer
from tests.faults.table import Row, rows


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits of the client's own choice are not what is looked at here."""
    monkeypatch.setattr(retry, "_THROTTLING_BASE", 0.02)
    monkeypatch.setattr(retry, "_TRANSIENT_BASE", 0.02)


@pytest.mark.parametrize(
    ("row", "colour"),
    [pytest.param(row, colour, id=f"{row.name}, {colour}") for row in rows() for colour in row.colours],
)
def test_a_fault_ends_as_the_table_says(row: Row, colour: Colour) -> None:
    run = run_row(row, colour)
    assert {method: run.end(method) for method in METHODS} == row.ends
    assert run.server.delivered == sum(run.requests.values())
    for method in METHODS:
        _check(method, run.ended[method], run.requests[method], row)
    _check_idempotency_keys(run.server, run.ended)


def _check(method: str, ended: Ended, requests: int, row: Row) -> None:
    assert ended.seconds <= longest(row.timeout)
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
