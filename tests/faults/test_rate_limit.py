"""The plan's rate limit: all clients of a key keep it together and use it up; and no retry storms."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Any

import pytest

from fibonacci import APIConnectionError, QuotaExceededError, RateLimitError, ServerError
from tests.faults.calls import ONE_OF_EACH
from tests.kit.assertions import appears, check_rows, each_row
from tests.kit.clock import FakeClock, Standstill
from tests.kit.limits import limits_of
from tests.kit.mode import MODES, Mode
from tests.kit.peer import Peer
from tests.kit.server import ScriptedServer
from tests.kit.steps import OK_BODY, Step, error_body, http_date, ok, raw_then_reset, refusing, respond

LIMIT = 60
WINDOW = 2
DAY = 86_400


class EnforcedLimit:
    """A server's limit: so many requests in each window of the clock, counted and enforced.

    Attributes:
        used: The requests that were let through, by window.
        refused: Those that were not.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.used: Counter[int] = Counter()
        self.refused: Counter[int] = Counter()

    def step(self, peer: Peer) -> None:
        with self._lock:
            now = time.time()
            window = int(now // WINDOW)
            fits = self.used[window] < LIMIT
            (self.used if fits else self.refused)[window] += 1
            headers = [
                ("Date", http_date(math.floor(now))),
                ("X-RateLimit-Limit", str(LIMIT)),
                ("X-RateLimit-Remaining", str(LIMIT - self.used[window])),
                ("X-RateLimit-Reset", str((window + 1) * WINDOW)),
            ]
        peer.pause(0.005)
        respond(200 if fits else 429, OK_BODY if fits else error_body("rate_limited"), headers)(peer)


def _work(mode: Mode, request: Callable[..., Any], stopped: threading.Event, errors: list[Exception]) -> None:
    while not stopped.is_set():
        ended = mode.end(request, "GET", "/x")
        if ended.error is not None:
            errors.append(ended.error)


@pytest.mark.slow
def test_many_clients_of_one_key_use_the_whole_rate_limit_and_are_never_refused() -> None:
    limit = EnforcedLimit()
    stopped = threading.Event()

    with ScriptedServer(limit.step) as server, ExitStack() as stack:
        workers: list[threading.Thread] = []
        errors: list[Exception] = []
        for name in MODES:
            mode = stack.enter_context(Mode(name))
            for _ in range(2):
                client = mode.client_of(server, timeout=30)
                work = partial(_work, mode, client.request, stopped, errors)
                workers += [threading.Thread(target=work) for _ in range(5)]
        began = math.ceil(time.time() / WINDOW)
        for worker in workers:
            worker.start()
        time.sleep((began + 1) * WINDOW - time.time())
        stopped.set()
        for worker in workers:
            worker.join()
    assert errors == []
    # The first window, in which the limit was not known, is that before `began`.
    assert sum(count for window, count in limit.refused.items() if window >= began) == 0
    assert limit.used[began] >= 0.95 * LIMIT


def test_a_429_pauses_all(standstill: Standstill) -> None:
    def refuse_for_seconds(peer: Peer) -> None:
        refusing(429, [("Retry-After", "0.7")])(peer)

    def refuse_until_reset(peer: Peer) -> None:
        now = math.floor(time.time())
        refusing(429, rate_limit(0, now + 1), date=now)(peer)

    def check(refuse: Step) -> None:
        with ScriptedServer(refuse, ok) as server, ExitStack() as stack:
            modes = [stack.enter_context(Mode(name)) for name in MODES]
            clients = [mode.client_of(server) for mode in modes]
            other = modes[0].client_of(server, api_key=f"{server.api_key}-other")
            first = modes[0].begin(clients[0].request, "GET", "/first")
            assert appears(lambda: limits_of(server).queued == 1)  # the refusal has arrived
            others = [mode.begin(client.request, "GET", "/later") for mode, client in zip(modes, clients, strict=True)]
            # Another key has a rate limit of its own.
            assert modes[0].end(other.request, "GET", "/other").seconds - standstill.seconds < 0.5
            assert all(call.result().error is None for call in [first, *others])
        at = {target: [r.at for r in server.requests if r.target == f"/v1/{target}"] for target in ("first", "later")}
        assert len(at["later"]) == 3
        assert min(at["later"]) - at["first"][0] >= 0.7

    check_rows([("Retry-After", refuse_for_seconds), ("X-RateLimit-Reset", refuse_until_reset)], check, at_once=2)


def rate_limit(remaining: int, reset: float) -> list[tuple[str, str]]:
    """Return the three headers of the plan's rate limit."""
    limits = {"Limit": 60, "Remaining": remaining, "Reset": int(reset)}
    return [(f"X-RateLimit-{name}", str(value)) for name, value in limits.items()]


Stated = Callable[[int], list[tuple[str, str]]]
REFUSALS: list[tuple[Stated, int, float | None]] = [
    (lambda now: [("Retry-After", "0")], 0, 0.0),
    (lambda now: [("Retry-After", "0.25"), *rate_limit(59, now + 30)], 0, 0.25),
    (lambda now: [("Retry-After", http_date(now + 1))], DAY, 1.0),
    (lambda now: [("Retry-After", http_date(now + 3600))], -DAY, 3600.0),
    (lambda now: [("Retry-After", "soon")], 0, None),
    (lambda now: rate_limit(0, now + 1), DAY, 1.0),
    (lambda now: rate_limit(0, now + 3600), 0, 3600.0),
]
"""The headers at a time, how far the clock of the server is ahead, and the wait that they tell."""


@each_row(("headers", "ahead", "told"), REFUSALS)
def test_a_call_that_is_refused_waits_as_long_as_it_is_told_or_fails_at_once(
    headers: Stated, ahead: int, told: float | None, mode: Mode
) -> None:
    """Whatever the clock of the server says. A POST that a 503 may have been about is not sent again."""
    refusals = [(status, method) for status in (429, 503) for method in ONE_OF_EACH]
    is_window = headers(0)[0][0] != "Retry-After"  # which is taken to end a second later than stated
    for status, method in refusals[:2] if is_window else refusals:
        clock = FakeClock(runs=True)

        def refuse(peer: Peer, status: int = status) -> None:
            now = math.floor(time.time() + ahead)
            refusing(status, headers(now), date=now)(peer)

        with ScriptedServer(refuse, ok) as server:
            ended = mode.end(mode.client_of(server, clock=clock, timeout=5).request, method, "/x")
        may_be_repeated = status == 429 or method == "GET"
        if may_be_repeated and told != 3600:
            assert (ended.error, len(server.requests)) == (None, 2)
            assert (told or 0) <= sum(clock.slept) <= (1.0 if told is None else 1.1 * told + 0.02 + is_window)
        else:
            assert (len(server.requests), clock.slept) == (1, [])
            assert isinstance(ended.error, RateLimitError if status == 429 else ServerError)
            assert ended.error.outcome_unknown == (not may_be_repeated)


def test_a_rate_limit_wait_that_does_not_fit_fails_at_once_with_nothing_sent(
    mode: Mode, standstill: Standstill
) -> None:
    with ScriptedServer(respond(200, OK_BODY, rate_limit(0, time.time() + 30))) as server:
        client = mode.client_of(server, timeout=5)
        mode.run(client.request("GET", "/x"))
        ended = mode.end(client.request, "POST", "/x")
    assert isinstance(ended.error, RateLimitError)
    assert ended.error.attempts == 0
    assert not ended.error.outcome_unknown
    assert ended.error.retry_after == pytest.approx(30, abs=2)
    assert ended.seconds - standstill.seconds < 0.3
    assert len(server.requests) == 1


def test_a_quota_error_is_not_retried_and_delays_no_other_call(mode: Mode, standstill: Standstill) -> None:
    exhausted = respond(429, error_body("quota_exceeded", "The daily quota is used up."), {"Retry-After": "1"})
    with ScriptedServer(exhausted, ok) as server:
        client = mode.client_of(server)
        ended = mode.end(client.request, "GET", "/x")
        assert mode.end(client.request, "GET", "/x").seconds - standstill.seconds < 0.5
    assert isinstance(ended.error, QuotaExceededError)
    assert "The daily quota is used up." in str(ended.error)
    assert ended.error.attempts == 1
    assert len(server.requests) == 2


_DEAD: dict[str, tuple[Step, type[Exception]]] = {
    "reset": (raw_then_reset(b""), APIConnectionError),
    "500": (respond(500), ServerError),
}


@pytest.mark.slow
def test_the_retry_quota_bounds_requests_to_an_unreachable_server(mode: Mode) -> None:
    def check(dead: tuple[Step, type[Exception]]) -> None:
        step, error = dead
        with ScriptedServer(step) as server:
            client = mode.client_of(server)
            for _ in range(3):
                calls = [mode.begin(client.request, "GET", "/x") for _ in range(50)]
                assert all(type(call.result().error) is error for call in calls)
        assert server.delivered == len(server.requests)
        assert 150 < len(server.requests) <= 250

    check_rows(_DEAD.items(), check)
