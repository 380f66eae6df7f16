"""From statuses and codes to errors: the class, its attributes and its text."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from fibonacci import (
    AmbiguousNameError,
    APIConnectionError,
    APIError,
    APIResponseError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    ConflictError,
    DefinitionError,
    DeploymentError,
    ExecutionCancelledError,
    ExecutionFailedError,
    FibonacciError,
    JournalError,
    NotFoundError,
    OutputError,
    PaginationError,
    PermissionDeniedError,
    QuotaExceededError,
    RateLimit,
    RateLimitError,
    RunsStoppedError,
    ServerError,
    StalePlanError,
    TooManyFailuresError,
    UnknownOutcomeError,
    UnsupportedCallError,
    ValidationError,
    WaitTimeoutError,
    errors,
)
from tests.kit.assertions import each_row
from tests.kit.mode import Mode
from tests.kit.server import ScriptedServer
from tests.kit.steps import respond_json

TREE = {
    FibonacciError: Exception,
    ConfigurationError: FibonacciError,
    AmbiguousNameError: FibonacciError,
    APIError: FibonacciError,
    APIConnectionError: APIError,
    APITimeoutError: APIConnectionError,
    APIResponseError: APIError,
    PaginationError: APIResponseError,
    APIStatusError: APIError,
    BadRequestError: APIStatusError,
    AuthenticationError: APIStatusError,
    PermissionDeniedError: APIStatusError,
    NotFoundError: APIStatusError,
    ConflictError: APIStatusError,
    ValidationError: BadRequestError,
    RateLimitError: APIStatusError,
    QuotaExceededError: APIStatusError,
    ServerError: APIStatusError,
    DefinitionError: FibonacciError,
    DeploymentError: FibonacciError,
    StalePlanError: DeploymentError,
    JournalError: FibonacciError,
    RunsStoppedError: FibonacciError,
    TooManyFailuresError: FibonacciError,
    UnknownOutcomeError: FibonacciError,
    UnsupportedCallError: FibonacciError,
    ExecutionFailedError: FibonacciError,
    ExecutionCancelledError: ExecutionFailedError,
    OutputError: FibonacciError,
    WaitTimeoutError: FibonacciError,
}


def envelope(code: Any = None, message: Any = "Told so", details: Any = None) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "details": details}}


def get(client: Any) -> Any:
    return client.workflows.get("wf-1")


def execute(client: Any) -> Any:
    return client.workflows.execute("wf-1")


def failure(
    mode: Mode,
    body: Any,
    status: int,
    headers: dict[str, str] | None = None,
    call: Callable[[Any], Any] = get,
    max_retries: int = 0,
) -> Any:
    """Return the error of a call that gets this response, and makes one request."""
    with ScriptedServer(respond_json(body, status, headers)) as server, pytest.raises(FibonacciError) as caught:
        mode.run(call(mode.client_of(server, max_retries=max_retries)))
    assert len(server.requests) == 1
    if server.last.method == "POST":
        assert vars(caught.value)["idempotency_key"] == server.last.one("Idempotency-Key")
    return caught.value


def test_each_error_has_its_parent_and_a_docstring() -> None:
    assert {error.__name__ for error in TREE} == set(errors.__all__)
    for error, base in TREE.items():
        assert error.__bases__[0] is base
        assert error.__doc__


def test_one_except_clause_is_enough_for_every_timeout_and_none_for_a_quota_by_accident() -> None:
    timeouts = {error for error in TREE if issubclass(error, TimeoutError)}
    assert timeouts == {APITimeoutError, WaitTimeoutError}
    assert {error for error in TREE if issubclass(error, RateLimitError)} == {RateLimitError}
    for error in timeouts:  # what OSError would make of its arguments is not theirs
        made: Any = error("no response in time")
        assert (str(made).removesuffix(" [0 attempts, 0.00 s]"), made.args) == (made.message, (made.message,))
        assert (made.errno, made.strerror, made.filename) == (None, None, None)


class TestClasses:
    @each_row(
        ("status", "code", "expected"),
        [
            (400, "bad_request", BadRequestError),
            (401, "unauthorized", AuthenticationError),
            (403, "forbidden", PermissionDeniedError),
            (404, "not_found", NotFoundError),
            (409, "conflict", ConflictError),
            (422, "unknown_tool", ValidationError),
            (422, "validation_error", ValidationError),
            (400, "validation_error", ValidationError),
            (409, "validation_error", ValidationError),
            (429, "rate_limited", RateLimitError),
            (429, "validation_error", RateLimitError),
            (429, None, RateLimitError),
            (429, "quota_exceeded", QuotaExceededError),
            (429, "daily_limit_exceeded", QuotaExceededError),
            (402, "payment", APIStatusError),
            (499, None, APIStatusError),
            (500, "internal", ServerError),
            (501, None, ServerError),
            (599, None, ServerError),
        ],
    )
    def test_by_status_and_code(self, mode: Mode, status: int, code: Any, expected: type[APIStatusError]) -> None:
        body = envelope(code, details=[{"field": "name", "message": "is missing"}])
        error = failure(mode, body, status, {"X-Request-Id": "req_9", "Retry-After": "0"})
        assert type(error) is expected
        assert (error.status_code, error.code, error.message) == (status, code, "Told so")
        assert (error.details, error.body) == (body["error"]["details"], body)
        assert error.headers["X-REQUEST-ID"] == "req_9"
        assert (error.method, error.path, error.attempts) == ("GET", "/workflows/wf-1", 1)
        assert (error.request_id, error.idempotency_key, error.outcome_unknown) == ("req_9", None, False)
        assert error.elapsed > 0

    def test_a_request_that_may_have_been_carried_out_says_so(self, mode: Mode) -> None:
        error = failure(mode, envelope(), 500, call=execute)
        assert error.outcome_unknown
        assert str(error).endswith(f"so it was not sent again (idempotency key {error.idempotency_key}).")
        error = failure(mode, envelope(), 502, call=lambda client: client.organizations.quota.update("a", memory_mb=1))
        assert error.outcome_unknown
        assert str(error).endswith("so it was not sent again.")


class TestBodies:
    @each_row(
        ("body", "code", "message", "details"),
        [
            ({"error": "Just text"}, None, "Just text", []),
            ({"error": {"code": "c"}}, "c", 'the response says \'{"error": {"code": "c"}}\'', []),
            ({"error": {"code": 7, "message": ["x"], "details": {"a": 1}}}, None, "the response says", []),
            ({"error": None}, None, "the response says '{\"error\": null}'", []),
            ({"detail": "Not here"}, None, "Not here", []),
            ([1], None, "the response says '[1]'", []),
            ("<html>\n  Bad gateway</html>", None, "the response says '<html> Bad gateway</html>'", []),
            ("", None, "the response has no body", []),
            (b"\xff\xfe", None, "the response says '\ufffd\ufffd'", []),
            (envelope("c", "m", ["text", None, {"field": "f"}]), "c", "m", ["text", None, {"field": "f"}]),
        ],
    )
    def test_whatever_the_body_is(self, mode: Mode, body: Any, code: Any, message: str, details: Any) -> None:
        error = failure(mode, body, 404)
        assert type(error) is NotFoundError
        assert (error.code, error.details) == (code, details)
        assert message in error.message
        assert str(error)

    @each_row(
        ("meta", "request_id"),
        [({"request_id": "req_body"}, "req_body"), (None, None), ([], None), ({}, None), ({"request_id": 7}, None)],
    )
    def test_the_request_id_may_be_in_the_body(self, mode: Mode, meta: Any, request_id: str | None) -> None:
        error = failure(mode, {**envelope(), "meta": meta}, 404)
        assert error.request_id == request_id
        assert ("request id" in str(error)) == (request_id is not None)

    @each_row(("status", "kind"), [(200, APIResponseError), (502, ServerError)])
    def test_a_long_page_is_cut(self, mode: Mode, status: int, kind: type[Any]) -> None:
        error = failure(mode, "<html>" + "\u00e4" * 200_000, status, {"Content-Type": "text/html"})
        assert type(error) is kind
        assert error.body.startswith("<html>\u00e4")
        assert len(error.body.encode()) <= 64 * 1024 + 3
        assert len(str(error)) < 1000

    def test_an_unreadable_success_names_what_responded(self, mode: Mode) -> None:
        headers = {"Content-Type": "text/html", "X-Request-Id": "req_77"}
        text = str(failure(mode, "<html>Sign in</html>", 200, headers, execute))
        for part in ("status 200", "text/html", "<html>Sign in", "login page", "req_77", "may have been carried out"):
            assert part in text


class TestTexts:
    def test_it_names_everything(self, mode: Mode) -> None:
        body = envelope("validation_error", "Invalid input", [{"field": "name", "message": "is missing"}, "other"])
        error = failure(mode, body, 422, {"X-Request-Id": "req_9"}, lambda client: client.workflows.create(name="x"))
        error.elapsed = 1.234
        assert str(error) == (
            "POST /workflows: status 422 validation_error, Invalid input; name: is missing; other"
            " [request id req_9, 1 attempt, 1.23 s]"
        )

    def test_many_details_are_counted(self) -> None:
        error = APIStatusError("m", details=[f"d{number}" * 200 for number in range(9)])
        error.attempts, error.status_code = 3, 422
        assert "; and 4 more [3 attempts, 0.00 s]" in str(error)
        assert len(str(error)) < 1500

    def test_without_a_call(self) -> None:
        assert str(APIError("plain")) == "plain [0 attempts, 0.00 s]"
        assert str(FibonacciError("plain")) == "plain"
        assert str(FibonacciError()) == ""
        error = FibonacciError("m", code="c", details=[1])
        assert (error.message, error.code, error.details) == ("m", "c", [1])


class TestRateLimits:
    def test_the_error_holds_the_rate_limit(self, mode: Mode) -> None:
        headers = {"X-RateLimit-Limit": "60", "X-RateLimit-Remaining": "1", "X-RateLimit-Reset": "1800000000"}
        error = failure(mode, envelope("quota_exceeded"), 429, headers)
        assert error.rate_limit == RateLimit(limit=60, remaining=1, reset_at=datetime(2027, 1, 15, 8, 0, tzinfo=UTC))
        assert error.retry_after is None

    @each_row(("status", "code", "kind"), [(429, "quota_exceeded", QuotaExceededError), (503, None, ServerError)])
    def test_every_error_status_may_say_when_to_come_back(
        self, mode: Mode, status: int, code: Any, kind: type[APIStatusError]
    ) -> None:
        error = failure(mode, envelope(code), status, {"Retry-After": "7"}, execute)
        assert (type(error), error.retry_after) == (kind, 7)
        assert "[retry after 7 s, 1 attempt, " in str(error)


class TestHealth:
    """A health response of 503 counts as success."""

    @each_row("call", ["check", "secrets"])
    def test_a_json_object_counts_as_success(self, mode: Mode, server: ScriptedServer, caller: Any, call: str) -> None:
        server.add_response({"status": "healthy", "backend": "b", "checks": {"get": "failed"}}, 503)
        health = mode.run(getattr(caller.health, call)())
        assert not health.healthy
        assert health.response.status_code == 503
        assert health.model_dump(mode="json")["backend"] == "b"

    @each_row(
        ("body", "status"),
        [("<html>down</html>", 503), ("", 503), ("[1]", 503), ('"down"', 503), ({"status": "ok"}, 500)],
    )
    def test_anything_else_is_an_error_and_is_not_retried(self, mode: Mode, body: Any, status: int) -> None:
        error = failure(mode, body, status, call=lambda client: client.health.check(), max_retries=5)
        assert (type(error), error.status_code) == (ServerError, status)
