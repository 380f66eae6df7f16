"""From a response or a transport error to the error that a user sees: the one place where errors are made."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urljoin, urlsplit

from fibonacci._core.json_types import is_array, is_object
from fibonacci._core.messages import HTTPResponse
from fibonacci._core.response import TEXT_LIMIT, APIResponse, AttemptResult
from fibonacci._core.transport_errors import TransportError, TransportErrorKind, cause_chain, reason_of
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

# What went wrong at a server, or with the connection to it.
_TEXTS: dict[TransportErrorKind, str] = {
    "never_sent": "no connection to {}",
    "timeout_never_sent": "no connection to {}",
    "unknown": "the connection to {} broke before the complete response was received",
    "timeout": "no complete response from {}",
    "too_large": "the response from {} is larger than max_response_bytes",
    "tls": "no TLS connection to {}",
    "name": "no connection to {}, whose name cannot be resolved",
    "proxy": "no connection to {}",
    "invalid": "the request to {} cannot be sent as it is",
    "broken": "the transport failed in a request to {}",
}
_TIMEOUTS = ("timeout_never_sent", "timeout")
_PROXY_AUTH = "the proxy wants a user and password, as in HTTP_PROXY=http://user:password@proxy.example:3128"
# The reasons of OpenSSL, in its several versions, for bytes that are no TLS.
_NO_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG", "UNKNOWN_PROTOCOL", "HTTP_REQUEST")
_GATEWAY_STATUSES = frozenset({502, 503, 504, *range(520, 531)})
# How nginx, Apache and Go respond to http on a port for https.
_HTTP_TO_HTTPS_PORT = ("sent to https port", "speaking plain http to an ssl-enabled", "http request to an https server")


def describe(result: AttemptResult) -> str:
    """Return the result of an attempt in a few words."""
    if isinstance(result, APIResponse):
        return f"status {result.status}"
    through = " through a proxy" if result.kind == "proxy" else ""
    return _TEXTS[result.kind].format(f"the server{through}") + (" in time" if result.kind in _TIMEOUTS else "")


def is_quota_error(response: APIResponse) -> bool:
    """Whether a 429 is about a plan's quota (choice: by its code), which no short wait will lift."""
    code = _error_fields(response.readable_body())[0] or ""
    return "quota" in code or "daily" in code


def status_error(response: APIResponse, *, base_url: str = "", path: str = "") -> APIStatusError:
    """Return the error for a response with an error status, or with a redirect, which is never followed.

    Args:
        response: The response.
        base_url: The client's base URL, for the remedies.
        path: The request's path below it.
    """
    body = response.readable_body()
    code, message, details = _error_fields(body)
    if not message:
        message = _message_without_envelope(response, body, base_url, path)
        if code is None:
            message += _hint_without_envelope(response, base_url, path)
    error = _error_class(response, code)(message, code=code, details=details)
    error.status_code = response.status
    error.body = body
    error.headers = response.headers
    if isinstance(error, RateLimitError):
        error.retry_after = response.retry_after
        error.rate_limit = response.rate_limit
    return error


def connection_error(error: TransportError, *, base_url: str, is_time_up: bool) -> APIConnectionError:
    """Return the error for a request that brought no complete response.

    Args:
        error: Why there is none.
        base_url: The client's base URL, which names host and port.
        is_time_up: Whether no time of the call remains.
    """
    made = (APITimeoutError if error.kind in _TIMEOUTS else APIConnectionError)(
        _connection_text(error, _address(base_url), is_time_up=is_time_up) + _connection_remedy(error, base_url)
    )
    made.__cause__ = error.cause
    return made


def too_large_error(response: HTTPResponse, *, received_at: float, api_key: str) -> APIResponseError:
    """Return the error for a response that is larger than the client accepts."""
    readable = APIResponse(response, received_at=received_at, limit=TEXT_LIMIT, api_key=api_key)
    return response_error(readable, "the response is larger than max_response_bytes")


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


def _connection_text(error: TransportError, address: str, *, is_time_up: bool) -> str:
    reason = "" if error.cause is None else reason_of(error.cause)
    if error.cause is not None and (error.kind == "broken" or not reason) and error.kind not in _TIMEOUTS:
        reason = f"{type(error.cause).__name__}{f': {reason}' if reason else ''}"
    through = f" through proxy {error.proxy}" if error.proxy else " through a proxy" if error.kind == "proxy" else ""
    if error.kind == "unknown" and _is_not_http(error.cause):
        return f"the response from {address}{through} is not HTTP/1.1: {reason}"
    text = _TEXTS[error.kind].format(address + through)
    if error.kind in _TIMEOUTS:
        if is_time_up and reason.endswith(("timed out", "the call's time is up")):
            reason = ""
        text += " within the call's time" if is_time_up else "" if reason else " in time"
    # A reason that begins like the text goes on with it: "no connection to ... within connect_timeout (5 s)".
    goes_on = error.kind == "timeout_never_sent" and not is_time_up and reason.removeprefix("no connection ")
    if goes_on and goes_on != reason:
        return f"{text} {goes_on}"
    return f"{text}: {reason}" if reason else text


