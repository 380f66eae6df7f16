"""Errors say what happened, and go everywhere: pickled, copied, to another process and back."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import pytest

from fibonacci import (
    APIConnectionError,
    APIError,
    APIResponseError,
    APIStatusError,
    APITimeoutError,
    BadRequestError,
    Fibonacci,
    FibonacciError,
    NotFoundError,
    RateLimitError,
    ServerError,
    ValidationError,
)
from tests.faults.driving import COLOURS, KEY, Colour, Driver
from tests.faults.faults import answer, error_body, raw_then_reset, raw_then_stall, refusing
from tests.faults.refusals import pace
from tests.faults.server import Act, FaultServer

_WITH_ID = {"X-Request-Id": "req_77"}
ACTS: dict[str, tuple[Act, type[APIError]]] = {
    "404": (answer(404, error_body("no_such_thing", "There is none."), _WITH_ID), NotFoundError),
    "422": (answer(422, error_body("validation_error", "Wrong."), _WITH_ID), ValidationError),
    "500": (answer(500, b"<html>down</html>", _WITH_ID, content_type="text/html"), ServerError),
    "429": (refusing(429, [("Retry-After", "77"), *pace(0, 77)(1_800_000_000)]), RateLimitError),
    "HTML": (answer(200, b"<html>Sign in</html>", _WITH_ID, content_type="text/html"), APIResponseError),
    "reset": (raw_then_reset(b""), APIConnectionError),
    "stall": (raw_then_stall(b""), APITimeoutError),
}


def _error(act: Act, colour: Colour) -> APIError:
    with FaultServer(act) as server, Driver(colour) as driver:
        error = driver.end(driver.client(server.base_url, timeout=0.4).request, "POST", "/x", json={}).api_error
    assert server.delivered
    return error


@pytest.fixture(params=ACTS)
def case(request: pytest.FixtureRequest) -> tuple[Act, type[APIError]]:
    return ACTS[request.param]


def _same(there: BaseException, here: FibonacciError) -> None:
    assert type(there) is type(here)
    assert str(there) == str(here)
    assert isinstance(there, APIError)
    assert {name: repr(value) for name, value in vars(there).items()} == {
        name: repr(value) for name, value in vars(here).items()
    }
    assert str(there.__cause__) == str(here.__cause__)


@pytest.mark.parametrize("colour", COLOURS)
def test_errors_pickle_and_copy(case: tuple[Act, type[APIError]], colour: Colour) -> None:
    error = _error(case[0], colour)
    assert type(error) is case[1]
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        _same(pickle.loads(pickle.dumps(error, protocol)), error)
    _same(copy.copy(error), error)
    _same(copy.deepcopy(error), error)


def _fail(base_url: str) -> object:
    """What a worker process does: a call that fails."""
    with Fibonacci(KEY, base_url=base_url, timeout=2) as client:  # its first call imports a lot
        return client.request("POST", "/x", json={})


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_errors_come_back_from_another_process(method: str) -> None:
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(1, mp_context=context) as processes:
        for act, error in ACTS.values():
            with FaultServer(act) as server:
                raised = processes.submit(_fail, server.base_url).exception()
            assert type(raised) is error
            assert isinstance(raised, APIError)
            assert (raised.method, raised.path, raised.attempts) == ("POST", "/x", 1)
            assert raised.idempotency_key == server.requests[0].headers["idempotency-key"]


@pytest.mark.parametrize("colour", COLOURS)
def test_an_error_names_all_that_is_known(colour: Colour) -> None:
    error = _error(ACTS["404"][0], colour)
    text = str(error)
    for part in ("POST /x", "404", "no_such_thing", "There is none.", "req_77", "1 attempt", " s]"):
        assert part in text
    assert isinstance(error, APIStatusError)
    assert (error.code, error.message, error.request_id) == ("no_such_thing", "There is none.", "req_77")
    assert error.headers["X-Request-ID"] == "req_77"


@pytest.mark.parametrize("colour", COLOURS)
def test_an_unreadable_success_names_what_answered(colour: Colour) -> None:
    text = str(_error(ACTS["HTML"][0], colour))
    for part in ("status 200", "text/html", "<html>Sign in", "login page", "req_77", "may have been carried out"):
        assert part in text


@pytest.mark.parametrize("colour", COLOURS)
def test_a_broken_connection_keeps_its_cause(colour: Colour) -> None:
    error = _error(ACTS["reset"][0], colour)
    assert error.__cause__ is not None
    assert "reset" in str(error).lower()


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("status", [200, 400])
def test_bodies_stay_readable_and_are_cut(status: int, colour: Colour) -> None:
    body = b"<html>" + "ä".encode() * 300_000
    error: Any = _error(answer(status, body, content_type="text/html"), colour)
    assert type(error) is (APIResponseError if status == 200 else BadRequestError)
    assert error.body.startswith("<html>ä")
    assert len(error.body.encode()) <= 64 * 1024 + 3
    assert len(str(error)) < 1000
