"""One call under way: its deadline, its attempts, and the decision after each attempt."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from fibonacci import __version__
from fibonacci._core.compression import accepted
from fibonacci._core.config import Config
from fibonacci._core.deadline import Deadline
from fibonacci._core.error_mapping import connection_error, describe, status_error
from fibonacci._core.json_types import is_object
from fibonacci._core.log_filter import protect
from fibonacci._core.logs import log_attempt, log_retry
from fibonacci._core.messages import HTTPRequest, HTTPResponse, TransportError
from fibonacci._core.redaction import redact, redact_causes
from fibonacci._core.request import Request
from fibonacci._core.request_body import encode
from fibonacci._core.response import APIResponse, AttemptResult
from fibonacci._core.retry import (
    LONGEST_WAIT,
    Outcome,
    backoff,
    cost_of,
    jittered,
    may_repeat,
    outcome_of,
    server_delay,
)
from fibonacci._core.shared_limits import SharedLimits
from fibonacci._core.unset import Unset
from fibonacci._core.urls import FilledPath, query, split_base_url
from fibonacci.errors import APIError, APIResponseError, APIStatusError, RateLimitError
from fibonacci.models.response import ResponseInfo


@lru_cache(maxsize=64)
def _fixed_headers(extra: tuple[tuple[str, str], ...]) -> tuple[tuple[bytes, bytes], ...]:
    """The headers that are the same for every request of a client."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    headers = {
        "accept": "application/json",
        "accept-encoding": accepted(),
        "content-type": "application/json",
        "user-agent": f"fibonacci-sdk/{__version__} python/{python}",
        **dict(extra),
    }
    return tuple((name.encode("ascii"), value.encode("ascii")) for name, value in headers.items())