def _connection_remedy(error: TransportError, base_url: str) -> str:
    reason = "" if error.cause is None else reason_of(error.cause)
    if error.kind == "proxy":
        if "407" in reason.split():
            return f"; {_PROXY_AUTH.replace('HTTP_PROXY', 'HTTPS_PROXY')}"
        return "; check HTTPS_PROXY, HTTP_PROXY and ALL_PROXY, and the user and password in them"
    if error.kind == "name":
        where = "HTTPS_PROXY, HTTP_PROXY and ALL_PROXY" if error.proxy else "base_url"
        return f"; check {where} and the network's name service"
    if error.kind == "tls" and error.cause is not None:
        return _tls_remedy(error.cause, is_proxy_behind_tls=(error.proxy or "").startswith("https:"))
    # So h11 calls bytes that are no text. Some servers only close the connection.
    is_tls_likely = reason.startswith("illegal request line") or _address(base_url).endswith("443")
    if error.kind == "unknown" and base_url.startswith("http:") and is_tls_likely:
        return "; if the server speaks TLS on this port, base_url should begin with https://"
    return ""


def _tls_remedy(cause: BaseException, *, is_proxy_behind_tls: bool) -> str:
    if any(getattr(inner, "reason", None) in _NO_TLS for inner in cause_chain(cause)):
        who = "the proxy or the server" if is_proxy_behind_tls else "the server"
        url = "HTTPS_PROXY or base_url" if is_proxy_behind_tls else "base_url"
        return f"; {who} does not speak TLS on this port: {url} should begin with http://, or name another port"
    return (
        "; if a private authority signed the certificate, pass ca_bundle=... or set SSL_CERT_FILE;"
        " if it has expired or names another host, fix the server's certificate"
    )


def _is_not_http(cause: BaseException | None) -> bool:
    """Whether something was received that is not HTTP/1.1, as h11 says, and not only too little of it."""
    return cause is not None and any(
        type(inner).__module__.startswith("h11") and "closed connection" not in str(inner)
        for inner in cause_chain(cause)
    )


def _address(base_url: str) -> str:
    """Return the host and port of a URL."""
    parts = urlsplit(base_url)
    return parts.netloc if parts.port else f"{parts.netloc}:{443 if parts.scheme == 'https' else 80}"


def _message_without_envelope(response: APIResponse, body: Any, base_url: str, path: str) -> str:
    if response.status == 304:
        return "the response says that nothing has changed, which the request did not ask; check the cache in between"
    if 300 <= response.status < 400:
        return _redirect_message(response, base_url, path)
    if response.status == 407:
        return _PROXY_AUTH
    text = " ".join((body if isinstance(body, str) else response.text())[:200].split())
    return f"the response says {text!r}" if text else "the response has no body"


def _redirect_message(response: APIResponse, base_url: str, path: str) -> str:
    location = response.headers.get("location", "")
    if not location:
        return "the server redirects, and does not say where"
    try:
        parts = urlsplit(urljoin(base_url + path, location))
    except ValueError:
        return "the server redirects to what is no URL"
    # What is before the host or in the query may be a secret.
    target = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    moved = target.removesuffix(path.partition("?")[0])
    remedy = f"; if you trust that address, pass base_url={moved!r}" if moved not in (target, base_url) else ""
    return f"the server redirects to {target[:200]!r}; that is not followed, as the key must not go elsewhere{remedy}"


def _hint_without_envelope(response: APIResponse, base_url: str, path: str) -> str:
    """Return what is to be known about a response that the platform would have given in another form."""
    said = response.text()[:1000].lower()
    if response.status == 400 and base_url.startswith("http:") and any(text in said for text in _HTTP_TO_HTTPS_PORT):
        return "; the server speaks TLS on this port: base_url should begin with https://"
    if response.status in (404, 405) and base_url and not re.search(r"/v\d+(/|$)", urlsplit(base_url + path).path):
        return f"; base_url is {base_url}, which may lack /v1"
    if response.status in _GATEWAY_STATUSES and (response.status != 503 or _is_from_gateway(response, said)):
        return "; a gateway or proxy in between responded, not the platform"
    return ""


def _is_from_gateway(response: APIResponse, said: str) -> bool:
    return said.lstrip().startswith("<") or any(name == "via" or name.startswith("proxy-") for name in response.headers)
