"""A call: what is sent for a request, and the outcome: the response info of a success, or the error."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from types import NoneType
from typing import TYPE_CHECKING, Any, TypeVar

from fibonacci import __version__
from fibonacci._core.config import Config
from fibonacci._core.error_mapping import connection_error, is_object_missing, status_error, too_large_error
from fibonacci._core.json_bodies import is_object
from fibonacci._core.messages import SENT, Deadline, HTTPRequest, Phases, TimeSource
from fibonacci._core.options import Unset
from fibonacci._core.request import Request, encode
from fibonacci._core.response import APIResponse, AttemptResult, request_id_in
from fibonacci._core.retry import (
    Attempt,
    Retry,
    is_refused,
    is_repetition_refused,
    may_be_sent_twice,
    outcome_of,
)
from fibonacci._core.transport_errors import TransportError
from fibonacci._core.urls import FilledPath, query, split_base_url
from fibonacci._texts.redaction import redact, redact_causes, redact_url
from fibonacci.errors import APIConnectionError, APIError, APIStatusError, RateLimitError, ValidationError
from fibonacci.models.response import RateLimit, ResponseInfo

if TYPE_CHECKING:
    from fibonacci._core.tracing import Span


T = TypeVar("T")

_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
_DEFAULT_HEADERS = {
    b"accept": b"application/json",
    b"accept-encoding": b"gzip",
    b"content-type": b"application/json",
    b"user-agent": f"fibonacci-sdk/{__version__} python/{_PYTHON}".encode("ascii"),
}


class Call:
    """One call of the API under way: its HTTP request without the key, its deadline, and its attempts so far.

    Attributes:
        documented: The request as the call describes it.
        request: The request as it is sent.
        config: The client's configuration when the call began. A test may redirect the client in the meantime.
        deadline: The end of the whole call.
        phases: What it is doing, and has done.
        idempotency_key: The `Idempotency-Key` of all attempts. None unless it is a POST.
        api_key: The key of the last attempt. Empty before the first.
        attempts: How many attempts have begun.
        callback_error: What the user's `on_wait` raised while the transport waited. None for nothing.
        result: The result of the last attempt. It is missing before the first has ended.
        retry: The retry that follows the last attempt, if any.
        refusals: How many attempts were repeated because they were refused only for now.
        had_unknown_outcome: Whether an attempt that has ended may have been carried out without a usable response. What
            becomes of later attempts doesn't change that.
        span: The tracer's span of the call. None without a tracer.

    Raises:
        TypeError: If the body or a parameter has a value that can't be sent.
        ValueError: The same.
    """

    result: AttemptResult
    callback_error: Exception | None = None
    had_unknown_outcome: bool = False
    span: Span | None = None

    def __init__(self, documented: Request[Any], config: Config, clock: TimeSource) -> None:
        self.documented = documented
        self.config = config
        self.request = request = request_for(documented, config.api_version)
        self.idempotency_key: str | None = idempotency_key(request, config) if request.method == "POST" else None
        self.api_key: str = ""
        self.attempts: int = 0
        self.retry: Retry | None = None
        self.refusals: int = 0
        self._idempotency_key_trusted = config.idempotency == "server"
        self._max_retries = config.max_retries if request.can_retry else 0
        self._body = b"" if isinstance(request.body, Unset) else encode(request.body)
        self._origin, prefix = split_base_url(config.base_url)
        self._target = f"{prefix}{_with_query(request.path, query(request.params))}"
        self._clock = clock
        self._started = clock.monotonic()
        self.phases: Phases = Phases()
        self.deadline: Deadline = Deadline(_timeout(request, config), clock)

    @property
    def template(self) -> str:
        """The path with names in place of IDs. Empty if the user passed the whole path."""
        return self.request.path.template if isinstance(self.request.path, FilledPath) else ""

    @property
    def url(self) -> str:
        """The whole URL of the request."""
        return f"{self._origin}{self._target}"

    @property
    def elapsed(self) -> float:
        """Seconds since the call began."""
        return self._clock.monotonic() - self._started

    def http_request(self, on_wait: Callable[[float, str], object] | None = None) -> HTTPRequest:
        """Return the HTTP request of an attempt, with the key.

        Args:
            on_wait: What a transport calls when the request waits for a connection.
        """
        self.phases.current = None
        method, host = self.request.method, self._origin.partition("://")[2]
        headers = [(b"host", host.encode("ascii")), (b"authorization", b"Bearer " + self.api_key.encode("ascii"))]
        headers += _constant_headers(self.config.headers)
        if self._body or method in ("POST", "PUT", "PATCH"):
            headers.append((b"content-length", str(len(self._body)).encode("ascii")))
        if self.idempotency_key is not None:
            headers.append((b"idempotency-key", self.idempotency_key.encode("ascii")))
        return HTTPRequest(
            method=method,
            origin=self._origin,
            target=self._target,
            headers=headers,
            body=self._body,
            is_repeatable=self._is_repeatable,
            on_wait=on_wait,
            phases=self.phases,
        )

    def documented_response(self, response: APIResponse) -> APIResponse:
        """Return a success in the documented shape, whatever API the server speaks.

        Raises:
            APIResponseError: If it isn't in the form of that API.
        """
        if response.status == 404:  # the object is deleted: the body says only that there is none
            return response.with_body(b"")
        if self.config.api_version == "v1":
            return response
        from fibonacci._core.api_0_2 import documented_response

        return documented_response(self.documented, response)

    def ended_attempt(self, result: AttemptResult, *, succeeded: bool) -> Attempt:
        """Return the attempt that has just ended, as the retry rules see it."""
        return Attempt(
            result=result,
            succeeded=succeeded,
            method=self.request.method,
            number=self.attempts,
            remaining=self.deadline.remaining(),
            max_retries=self._max_retries,
            idempotency_key_trusted=self._idempotency_key_trusted,
            tokens_spent=0 if self.retry is None else self.retry.cost,
            refusals=self.refusals,
            had_unknown_outcome=self.had_unknown_outcome,
        )

    def record(self, attempt: Attempt, retry: Retry | None) -> None:
        """Record an attempt that has ended, and the retry that follows, if any."""
        self.result, self.retry = attempt.result, retry
        if not attempt.succeeded and outcome_of(attempt.result) == "unknown":
            self.had_unknown_outcome = True
        if retry is not None:
            self.phases.stop()  # the wait is not a phase
            self.refusals += is_refused(attempt)

    @property
    def _is_repeatable(self) -> bool:
        if self.attempts > self._max_retries + self.refusals:
            return False
        return may_be_sent_twice(self.request.method, idempotency_key_trusted=self._idempotency_key_trusted)


def request_for(request: Request[T], api_version: str) -> Request[T]:
    """Return the request that is sent for a documented one to a server of another API.

    Raises:
        UnsupportedCallError: If the server has no such call.
        TypeError: If an argument has no form in that API.
        ValueError: The same.
    """
    if api_version == "v1":
        return request
    from fibonacci._core.api_0_2 import request_of

    return request_of(request)


def idempotency_key(request: Request[Any], config: Config) -> str:
    """Return the `Idempotency-Key` of a call: from the argument, else from the client's headers, else a new one."""
    return request.idempotency_key or config.idempotency_key or new_idempotency_key()


