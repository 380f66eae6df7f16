"""Errors state what happened, and can be pickled and copied."""

from __future__ import annotations

import copy
import pickle
from typing import Any

from fibonacci import (
    APIConnectionError,
    APIError,
    APIResponseError,
    APIStatusError,
    BadRequestError,
    FibonacciError,
    NotFoundError,
    RateLimitError,
    ServerError,
    ValidationError,
)
from tests.faults.refusals import rate_limit
from tests.kit.assertions import each_row
from tests.kit.mode import Mode
from tests.kit.server import ScriptedServer
from tests.kit.steps import Step, error_body, raw_then_reset, refusing, respond

_WITH_ID = {"X-Request-Id": "req_77"}
STEPS: dict[str, tuple[Step, type[APIError]]] = {
    "404": (respond(404, error_body("no_such_thing", "There is none."), _WITH_ID), NotFoundError),
    "422": (respond(422, error_body("validation_error", "Wrong."), _WITH_ID), ValidationError),
    "500": (respond(500, b"<html>down</html>", _WITH_ID, content_type="text/html"), ServerError),
    "429": (refusing(429, [("Retry-After", "77"), *rate_limit(0, 77)(1_800_000_000)]), RateLimitError),
    "HTML": (respond(200, b"<html>Sign in</html>", _WITH_ID, content_type="text/html"), APIResponseError),
    "reset": (raw_then_reset(b""), APIConnectionError),
}


def _error(step: Step, mode: Mode) -> APIError:
    with ScriptedServer(step) as server:
        error = mode.end(mode.client_of(server).request, "POST", "/x", json={}).api_error
    assert server.delivered
    return error


def _same(there: BaseException, here: FibonacciError) -> None:
    assert type(there) is type(here)
    assert str(there) == str(here)
    assert isinstance(there, APIError)
    assert {name: repr(value) for name, value in vars(there).items()} == {
        name: repr(value) for name, value in vars(here).items()
    }
    assert str(there.__cause__) == str(here.__cause__)


@each_row(("step", "kind"), STEPS.values())
def test_errors_pickle_and_copy(step: Step, kind: type[APIError], mode: Mode) -> None:
    error = _error(step, mode)
    assert type(error) is kind
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        _same(pickle.loads(pickle.dumps(error, protocol)), error)
    _same(copy.copy(error), error)
    _same(copy.deepcopy(error), error)


def test_an_error_names_all_that_is_known(mode: Mode) -> None:
    error = _error(STEPS["404"][0], mode)
    text = str(error)
    for part in ("POST /x", "404", "no_such_thing", "There is none.", "req_77", "1 attempt", " s]"):
        assert part in text
    assert isinstance(error, APIStatusError)
    assert (error.code, error.message, error.request_id) == ("no_such_thing", "There is none.", "req_77")
    assert error.headers["X-Request-ID"] == "req_77"


def test_an_unreadable_success_names_what_responded(mode: Mode) -> None:
    text = str(_error(STEPS["HTML"][0], mode))
    for part in ("status 200", "text/html", "<html>Sign in", "login page", "req_77", "may have been carried out"):
        assert part in text


def test_a_broken_connection_keeps_its_cause(mode: Mode) -> None:
    error = _error(STEPS["reset"][0], mode)
    assert error.__cause__ is not None
    assert "reset" in str(error).lower()


@each_row("status", [200, 400])
def test_bodies_stay_readable_and_are_cut(status: int, mode: Mode) -> None:
    body = b"<html>" + "ä".encode() * 300_000
    error: Any = _error(respond(status, body, content_type="text/html"), mode)
    assert type(error) is (APIResponseError if status == 200 else BadRequestError)
    assert error.body.startswith("<html>ä")
    assert len(error.body.encode()) <= 64 * 1024 + 3
    assert len(str(error)) < 1000
