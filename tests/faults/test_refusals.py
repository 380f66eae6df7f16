"""429 and 503 with the forms of a stated wait: a call waits as long as it is told, where that fits into its time.

How each form is read is for `tests/core/test_rate_limit_headers.py` to show.
"""

from __future__ import annotations

from functools import partial

import pytest

from fibonacci import RateLimitError, ServerError
from tests.faults.calls import ONE_OF_EACH, longest
from tests.faults.expectations import REPEATABLE
from tests.faults.refusals import WITH_RATE_LIMIT_ONLY, WITH_RETRY_AFTER, Refusal
from tests.kit.assertions import check_rows
from tests.kit.clock import FakeClock, Standstill
from tests.kit.mode import Mode
from tests.kit.server import ScriptedServer
from tests.kit.steps import ok

TIMEOUT = 5.0


def _check(mode: Mode, status: int, standstill: Standstill, refusal: Refusal) -> None:
    """Call with a method of each kind, of which the first request is refused, each with a clock of its own."""
    for method in ONE_OF_EACH:
        clock = FakeClock(runs=True)
        with ScriptedServer(refusal.step(status), ok) as server:
            ended = mode.end(mode.client_of(server, clock=clock, timeout=TIMEOUT).request, method, "/x")
        assert server.delivered == len(server.requests)
        seconds, waited = ended.seconds - standstill.seconds, sum(clock.slept)
        assert seconds <= longest(TIMEOUT)
        may_be_repeated = status == 429 or method in REPEATABLE
        if may_be_repeated and refusal.told != "too long":
            assert ended.error is None
            assert len(server.requests) == 2
            # Never less than told, and little more; the client's own delay is at most a second.
            most = 1.1 * refusal.seconds + 0.02 if refusal.told == "a wait" else 1.0
            most += refusal in WITH_RATE_LIMIT_ONLY  # a window is taken to end a second later than stated
            assert refusal.seconds <= waited <= most
            continue
        assert len(server.requests) == 1
        assert waited == 0
        assert seconds < 1.0
        error = ended.api_error
        assert isinstance(error, RateLimitError if status == 429 else ServerError)
        assert error.outcome_unknown == (not may_be_repeated)
        if refusal in WITH_RETRY_AFTER and refusal.told != "nothing":
            assert error.retry_after == pytest.approx(refusal.seconds, abs=1)  # dates have whole seconds
            assert "retry after" in str(error)


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after(mode: Mode, status: int, standstill: Standstill) -> None:
    check_rows(((refusal.name, refusal) for refusal in WITH_RETRY_AFTER), partial(_check, mode, status, standstill))


def test_429_with_rate_limit_headers_alone(mode: Mode, standstill: Standstill) -> None:
    rows = ((refusal.name, refusal) for refusal in WITH_RATE_LIMIT_ONLY)
    check_rows(rows, partial(_check, mode, 429, standstill))
