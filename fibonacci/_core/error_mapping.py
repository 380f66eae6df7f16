"""From an answer or a failure to the error that a user sees: the one place where errors are made."""

from __future__ import annotations

from typing import Any

from fibonacci._core.json_types import is_array, is_object
from fibonacci._core.messages import TransportError, TransportErrorKind
from fibonacci._core.rate_limit_headers import parse_retry_after
from fibonacci._core.response import TEXT_LIMIT, APIResponse, AttemptResult
from fibonacci.errors import (
    APIConnectionError,
    APIError,
    APIResponseError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    ConflictError,
    NotFoundError,
    PermissionDeniedError,
    QuotaExceededError,
    RateLimitError,
    ServerError,
    ValidationError,
)

_BY_STATUS: dict[int, type[APIStatusError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    422: ValidationError,
    429: RateLimitError,
}

_FAILURE_TEXTS: dict[TransportErrorKind, str] = {
    "never_sent": "no connection to the server",
    "timeout_never_sent": "no connection to the server within the call's time",
    "unknown": "the connection broke before the whole answer had come",
    "timeout": "no whole answer within the call's time",
    "too_large": "the answer is larger than max_response_bytes",
    "tls": (
        "TLS failed; if a private authority signed the certificate, pass ca_bundle=... or set SSL_CERT_FILE;"
        " if it has expired or names another host, the server must be mended"
    ),
    "name": "the host's name is not known; check base_url and the network's name service",
    "proxy": "the proxy refused; check HTTPS_PROXY, HTTP_PROXY and ALL_PROXY, and the user and password in them",
    "invalid": "the request cannot be sent as it is",
    "broken": "the HTTP client failed in a way that is not the network's",
}


def describe(attempted: AttemptResult) -> str:
    """What came of an attempt, in a few words."""
    if isinstance(attempted, APIResponse):
        return f"status {attempted.status}"
    return _FAILURE_TEXTS[attempted.kind].partition(";")[0]


def is_quota_error(answer: APIResponse) -> bool:
    """Whether a 429 speaks of a plan's quota (choice: by its code), which no short wait will lift."""
    code = _error_fields(answer.readable_body())[0] or ""
    return "quota" in code or "daily" in code


def status_error(answer: APIResponse) -> APIStatusError:
    """The error for an answer with an error status, or with a redirect, which is never followed."""
    body = answer.readable_body()
    code, message, details = _error_fields(body)
    error = _error_class(answer, code)(message or _fallback_message(answer, body), code=code, details=details)
    error.status_code = answer.status
    error.body = body
    error.headers = answer.headers
    if isinstance(error, RateLimitError):
        error.retry_after = parse_retry_after(answer.headers)
        error.rate_limit = answer.rate_limit
    return error


def connection_error(failure: TransportError, *, api_key: str) -> APIError:
    """The error for a failure to send or to receive."""
    text = _FAILURE_TEXTS[failure.kind]
    if failure.kind == "too_large" and failure.response is not None:
        return response_error(APIResponse(failure.response, limit=TEXT_LIMIT, api_key=api_key), text)
    timed_out = failure.kind in ("timeout", "timeout_never_sent")
    reason = "" if timed_out or failure.cause is None else f": {_reason(failure.cause)}"
    error = (APITimeoutError if timed_out else APIConnectionError)(text + reason)
    error.__cause__ = failure.cause
    return error


def response_error(answer: APIResponse, problem: str) -> APIResponseError:
    """The error for a success that cannot be read."""
    kind = answer.content_type or "no content type"
    begins = " ".join(answer.text()[:200].split())
    hint = ""
    if "html" in kind.lower() or begins.startswith("<"):
        hint = "; a proxy or a login page seems to have answered in place of the platform"
    error = APIResponseError(f"{problem}: {kind}, beginning {begins[:120]!r}{hint}" if begins else f"{problem}: {kind}")
    error.status_code = answer.status
    error.content_type = answer.content_type
    error.body = answer.text()
    return error


def _error_class(answer: APIResponse, code: str | None) -> type[APIStatusError]:
    if answer.status == 429:
        return QuotaExceededError if is_quota_error(answer) else RateLimitError
    if code == "validation_error":
        return ValidationError
    return _BY_STATUS.get(answer.status, ServerError if answer.status >= 500 else APIStatusError)


def _error_fields(body: Any) -> tuple[str | None, str | None, list[Any]]:
    """Code, message and details of the documented error envelope, as far as they are there."""
    error = body.get("error") if is_object(body) else None
    if isinstance(error, str):
        return None, error, []
    if not is_object(error):
        return None, None, []
    code, message, details = error.get("code"), error.get("message"), error.get("details")
    return (
        code if isinstance(code, str) else None,
        message if isinstance(message, str) else None,
        details if is_array(details) else [],
    )


def _fallback_message(answer: APIResponse, body: Any) -> str:
    if 300 <= answer.status < 400:
        target = answer.headers.get("location", "nowhere")
        return f"the server redirects to {target[:200]!r}; that is not followed, as the key must not go elsewhere"
    if answer.status == 407:
        return _FAILURE_TEXTS["proxy"]
    text = " ".join((body if isinstance(body, str) else answer.text())[:200].split())
    return f"the answer says {text!r}" if text else "the answer has no body"


def _reason(cause: BaseException) -> str:
    """The innermost reason in a chain of exceptions: the outer ones often say nothing."""
    seen: set[int] = set()
    reason = str(cause)
    inner: BaseException | None = cause
    while inner is not None and id(inner) not in seen:
        seen.add(id(inner))
        reason = str(inner) or reason
        inner = inner.__cause__ or inner.__context__
    return reason or type(cause).__name__
