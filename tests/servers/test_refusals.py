"""Errors that nginx and haproxy themselves respond with: what each says of the call is true."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import pytest

from fibonacci import APIError, APIStatusError, FibonacciError, ServerError
from tests.kit.mode import Ended, Mode
from tests.kit.server import ScriptedServer
from tests.servers.backend import carried_out
from tests.servers.gateways import Gateway

pytestmark = pytest.mark.xdist_group("gateways")  # each process that has one of these starts them


class AnsweredCall(NamedTuple):
    """A call that has ended.

    Attributes:
        id: What it is called in its path.
        error: What it raised; None when it succeeded.
    """

    id: str
    method: str
    error: Exception | None


def check(calls: Iterable[AnsweredCall], carried_out: Counter[str]) -> None:
    """Assert what holds behind every server: what a call says of its outcome is true, and no POST is done twice."""
    for call in calls:
        times = carried_out[call.id]
        if call.error is None:
            assert times >= 1, (call, "succeeded, and was never carried out")
        else:
            assert isinstance(call.error, FibonacciError), call
        if call.method == "POST":
            assert times <= 1, (call, "carried out twice")
            is_unknown = isinstance(call.error, APIError) and call.error.outcome_unknown
            assert call.error is None or is_unknown or times == 0, (call, "carried out, and reported as not")


def test_a_backend_that_is_down(mode: Mode, front: Gateway, behind: ScriptedServer) -> None:
    ended = _call_at_once(mode, front, behind, "backend down", ["GET", "POST"])
    status = {"nginx": 502, "haproxy": 503}[front.name]
    assert [_end(one) for one in ended] == [(ServerError, status, 3, False), (ServerError, status, 1, True)]


def test_a_backend_that_is_too_slow(mode: Mode, front: Gateway, behind: ScriptedServer) -> None:
    ended = _call_at_once(mode, front, behind, "slow backend", ["GET", "POST"], delay=0.5)
    assert [_end(one) for one in ended] == [(ServerError, 504, 3, False), (ServerError, 504, 1, True)]
    # The work has been done all the same.
    assert sorted(carried_out(behind)[_id(front, mode, "slow backend", number)] for number in range(2)) == [1, 3]


def test_more_calls_than_the_gateway_lets_through(mode: Mode, front: Gateway, behind: ScriptedServer) -> None:
    ended = _call_at_once(mode, front, behind, "one at a time", ["POST"] * 6, delay=0.3)
    refused = [one for one in ended if one.error is not None]
    assert 0 < len(refused) < len(ended)
    assert {_end(one) for one in refused} == {(ServerError, 503, 1, True)}


@pytest.mark.parametrize(("front", "mode"), [("nginx", "sync"), ("haproxy", "asyncio")], indirect=True)
def test_a_body_that_is_too_large(mode: Mode, front: Gateway, behind: ScriptedServer) -> None:
    """The gateway responds and closes while most of the body has not been sent."""
    ended = _call_at_once(mode, front, behind, "small requests only", ["POST"], json="x" * 4 * 1024 * 1024)
    assert [_end(one) for one in ended] == [(APIStatusError, 413, 1, False)]


def _call_at_once(
    mode: Mode, front: Gateway, behind: ScriptedServer, setup: str, methods: list[str], delay: float = 0, **body: str
) -> list[Ended]:
    """Make calls at the same time, and check that what their ends say is true."""
    client = mode.client(behind.api_key, base_url=front.base_url(setup), timeout=10)
    ids = [_id(front, mode, setup, number) for number in range(len(methods))]
    begun = [
        mode.begin(client.request, method, f"/calls/{call_id}", params={"delay": delay}, **body)
        for method, call_id in zip(methods, ids, strict=True)
    ]
    ended = [one.result() for one in begun]
    calls = [AnsweredCall(call_id, method, one.error) for call_id, method, one in zip(ids, methods, ended, strict=True)]
    check(calls, carried_out(behind))
    return ended


def _id(front: Gateway, mode: Mode, setup: str, number: int) -> str:
    return f"{front.name}-{mode.name}-{setup}-{number}".replace(" ", "-")


def _end(ended: Ended) -> tuple[type[Exception], int, int, bool]:
    error = ended.error
    assert isinstance(error, APIStatusError), ended
    return type(error), error.status_code, error.attempts, error.outcome_unknown