def new_idempotency_key() -> str:
    """Return a key that no other call has."""
    return os.urandom(16).hex()


def _constant_headers(extra: Mapping[str, str]) -> Iterable[tuple[bytes, bytes]]:
    """Return the headers that are the same for every request of a client. The user's headers replace the defaults."""
    headers = _DEFAULT_HEADERS.copy()
    for name, value in extra.items():
        headers[name.encode("ascii")] = value.encode("ascii")
    return headers.items()


def _with_query(path: str, query_string: str) -> str:
    # A path that the user passed may have a query already.
    return path + (query_string.replace("?", "&", 1) if "?" in path else query_string)


def _timeout(request: Request[Any], config: Config) -> float | None:
    if not isinstance(request.timeout, Unset):
        return request.timeout
    if isinstance(config.timeout, Unset) and request.default_timeout is not None:
        return request.default_timeout
    return config.call_timeout


ErrorT = TypeVar("ErrorT", bound=APIError)


def is_success(call: Call, result: AttemptResult) -> bool:
    """Whether the response counts as success."""
    if isinstance(result, TransportError):
        return False
    if result.status in call.request.success_statuses:
        return is_object(result.readable_body)
    return 200 <= result.status < 300 or _is_deleted(call, result)


def _is_deleted(call: Call, response: APIResponse) -> bool:
    """Whether an earlier attempt of a DELETE has done its work: its answer was lost, and now the object is gone."""
    request = call.request
    if response.status != 404 or request.method != "DELETE" or not call.had_unknown_outcome:
        return False
    return request.returns in (NoneType, object) and is_object_missing(response, request.path, call.config.api_version)


