"""429 and 503 with every form of Retry-After and of the pace headers, with every method and colour."""

from __future__ import annotations

from concurrent.futures import Future

import pytest

from fibonacci import APIStatusError, RateLimitError, ServerError
from fibonacci._core import retry
from tests.faults.driving import COLOURS, KEY, METHODS, Driver, Ended, longest
from tests.faults.expectations import REPEATABLE
from tests.faults.faults import ok
from tests.faults.refusals import WITH_PACE_ONLY, WITH_RETRY_AFTER, Refusal
from tests.faults.server import Act, FaultServer, Peer, Received

TIMEOUT = 5.0
Case = tuple[str, str]


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "_THROTTLING_BASE", 0.02)


def _once(refuse: Act) -> Act:
    """Refuse the first request of each key, and answer the others."""
    seen: set[str] = set()

    def act(peer: Peer) -> None:
        key = peer.request.headers["authorization"]
        first = key not in seen
        seen.add(key)
        (refuse if first else ok)(peer)

    return act


def _run(refusal: Refusal, status: int) -> tuple[dict[Case, Ended], dict[Case, list[Received]]]:
    with FaultServer(_once(refusal.act(status))) as server:
        drivers = {colour: Driver(colour).__enter__() for colour in COLOURS}
        calls: dict[Case, Future[Ended]] = {
            (colour, method): driver.begin(
                driver.client(server.base_url, api_key=f"{KEY}.{colour}.{method}", timeout=TIMEOUT).request,
                method,
                "/x",
            )
            for colour, driver in drivers.items()
            for method in METHODS
        }
        ended = {case: call.result() for case, call in calls.items()}
        for driver in drivers.values():
            driver.__exit__(None, None, None)
    received: dict[Case, list[Received]] = {case: [] for case in calls}
    for request in server.requests:
        _, colour, method = request.headers["authorization"].split(".")
        assert method == request.method
        received[colour, method].append(request)
    assert server.delivered == len(server.requests)
    return ended, received


def _check(refusal: Refusal, status: int, method: str, ended: Ended, received: list[Received]) -> None:
    assert ended.seconds <= longest(TIMEOUT)
    is_refusal = status == 429 or refusal.told != "nothing"
    if refusal.told == "too long":
        assert len(received) == 1
        assert ended.seconds < 1.0
        error = ended.api_error
        assert type(error) is (RateLimitError if status == 429 else ServerError)
        assert not error.outcome_unknown
        if isinstance(error, RateLimitError) and refusal in WITH_RETRY_AFTER:
            assert error.retry_after == refusal.seconds
            assert "retry after" in str(error)
    elif is_refusal or method in REPEATABLE:
        assert ended.error is None
        assert len(received) == 2
        waited = received[1].at - received[0].at
        # Never sooner than told, and not much later.
        assert refusal.seconds <= waited <= 1.1 * refusal.seconds + 0.8
    else:
        assert len(received) == 1
        assert isinstance(ended.api_error, APIStatusError)
        assert ended.api_error.outcome_unknown


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("refusal", WITH_RETRY_AFTER, ids=lambda refusal: refusal.name)
def test_retry_after(refusal: Refusal, status: int) -> None:
    ended, received = _run(refusal, status)
    for case in ended:
        _check(refusal, status, case[1], ended[case], received[case])


@pytest.mark.parametrize("refusal", WITH_PACE_ONLY, ids=lambda refusal: refusal.name)
def test_429_with_pace_headers_alone(refusal: Refusal) -> None:
    ended, received = _run(refusal, 429)
    for case in ended:
        _check(refusal, 429, case[1], ended[case], received[case])
