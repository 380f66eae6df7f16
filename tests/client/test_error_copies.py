"""Errors go through queues and process pools as they are, with their cause."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from fibonacci import (
    APIConnectionError,
    APIError,
    APIResponseError,
    APIStatusError,
    DefinitionError,
    ExecutionCancelledError,
    ExecutionFailedError,
    FibonacciError,
    NotFoundError,
    RateLimit,
    WaitTimeoutError,
)
from fibonacci.definitions import Problem, Problems
from fibonacci.models import Execution, Headers
from tests.client.test_errors import TREE
from tests.kit.assertions import each_row
from tests.kit.mode import Mode
from tests.kit.server import ScriptedServer

EXECUTION = Execution.model_validate({"execution_id": "exec_1", "status": "failed"})


def filled(kind: type[FibonacciError]) -> FibonacciError:
    """Return an error of a class with all its attributes set."""
    if kind is DefinitionError:
        error: FibonacciError = DefinitionError(Problems([Problem(location="nodes", code="no_nodes", message="none")]))
    elif kind in (ExecutionFailedError, ExecutionCancelledError, WaitTimeoutError):
        error = kind("m", execution=EXECUTION)  # pyright: ignore
    else:
        error = kind("m")
    error.code, error.details = "c", [{"a": 1}]
    if isinstance(error, WaitTimeoutError):
        error.idempotency_key = "key"
    if isinstance(error, APIError):
        error.method, error.path, error.attempts, error.elapsed = "POST", "/x", 2, 1.5
        error.request_id, error.idempotency_key, error.outcome_unknown = "req_1", "key", True
    if isinstance(error, APIStatusError):
        error.status_code, error.body, error.headers = 418, {"a": [1]}, Headers([("x-a", "b")])
        error.retry_after, error.rate_limit = (
            3.0,
            RateLimit(limit=1, remaining=0, reset_at=datetime(2027, 1, 15, tzinfo=UTC)),
        )
    if isinstance(error, APIResponseError):
        error.status_code, error.content_type, error.body = 200, "text/html", "<html>"
    error.add_note("execution id: exec_1")
    error.__cause__ = OSError(111, "refused")
    return error


def pickled(error: FibonacciError) -> FibonacciError:
    return pickle.loads(pickle.dumps(error))  # type: ignore[no-any-return]


COPIES: list[Callable[[FibonacciError], FibonacciError]] = [pickled, copy.copy, copy.deepcopy]


class TestPickling:
    """Errors go through queues and process pools as they are."""

    @each_row("same", COPIES)
    @each_row("kind", TREE)
    def test_every_error_travels(
        self, kind: type[FibonacciError], same: Callable[[FibonacciError], FibonacciError]
    ) -> None:
        error = filled(kind)
        made = same(error)
        assert type(made) is kind
        assert made is not error
        assert str(made) == str(error)
        assert made.args == error.args
        before = {name: value for name, value in vars(error).items() if name != "headers"}
        assert {name: value for name, value in vars(made).items() if name != "headers"} == before
        if isinstance(error, APIStatusError) and isinstance(made, APIStatusError):
            assert dict(made.headers) == {"x-a": "b"}
        assert isinstance(made.__cause__, OSError)
        assert made.__cause__.args == (111, "refused")

    def test_a_cause_that_cannot_be_pickled_leaves_its_text(self) -> None:
        class Local(Exception):
            pass

        error = filled(APIConnectionError)
        error.__cause__ = Local("deep down")
        made = pickled(error)
        assert str(made.__cause__) == "Local: deep down"

    def test_an_error_of_a_real_call_travels(self, mode: Mode, server: ScriptedServer, caller: Any) -> None:
        server.add_response({"error": {"code": "not_found", "message": "No such"}}, 404, {"X-Request-Id": "req_1"})
        with pytest.raises(NotFoundError) as caught:
            mode.run(caller.workflows.get("wf-1"))
        made = pickled(caught.value)
        assert str(made) == str(caught.value)
        assert vars(made)["headers"]["x-request-id"] == "req_1"