class Call:
    """One call of the API, from its start to its answer or error.

    Everything that can be wrong with the arguments is found here, before anything is sent.
    """

    def __init__(self, request: Request[Any], config: Config) -> None:
        self.request = request
        self.config = config
        self.attempts = 0
        self.wait = 0.0
        self.pace: SharedLimits | None = None
        self.api_key: str | None = None
        self.idempotency_key = os.urandom(16).hex() if request.method == "POST" else None
        self.body = b"" if isinstance(request.body, Unset) else encode(request.body)
        self._origin, prefix = split_base_url(config.base_url)
        asked = query(request.params)
        # A path that a user gave may have a query already.
        self._target = f"{prefix}{request.path}{asked.replace('?', '&', 1) if '?' in request.path else asked}"
        self._tokens_taken = 0
        self._started = time.monotonic()
        self.deadline = Deadline(_timeout(request, config))

    @property
    def template(self) -> str:
        """The path with names in place of ids; empty when it was given whole."""
        return self.request.path.template if isinstance(self.request.path, FilledPath) else ""

    @property
    def url(self) -> str:
        """The whole URL of the request."""
        return f"{self._origin}{self._target}"

    @property
    def elapsed(self) -> float:
        """Seconds since the call began."""
        return time.monotonic() - self._started

    def wire_request(self, api_key: str) -> HTTPRequest:
        """The request of the next attempt, with the key."""
        if api_key != self.api_key:
            self.api_key = api_key
            protect(api_key)
        host = self._origin.partition("://")[2]
        headers = [(b"host", host.encode("ascii")), (b"authorization", b"Bearer " + api_key.encode("ascii"))]
        headers += _fixed_headers(tuple(self.config.headers.items()))
        if self.body or self.request.method in ("POST", "PUT", "PATCH"):
            headers.append((b"content-length", str(len(self.body)).encode("ascii")))
        if self.idempotency_key is not None:
            headers.append((b"idempotency-key", self.idempotency_key.encode("ascii")))
        return HTTPRequest(self.request.method, self._origin, self._target, headers, self.body)

    def received(self, response: HTTPResponse) -> APIResponse:
        """The answer of an attempt."""
        return APIResponse(response, limit=self.config.max_response_bytes, api_key=self.api_key or "")

    def wants_retry(self, attempted: AttemptResult) -> bool:
        """Decide whether to send the request again, and for that set `wait` and take from the retry quota."""
        outcome = outcome_of(attempted)
        status = attempted.status if isinstance(attempted, APIResponse) else None
        if self.pace is not None and outcome == "refused" and status == 429:
            # A 429 speaks of the key, so it holds up all its calls; a 503 speaks of this endpoint alone.
            self.pace.gate.pause(self._told(attempted) or 0.0)
        trusts_key = self.config.idempotency == "server"
        if not self.request.retried or not may_repeat(self.request.method, outcome, trusts_key=trusts_key):
            return False
        if self.attempts > self.config.max_retries or not self._wait_fits(attempted, outcome):
            return False
        cost = cost_of(outcome)
        if self.pace is None or not self.pace.retry_quota.take(cost):
            return False
        self._tokens_taken = cost
        return True

    def log(self, attempted: AttemptResult) -> None:
        """Log an attempt."""
        log_attempt(self.request.method, self.request.path, self.attempts, attempted, self.api_key or "")

    def tell(self, attempted: AttemptResult) -> object:
        """Log the retry that was decided, and tell the user's `on_retry` of it; what that returns may be awaited."""
        cause = describe(attempted)
        log_retry(self.request.method, self.request.path, self.attempts, cause, self.wait, self.api_key)
        if self.config.on_retry is None:
            return None
        from fibonacci._core.retry_event import RetryEvent

        return self.config.on_retry(RetryEvent(self.request.method, self.request.path, self.attempts, self.wait, cause))

    def response_info(self, answer: APIResponse) -> ResponseInfo:
        """The HTTP side of a success; what the retries took is given back."""
        if self.pace is not None:
            self.pace.retry_quota.release(self._tokens_taken or 1)
        request_id = answer.headers.get("x-request-id")
        return ResponseInfo(answer.status, request_id, answer.headers, answer.rate_limit, self.attempts, self.elapsed)

    def is_success(self, answer: APIResponse) -> bool:
        """Whether an answer is one that the caller gets, not an error."""
        if answer.status in self.request.answers:
            return is_object(answer.readable_body())
        return 200 <= answer.status < 300

    def error(self, attempted: AttemptResult) -> APIError:
        """The error for the last attempt."""
        if isinstance(attempted, TransportError):
            failed: APIError = connection_error(attempted, api_key=self.api_key or "")
        else:
            failed = status_error(attempted)
        broken = isinstance(attempted, TransportError) and attempted.kind == "broken"
        uncertain = broken or isinstance(failed, APIResponseError) or outcome_of(attempted) == "unknown"
        return self.complete(failed, uncertain=uncertain)

    def gate_error(self, wait: float) -> RateLimitError:
        """The error for a call that the rate gate cannot let pass in time: nothing was sent."""
        error = RateLimitError(f"the rate limit leaves no request for {wait:.0f} s, longer than the call may take")
        error.retry_after = wait
        error.rate_limit = self.pace.gate.last if self.pace is not None else None
        self.complete(error, uncertain=False)
        return error

    def complete(self, error: APIError, *, uncertain: bool) -> APIError:
        """Put the circumstances of the call on an error, and take the key out of it."""
        error.method = self.request.method
        error.path = self.request.path
        error.attempts = self.attempts
        error.elapsed = self.elapsed
        error.idempotency_key = self.idempotency_key
        error.outcome_unknown = uncertain and self.request.method in ("POST", "PATCH")
        if isinstance(error, APIStatusError):
            error.request_id = error.request_id or error.headers.get("x-request-id") or _request_id(error.body)
        error.message = redact(error.message, self.api_key)
        error.args = (error.message,)
        redact_causes(error, self.api_key)
        return error

    def _told(self, attempted: AttemptResult) -> float | None:
        return server_delay(attempted.headers) if isinstance(attempted, APIResponse) else None

    def _wait_fits(self, attempted: AttemptResult, outcome: Outcome) -> bool:
        told = self._told(attempted) if outcome == "refused" else None
        if told is None:
            self.wait = backoff(self.attempts, outcome)
            return self.deadline.allows(self.wait)
        self.wait = jittered(told)
        if not self.deadline.allows(self.wait):
            self.wait = told
        return told <= LONGEST_WAIT and self.deadline.allows(self.wait)


def _timeout(request: Request[Any], config: Config) -> float | None:
    if not isinstance(request.timeout, Unset):
        return request.timeout
    if isinstance(config.timeout, Unset) and request.default_timeout is not None:
        return request.default_timeout
    return config.call_timeout


def _request_id(body: Any) -> str | None:
    """The request id in the `meta` of an error's body, where it is no header."""
    try:
        found = body["meta"]["request_id"]
    except (TypeError, LookupError):
        return None
    return found if isinstance(found, str) else None


def with_request_id(info: ResponseInfo, meta: Mapping[str, Any]) -> ResponseInfo:
    """The same with the request id from `meta`, where it stands as documented."""
    found = meta.get("request_id")
    if not isinstance(found, str) or found == info.request_id:
        return info
    return ResponseInfo(info.status_code, found, info.headers, info.rate_limit, info.attempts, info.elapsed)