def response_info(call: Call, response: APIResponse, meta: Mapping[str, Any], elapsed: float) -> ResponseInfo:
    """Return the HTTP side of a success. The request ID comes from `meta`, where the documentation has it."""
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
        refused = status_error(
            result, base_url=call.config.base_url, path=call.request.path, api_version=call.config.api_version
        )
        if is_repetition_refused(result, call.request.method, had_unknown_outcome=call.had_unknown_outcome):
            text = "the SDK sent this request again after an unknown outcome, and the server responds with a conflict"
            refused.message = f"{text}: {refused.message}"
        add_call_details(refused, call, is_uncertain=outcome_of(result) == "unknown")
        if isinstance(refused, ValidationError):
            _add_problems(refused, call)
        return refused
    if result.kind == "too_large" and result.response is not None:
        oversized = too_large_error(result.response, received_at=now, api_key=call.api_key)
        return add_call_details(oversized, call, is_uncertain=True)
    outcome = outcome_of(result)
    call.phases.stop()
    is_time_up = call.deadline.remaining() == 0
    failed = connection_error(result, base_url=call.config.base_url, is_time_up=is_time_up, phase=call.phases.current)
    failed.phases, failed.is_permanent = call.phases.seconds, outcome == "final"
    return add_call_details(failed, call, is_uncertain=result.kind == "broken" or outcome == "unknown")


def _add_problems(error: ValidationError, call: Call) -> None:
    """Set what is wrong with the definition that was refused, if it was one."""
    body = call.request.body
    definition = body.get("definition") if is_object(body) else None
    if definition is None or "/workflows" not in call.request.path:
        return
    from dataclasses import replace  # no call that succeeds needs these

    from fibonacci.definitions.checks.check import check_definition

    problems, key = check_definition(definition), call.api_key
    problems[:] = (
        replace(problem, location=redact(problem.location, key), message=redact(problem.message, key))
        for problem in problems
    )
    error.problems = problems


def rate_limit_error(
    call: Call, seconds: float, *, left: tuple[int, int] | None, last: RateLimit | None
) -> RateLimitError:
    """Return the error for a call that the rate limiter doesn't admit in time.

    Args:
        call: The call.
        seconds: The seconds until a request may be sent again.
        left: The requests that are left in the window, and the limit. None if not known.
        last: The rate limit as the server last stated it.
    """
    text = f"the rate limit allows no request within the call's timeout{left_text(left)}"
    error = RateLimitError(text if call.attempts else f"{text}. Nothing was sent")
    error.retry_after = seconds
    error.rate_limit = last
    return add_call_details(error, call, is_uncertain=False)


def left_text(left: tuple[int, int] | None) -> str:
    """Return the requests that are left in the window and the limit as text. Empty if not known."""
    return "" if left is None else f" ({left[0]} of {left[1]} left)"


def closed_error(call: Call) -> APIConnectionError:
    """Return the error for a call that waited for the rate limit when its client was closed."""
    text = "the client was closed while the call waited for the rate limit"
    error = APIConnectionError(text if call.attempts else f"{text}. Nothing was sent")
    return add_call_details(error, call, is_uncertain=False)


def limiter_error(call: Call, failure: str) -> APIConnectionError:
    """Return the error for a call that can't be admitted because the rate limiter can't be used."""
    error = APIConnectionError(failure if call.attempts else f"{failure.rstrip('.')}. Nothing was sent")
    return add_call_details(error, call, is_uncertain=False)


def note_interruption(error: BaseException, call: Call) -> None:
    """Note on an exception that isn't the client's that the request may have been carried out.

    Args:
        error: What ended the attempt: a cancellation, Ctrl-C, or what a signal handler or a timer raised.
        call: The call.
    """
    method, path = call.request.method, call.request.path.partition("?")[0]
    if method in ("POST", "PATCH") and call.phases.current in SENT:
        error.outcome_unknown = True  # type: ignore[attr-defined]  # as an `APIError` has it
        key = f" (idempotency key: {call.idempotency_key})" if call.idempotency_key else ""
        error.add_note(redact(f"{method} {path} was interrupted, and may have been carried out{key}", call.api_key))


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
