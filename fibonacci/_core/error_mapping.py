"""From a response or a transport error to the error that a user sees: the one place where errors are made."""

from __future__ import annotations

from typing import Any

from fibonacci._core.json_types import is_array, is_object
from fibonacci._core.messages import HTTPResponse
from fibonacci._core.response import TEXT_LIMIT, APIResponse, AttemptResult
from fibonacci._core.transport_errors import TransportError, TransportErrorKind, cause_chain, certificate_alert
from fibonacci.errors import (
    APIConnectionError,
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

_TEXTS: dict[TransportErrorKind, str] = {
    "never_sent": "no connection to the server",
    "timeout_never_sent": "no connection to the server within the call's time",
    "unknown": "the connection broke before the complete response was received",
    "timeout": "no complete response within the call's time",
    "too_large": "the response is larger than max_response_bytes",
    "tls": "TLS failed",
    "name": "the host's name cannot be resolved; check base_url and the network's name service",
    "proxy": "the proxy refused; check HTTPS_PROXY, HTTP_PROXY and ALL_PROXY, and the user and password in them",
    "invalid": "the request cannot be sent as it is",
    "broken": "the transport failed",
}


def describe(result: AttemptResult) -> str:
    """Return the result of an attempt in a few words."""
    if isinstance(result, APIResponse):
        return f"status {result.status}"
    return _TEXTS[result.kind].partition(";")[0]


def is_quota_error(response: APIResponse) -> bool:
    """Whether a 429 is about a plan's quota (choice: by its code), which no short wait will lift."""
    code = _error_fields(response.readable_body())[0] or ""
    return "quota" in code or "daily" in code


def status_error(response: APIResponse) -> APIStatusError:
    """Return the error for a response with an error status, or with a redirect, which is never followed."""
    body = response.readable_body()
    code, message, details = _error_fields(body)
    error = _error_class(response, code)(message or _fallback_message(response, body), code=code, details=details)
    error.status_code = response.status
    error.body = body
    error.headers = response.headers
    if isinstance(error, RateLimitError):
        error.retry_after = response.retry_after
        error.rate_limit = response.rate_limit
    return error


def connection_error(error: TransportError) -> APIConnectionError:
    """Return the error for a request that brought no complete response."""
    timed_out = error.kind in ("timeout", "timeout_never_sent")
    reason = "" if timed_out or error.cause is None else f": {_reason(error.cause)}"
    if error.kind == "broken" and error.cause is not None:
        reason = f": {type(error.cause).__name__}{reason}"
    remedy = _tls_remedy(error.cause, reason) if error.kind == "tls" and error.cause is not None else ""
    made = (APITimeoutError if timed_out else APIConnectionError)(_TEXTS[error.kind] + remedy + reason)
    made.__cause__ = error.cause
    return made


def too_large_error(response: HTTPResponse, *, received_at: float, api_key: str) -> APIResponseError:
    """Return the error for a response that is larger than the client accepts."""
    readable = APIResponse(response, received_at=received_at, limit=TEXT_LIMIT, api_key=api_key)
    return response_error(readable, _TEXTS["too_large"])


def response_error(response: APIResponse, problem: str) -> APIResponseError:
    """Return the error for a success that cannot be read."""
    kind = response.content_type or "no content type"
    begins = " ".join(response.text()[:200].split())
    hint = ""
    if "html" in kind.lower() or begins.startswith("<"):
        hint = "; a proxy or a login page seems to have responded in place of the platform"
    error = APIResponseError(f"{problem}: {kind}, beginning {begins[:120]!r}{hint}" if begins else f"{problem}: {kind}")
    error.status_code = response.status
    error.content_type = response.content_type
    error.body = response.text()
    return error


def _tls_remedy(cause: BaseException, reason: str) -> str:
    if "certificate verify failed" in reason:
        return (
            "; if a private authority signed the certificate, pass ca_bundle=... or set SSL_CERT_FILE;"
            " if it has expired or names another host, fix the server's certificate"
        )
    alert = certificate_alert(cause)
    if alert is None:
        return ""
    if alert in ("BAD_CERTIFICATE", "CERTIFICATE_REQUIRED", "HANDSHAKE_FAILURE"):
        # Each of them is how some server says that it was shown no certificate.
        return "; the server asks for a client certificate: pass client_cert=... with one that it accepts"
    return "; the server does not accept the client certificate: pass client_cert=... with one that it accepts"


def _error_class(response: APIResponse, code: str | None) -> type[APIStatusError]:
    if response.status == 429:
        return QuotaExceededError if is_quota_error(response) else RateLimitError
    if code == "validation_error":
        return ValidationError
    return _BY_STATUS.get(response.status, ServerError if response.status >= 500 else APIStatusError)


def _error_fields(body: Any) -> tuple[str | None, str | None, list[Any]]:
    """Return code, message and details of the documented error envelope, as far as they are there."""
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


def _fallback_message(response: APIResponse, body: Any) -> str:
    if 300 <= response.status < 400:
        target = response.headers.get("location", "nowhere")
        return f"the server redirects to {target[:200]!r}; that is not followed, as the key must not go elsewhere"
    if response.status == 407:
        return _TEXTS["proxy"]
    text = " ".join((body if isinstance(body, str) else response.text())[:200].split())
    return f"the response says {text!r}" if text else "the response has no body"


def _reason(cause: BaseException) -> str:
    """Return the innermost reason in a chain of exceptions: the outer ones often say nothing."""
    reasons = [text for error in cause_chain(cause) if (text := str(error))]
    return reasons[-1] if reasons else type(cause).__name__
