"""Every fault of the table, through both clients, on their own connections and on HTTP clients that are given."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from fibonacci import APIError, FibonacciError
from fibonacci._core import retry
from tests.faults.clients import OTHER_COLOURS, Client, methods_of, watch
from tests.faults.driving import KEY, Colour, Ended
from tests.faults.run_row import Run, run_row
from tests.faults.server import FaultServer
from tests.faults.table import Row, rows


def _cases() -> Iterator[tuple[Row, Client, Colour]]:
    """Every row with everything that it is tried on."""
    for row in rows():
        for colour in row.colours:
            yield row, "own", colour
        for client in ("watched", *row.on_given) if row.on_given else ():
            for colour in OTHER_COLOURS:
                yield row, client, colour


CASES = list(_cases())


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits of the client's own choice are not what is looked at here."""
    monkeypatch.setattr(retry, "_THROTTLING_BASE", 0.001)
    monkeypatch.setattr(retry, "_TRANSIENT_BASE", 0.001)


@pytest.fixture(autouse=True)
def watched(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tools that watch httpx change nothing about what a call comes to."""
    if client == "watched":
        watch(monkeypatch)


@pytest.mark.parametrize(
    ("row", "client", "colour"),
    [pytest.param(*case, id=f"{case[0].name}, {case[1]}, {case[2]}") for case in CASES if not case[0].is_slow],
)
def test_a_fault_ends_as_the_table_says(row: Row, client: Client, colour: Colour) -> None:
    _check(row, client, run_row(row, colour, client))


@pytest.mark.parametrize(
    ("timeout", "client", "colour"), dict.fromkeys((row.timeout, *on) for row, *on in CASES if row.is_slow)
)
def test_what_waits_until_the_time_is_up_ends_as_the_table_says(timeout: float, client: Client, colour: Colour) -> None:
    # As they do nothing else, they wait side by side.
    slow = [case[0] for case in CASES if (case[0].timeout, *case[1:]) == (timeout, client, colour)]
    with ThreadPoolExecutor(len(slow)) as threads:
        runs = [(row, threads.submit(run_row, row, colour, client)) for row in slow]
    for row, run in runs:
        _check(row, client, run.result())


def _check(row: Row, client: Client, run: Run) -> None:
    methods = methods_of(client)
    assert {method: run.end(method) for method in methods} == {m: row.ends_on(client)[m] for m in methods}, row.name
    assert run.server.delivered == sum(run.requests.values())
    for method in methods:
        assert run.ended[method].seconds <= row.longest_on(client), row.name
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
