"""429 and 503 with every form of Retry-After and of the rate limit headers, with every method."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

import pytest

from fibonacci import RateLimitError, ServerError
from tests.faults.calls import METHODS, longest
from tests.faults.expectations import REPEATABLE
from tests.faults.refusals import WITH_RATE_LIMIT_ONLY, WITH_RETRY_AFTER, Refusal
from tests.kit.assertions import check_rows
from tests.kit.clock import FakeClock, Standstill
from tests.kit.mode import Ended, Mode
from tests.kit.peer import Peer, ReceivedRequest
from tests.kit.server import ScriptedServer
from tests.kit.steps import Step, ok

TIMEOUT = 5.0


@dataclass(frozen=True)
class RefusedCall:
    """One call with one method in one mode, whose first request is refused.

    Attributes:
        ended: How it ended.
        requests: The requests that reached the server.
        waited: The seconds that the client slept.
    """

    method: str
    ended: Ended
    requests: list[ReceivedRequest]
    waited: float


def _once(refuse: Step) -> Step:
    """Refuse the first request of each key, and respond to the others."""
    seen: set[str] = set()

    def step(peer: Peer) -> None:
        key = peer.request.one("authorization")
        first = key not in seen
        seen.add(key)
        (refuse if first else ok)(peer)

    return step


def _calls(refusal: Refusal, status: int) -> Iterator[tuple[str, RefusedCall]]:
    """Call with every method at once, each with a key and a clock of its own."""
    begun: dict[str, tuple[str, FakeClock, Future[Ended]]] = {}
    with ScriptedServer(_once(refusal.step(status))) as server, ExitStack() as stack:
        for mode, methods in ((Mode("asyncio"), METHODS), (Mode("sync"), ("GET", "POST"))):
            stack.enter_context(mode)
            for method in methods:
                clock, key = FakeClock(runs=True), f"{server.api_key}.{mode.name}.{method}"
                client = mode.client_of(server, api_key=key, clock=clock, timeout=TIMEOUT)
                begun[key] = method, clock, mode.begin(client.request, method, "/x")
        ended = {key: call.result() for key, (_, _, call) in begun.items()}
    assert server.delivered == len(server.requests)
    for key, (method, clock, _) in begun.items():
        requests = [request for request in server.requests if request.one("authorization") == f"Bearer {key}"]
        yield key, RefusedCall(method, ended[key], requests, sum(clock.slept))


def _check(status: int, standstill: Standstill, refusal: Refusal) -> None:
    check_rows(_calls(refusal, status), partial(_check_call, status, standstill, refusal))


def _check_call(status: int, standstill: Standstill, refusal: Refusal, call: RefusedCall) -> None:
    seconds = call.ended.seconds - standstill.seconds
    assert {request.method for request in call.requests} == {call.method}
    assert seconds <= longest(TIMEOUT)
    may_be_repeated = status == 429 or call.method in REPEATABLE
    if may_be_repeated and refusal.told != "too long":
        assert call.ended.error is None
        assert len(call.requests) == 2
        # Never less than told, and little more; the client's own delay is at most a second.
        most = 1.1 * refusal.seconds + 0.02 if refusal.told == "a wait" else 1.0
        assert refusal.seconds <= call.waited <= most
        return
    assert len(call.requests) == 1
    assert call.waited == 0
    assert seconds < 1.0
    error = call.ended.api_error
    assert isinstance(error, RateLimitError if status == 429 else ServerError)
    assert error.outcome_unknown == (not may_be_repeated)
    if refusal in WITH_RETRY_AFTER and refusal.told != "nothing":
        assert error.retry_after == pytest.approx(refusal.seconds, abs=1)  # dates have whole seconds
        assert "retry after" in str(error)


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after(status: int, standstill: Standstill) -> None:
    check_rows(((refusal.name, refusal) for refusal in WITH_RETRY_AFTER), partial(_check, status, standstill))


def test_429_with_rate_limit_headers_alone(standstill: Standstill) -> None:
    check_rows(((refusal.name, refusal) for refusal in WITH_RATE_LIMIT_ONLY), partial(_check, 429, standstill))
