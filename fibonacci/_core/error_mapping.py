"""From a response or a transport error to the error that a user sees: the one place where errors are made."""

from __future__ import annotations

from typing import Any

from pydantic_core import to_json

from fibonacci._core.connection_texts import TIMEOUTS, connection_remedy, connection_text, short_text
from fibonacci._core.json_types import is_array, is_object
from fibonacci._core.messages import HTTPResponse
from fibonacci._core.response import TEXT_LIMIT, APIResponse, AttemptResult
from fibonacci._core.response_texts import (
    OTHER_API,
    hint_without_envelope,
    hint_without_version,
    is_of_other_api,
    is_path_unknown,
    text_without_envelope,
)
from fibonacci._core.transport_errors import TransportError
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


_PARTS = (["body"], ["query"], ["path"])
"""The parts of a request that the place of a fault begins with."""


def describe(result: AttemptResult) -> str:
    """Return the result of an attempt in a few words."""
    if isinstance(result, APIResponse):
        return f"status {result.status}"
    return short_text(result)


def is_quota_error(response: APIResponse) -> bool:
    """Whether a 429 is about a plan's quota (choice: by its code), which no short wait will lift."""
    code = _error_fields(response.readable_body())[0] or ""
    return "quota" in code or "daily" in code


def status_error(
    response: APIResponse, *, base_url: str = "", path: str = "", api_version: str = "v1"
) -> APIStatusError:
    """Return the error for a response with an error status, or with a redirect, which is never followed.

    Args:
        response: The response.
        base_url: The client's base URL, for the remedies.
        path: The request's path below it.
        api_version: The API that the client speaks.
    """
    body = response.readable_body()
    code, message, details = _error_fields(body)
    is_platforms = bool(message) and (api_version == "0.2" or "error" in body)
    hint = ""
    if response.status in (404, 405, 422) and is_of_other_api(body, api_version):
        hint = OTHER_API[api_version]
    elif not is_platforms and code is None:
        hint = hint_without_envelope(response, base_url, path)
    elif is_platforms and response.status == 404 and is_path_unknown(path, details):
        hint = hint_without_version(base_url, path)
    message = message or text_without_envelope(response, body, base_url, path)
    if hint:
        message = message.rstrip(".") + hint
    error = _error_class(response, code)(message, code=code, details=details)
    error.status_code = response.status
    error.body = body
    error.headers = response.headers
    error.retry_after = response.retry_after
    error.rate_limit = response.rate_limit
    return error


def connection_error(
    error: TransportError, *, base_url: str, is_time_up: bool, phase: str | None = None
) -> APIConnectionError:
    """Return the error for a request that brought no complete response.

    Args:
        error: Why there is none.
        base_url: The client's base URL, which names host and port.
        is_time_up: Whether no time of the call remains.
        phase: What the call was doing; None when it is not known.
    """
    made = (APITimeoutError if error.kind in TIMEOUTS else APIConnectionError)(
        connection_text(error, base_url, is_time_up=is_time_up, phase=phase) + connection_remedy(error, base_url)
    )
    made.phase = phase
    made.__cause__ = error.cause
    return made


def too_large_error(response: HTTPResponse, *, received_at: float, api_key: str) -> APIResponseError:
    """Return the error for a response that is larger than the client accepts."""
    readable = APIResponse(response, received_at=received_at, limit=TEXT_LIMIT, api_key=api_key)
    return response_error(readable, "the response is larger than max_response_bytes")


def response_error(response: APIResponse, problem: str, hint: str = "") -> APIResponseError:
    """Return the error for a success that cannot be read.

    Args:
        response: The response.
        problem: Why it cannot.
        hint: What to do about it; empty when that is not known.
    """
    kind = response.content_type or "no content type"
    text = response.text()
    begins = " ".join(text[:200].split())
    if "html" in kind.lower() or begins.startswith("<"):
        hint = "; a proxy or a login page seems to have responded in place of the platform"
    error = APIResponseError(f"{problem}: {kind}, beginning {begins[:120]!r}{hint}" if begins else f"{problem}: {kind}")
    error.status_code = response.status
    error.content_type = response.content_type
    error.body = text
    return error


def _error_class(response: APIResponse, code: str | None) -> type[APIStatusError]:
    if response.status == 429:
        return QuotaExceededError if is_quota_error(response) else RateLimitError
    if code == "validation_error":
        return ValidationError
    return _BY_STATUS.get(response.status, ServerError if response.status >= 500 else APIStatusError)


def _error_fields(body: Any) -> tuple[str | None, str | None, list[Any]]:
    """Return code, message and details of an error, as far as they are there.

    They are in the documented envelope, or in the `detail` of the API of 0.2.4.
    """
    if not is_object(body):
        return None, None, []
    if "error" not in body and "detail" in body:
        return None, *_of_detail(body["detail"])
    error = body.get("error")
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


def _of_detail(detail: Any) -> tuple[str, list[Any]]:
    """Return the message and the details of what is wrong: a text, or a list of faults."""
    if isinstance(detail, str):
        return detail, []
    details = [_documented_fault(each) for each in (detail if is_array(detail) else [detail])]
    return "; ".join(": ".join(filter(None, (each["field"], each["message"]))) for each in details), details


def _documented_fault(fault: Any) -> dict[str, Any]:
    """Return one of several faults with the names of the documented ones beside its own."""
    own = fault if is_object(fault) else {}
    place = own.get("loc")
    parts = [str(part) for part in place] if is_array(place) else []
    message = own.get("msg") or own.get("message") or to_json(fault, inf_nan_mode="constants").decode()
    return {**own, "field": ".".join(parts[1:] if parts[:1] in _PARTS else parts), "message": str(message)}
