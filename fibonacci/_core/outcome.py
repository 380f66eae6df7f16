"""The outcome of a call: the response info of a success, or the error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from fibonacci._core.error_mapping import connection_error, status_error, too_large_error
from fibonacci._core.json_types import is_object
from fibonacci._core.messages import SENT
from fibonacci._core.preparation import Call
from fibonacci._core.redaction import redact, redact_causes, redact_url
from fibonacci._core.request import Request
from fibonacci._core.response import APIResponse, AttemptResult, request_id_in
from fibonacci._core.retry import outcome_of
from fibonacci._core.transport_errors import TransportError
from fibonacci.errors import APIConnectionError, APIError, APIStatusError, RateLimitError, ValidationError
from fibonacci.models.response import RateLimit, ResponseInfo

ErrorT = TypeVar("ErrorT", bound=APIError)


def is_success(request: Request[Any], result: AttemptResult) -> bool:
    """Whether the response counts as success."""
    if isinstance(result, TransportError):
        return False
    if result.status in request.success_statuses:
        return is_object(result.readable_body())
    return 200 <= result.status < 300


def response_info(call: Call, response: APIResponse, meta: Mapping[str, Any], elapsed: float) -> ResponseInfo:
    """Return the HTTP side of a success. The request id is that of `meta`, where the documentation has it."""
    stated = meta.get("request_id")
    request_id = stated if isinstance(stated, str) else response.request_id
    return ResponseInfo(
        status_code=response.status,
        request_id=request_id,
        headers=response.headers,
        rate_limit=response.rate_limit,
        attempts=call.attempts,
        elapsed=elapsed,
    )


def call_error(call: Call, result: AttemptResult, *, now: float) -> APIError:
    """Return the error for the result of the last attempt.

    Args:
        call: The call.
        result: The result.
        now: The Unix time.
    """
    if isinstance(result, APIResponse):
        refused = status_error(result, base_url=call.base_url, path=call.request.path, api_version=call.api_version)
        add_call_details(refused, call, is_uncertain=outcome_of(result) == "unknown")
        if isinstance(refused, ValidationError):
            _add_problems(refused, call)
        return refused
    if result.kind == "too_large" and result.response is not None:
        oversized = too_large_error(result.response, received_at=now, api_key=call.api_key)
        return add_call_details(oversized, call, is_uncertain=True)
    is_uncertain = result.kind == "broken" or outcome_of(result) == "unknown"
    call.phases.stop()
    is_time_up = call.deadline.remaining() == 0
    failed = connection_error(result, base_url=call.base_url, is_time_up=is_time_up, phase=call.phases.current)
    failed.phases = call.phases.seconds
    return add_call_details(failed, call, is_uncertain=is_uncertain)


def _add_problems(error: ValidationError, call: Call) -> None:
    """Set what is wrong with the definition that was refused, if it was one."""
    body = call.request.body
    definition = body.get("definition") if is_object(body) else None
    if definition is None or "/workflows" not in call.request.path:
        return
    try:
        from dataclasses import replace  # no call that succeeds needs these

        from fibonacci.definitions.checks.check import check_definition
    except OSError:  # no file descriptor is left: the refusal matters more
        return
    problems, key = check_definition(definition), call.api_key
    problems[:] = (
        replace(problem, location=redact(problem.location, key), message=redact(problem.message, key))
        for problem in problems
    )
    error.problems = problems


def rate_limit_error(
    call: Call, seconds: float, *, left: tuple[int, int] | None, last: RateLimit | None
) -> RateLimitError:
    """Return the error for a call that the rate limiter does not admit in time.

    Args:
        call: The call.
        seconds: The seconds until a request may be sent again.
        left: The requests that are left in the window, and the limit; None when not known.
        last: The rate limit as the server last stated it.
    """
    text = f"the rate limit admits no request within the time of the call{left_text(left)}"
    error = RateLimitError(text if call.attempts else f"{text}; nothing was sent")
    error.retry_after = seconds
    error.rate_limit = last
    return add_call_details(error, call, is_uncertain=False)


def left_text(left: tuple[int, int] | None) -> str:
    """Return the requests that are left in the window and the limit as text; empty when not known."""
    return "" if left is None else f" ({left[0]} of {left[1]} left)"


def closed_error(call: Call) -> APIConnectionError:
    """Return the error for a call that waited for the rate limit when its client was closed."""
    text = "the client was closed while the call waited for the rate limit"
    error = APIConnectionError(text if call.attempts else f"{text}; nothing was sent")
    return add_call_details(error, call, is_uncertain=False)


def limiter_error(call: Call, failure: str) -> APIConnectionError:
    """Return the error for a call that cannot be admitted because the rate limiter cannot be used."""
    error = APIConnectionError(failure if call.attempts else f"{failure}; nothing was sent")
    return add_call_details(error, call, is_uncertain=False)


def note_interruption(error: BaseException, call: Call) -> None:
    """Note on an exception that is not the client's that the request may have been carried out.

    Args:
        error: What ended the attempt: a cancellation, Ctrl-C, or what a signal handler or a timer raised.
        call: The call.
    """
    method, path = call.request.method, call.request.path.partition("?")[0]
    if method in ("POST", "PATCH") and call.phases.current in SENT:
        error.outcome_unknown = True  # type: ignore[attr-defined]  # as an `APIError` has it
        key = f"; idempotency key: {call.idempotency_key}" if call.idempotency_key else ""
        error.add_note(redact(f"{method} {path} was interrupted: it may have been carried out{key}", call.api_key))


def add_call_details(error: ErrorT, call: Call, *, is_uncertain: bool) -> ErrorT:
    """Set the circumstances of the call on an error, and redact the key in it.

    Args:
        error: The error.
        call: The call.
        is_uncertain: Whether the last attempt may have been carried out.
    """
    error.method = call.request.method
    error.path = redact_url(call.request.path, call.api_key)
    error.attempts = call.attempts
    error.elapsed = call.elapsed
    error.idempotency_key = call.idempotency_key
    error.outcome_unknown = (is_uncertain or call.had_unknown_outcome) and call.request.method in ("POST", "PATCH")
    if isinstance(error, APIStatusError):
        error.request_id = error.request_id or error.headers.get("x-request-id") or request_id_in(error.body)
    error.message = redact(error.message, call.api_key)
    error.args = (error.message,)
    redact_causes(error, call.api_key)
    return error
