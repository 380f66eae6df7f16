"""Every fault of the table, with every method, through the sync client and the async one under asyncio and trio."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from fibonacci import APIError, FibonacciError
from fibonacci._core import retry
from tests.faults.driving import KEY, METHODS, Colour, Driver, Ended, longest
from tests.faults.expectations import MAX_RETRIES, End
from tests.faults.server import Act, FaultServer, Peer
from tests.faults.table import Row, rows


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits of the client's own choice are not what is looked at here."""
    monkeypatch.setattr(retry, "_THROTTLING_BASE", 0.02)
    monkeypatch.setattr(retry, "_TRANSIENT_BASE", 0.02)


def _by_method(acts: tuple[Act, ...]) -> Act:
    """The acts in their order for each method, where the requests of several methods are mixed."""
    done: Counter[str] = Counter()

    def act(peer: Peer) -> None:
        method = peer.request.method
        chosen = acts[min(done[method], len(acts) - 1)]
        done[method] += 1
        chosen(peer)

    return act


@pytest.mark.parametrize(
    ("row", "colour"),
    [pytest.param(row, colour, id=f"{row.name}, {colour}") for row in rows() for colour in row.colours],
)
def test_a_fault_ends_as_the_table_says(row: Row, colour: Colour) -> None:
    server = FaultServer(greet=row.acts[0]) if row.greet else FaultServer(_by_method(row.acts))
    body = {"text": "x" * row.body_size}
    with server, Driver(colour) as driver:
        calls = {
            # A key of its own for each method: one that is refused must not hold the others up.
            method: driver.begin(
                driver.client(
                    server.base_url,
                    api_key=f"{KEY}-{method}",
                    timeout=row.timeout,
                    max_retries=MAX_RETRIES,
                    max_response_bytes=1024 * 1024,
                ).request,
                method,
                "/things/1",
                **({"json": body} if method not in ("GET", "DELETE") else {}),
            )
            for method in METHODS
        }
        ended = {method: call.result() for method, call in calls.items()}
    if row.greet:
        assert server.connections == sum(end.requests for end in row.ends.values())
        seen = {method: end.requests for method, end in row.ends.items()}
    else:
        seen = dict(server.by_method())
    assert {method: _end(ended[method], seen[method]) for method in METHODS} == row.ends
    assert server.delivered == sum(seen.values())
    for method in METHODS:
        _check(method, ended[method], seen[method], row)
    _check_idempotency_keys(server, ended)


def _end(ended: Ended, requests: int) -> End:
    error = ended.error
    if error is None:
        return End(requests)
    return End(requests, type(error), isinstance(error, APIError) and error.outcome_unknown)


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
