"""From a response or a transport error to the error that a user sees: the one place where errors are made."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urljoin, urlsplit

from pydantic_core import to_json

from fibonacci._core import redirection
from fibonacci._core.json_bodies import is_array, is_object
from fibonacci._core.messages import HTTPResponse
from fibonacci._core.response import TEXT_LIMIT, APIResponse, AttemptResult
from fibonacci._core.transport_errors import (
    TransportError,
    TransportErrorKind,
    cause_chain,
    certificate_alert,
    reason_of,
)
from fibonacci._core.urls import FilledPath
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
_PHASES = {
    "queue": "while waiting for a free connection",
    "dns": "during the name lookup",
    "connect": "while connecting",
    "tls": "during the TLS handshake",
    "send": "while sending the request",
    "wait": "while waiting for the response",
    "body": "while reading the body",
}
#: The kinds that mean that time was up.
TIMEOUTS = ("timeout_never_sent", "timeout")
#: The remedy where a proxy responds with 407.
PROXY_AUTH = "the proxy needs a user and password, as in HTTP_PROXY=http://user:password@proxy.example:3128"
# The reasons of OpenSSL, in its several versions, for bytes that aren't TLS.
_NO_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG", "UNKNOWN_PROTOCOL", "HTTP_REQUEST")


def short_text(error: TransportError) -> str:
    """Return what went wrong in a few words, without the address."""
    through = " through a proxy" if error.kind == "proxy" else ""
    return _TEXTS[error.kind].format(f"the server{through}") + (" in time" if error.kind in TIMEOUTS else "")


def connection_text(error: TransportError, base_url: str, *, is_time_up: bool, phase: str | None = None) -> str:
    """Return where a connection failed, and why: the message of its error without the remedy.

    Args:
        error: The failure.
        base_url: The client's base URL.
        is_time_up: Whether no time of the call remains.
        phase: What the call was doing. None if it isn't known.
    """
    address = _address(base_url)
    reason = "" if error.cause is None else reason_of(error.cause)
    if error.cause is not None and (error.kind == "broken" or not reason) and error.kind not in TIMEOUTS:
        reason = f"{type(error.cause).__name__}{f': {reason}' if reason else ''}"
    through = f" through proxy {error.proxy}" if error.proxy else " through a proxy" if error.kind == "proxy" else ""
    if error.kind == "unknown" and _is_not_http(error.cause):
        return f"the response from {address}{through} is not HTTP/1.1: {reason}"
    text = _TEXTS[error.kind].format(address + through)
    during = _during(phase, error.proxy or "")
    if error.kind == "timeout_never_sent" and reason.startswith("no connection "):
        limit, colon, detail = reason.removeprefix("no connection").partition(": ")
        return f"{text}{limit}{during}{colon}{detail}"  # such as "within connect_timeout (5 s)"
    if error.kind in TIMEOUTS:
        if is_time_up:  # the end of the text says so already
            reason = "" if reason.endswith("timed out") else reason.removeprefix("the call's time is up").lstrip(": ")
        text += (" within the call's time" if is_time_up else "" if reason else " in time") + during
    return f"{text}: {reason}" if reason else text


def _during(phase: str | None, proxy: str) -> str:
    if phase == "proxy":
        asked = "to connect" if proxy.startswith("socks") else "to respond to CONNECT"
        return f", while waiting for the proxy {asked}"
    return f", {_PHASES[phase]}" if phase in _PHASES else ""


def connection_remedy(error: TransportError, base_url: str) -> str:
    """Return what to do about a failed connection. Empty if there is nothing particular."""
    reason = "" if error.cause is None else reason_of(error.cause)
    if error.kind == "proxy":
        if "with status 407" in reason:
            return f". The{PROXY_AUTH.removeprefix('the').replace('HTTP_PROXY', 'HTTPS_PROXY')}"
        is_refusal = "responded to CONNECT" in reason
        permits = ", and whether the proxy allows this host" if is_refusal else ""
        return f". Check HTTPS_PROXY, HTTP_PROXY and ALL_PROXY{permits}"
    if error.kind == "name":
        where = "HTTPS_PROXY, HTTP_PROXY and ALL_PROXY" if error.proxy else "the base URL"
        return f". Check {where} and the network's DNS"
    if error.kind == "never_sent" and (emulator := redirection.ended.get(base_url)):
        text = f". An emulator of {emulator} had this address, and has ended"
        return f"{text}. Create the client in the test, or leave out base_url"
    if error.kind == "tls" and error.cause is not None:
        return _tls_remedy(error.cause, reason, is_proxy_behind_tls=(error.proxy or "").startswith("https:"))
    # h11's text for bytes that are not text. Some servers only close the connection.
    is_tls_likely = reason.startswith("illegal request line") or _address(base_url).endswith("443")
    if error.kind == "unknown" and base_url.startswith("http:") and is_tls_likely:
        return ". If the server uses TLS on this port, the base URL should begin with https://"
    return ""


def _tls_remedy(cause: BaseException, reason: str, *, is_proxy_behind_tls: bool) -> str:
    if any(getattr(inner, "reason", None) in _NO_TLS for inner in cause_chain(cause)):
        who = "The proxy or the server" if is_proxy_behind_tls else "The server"
        proxy = "HTTPS_PROXY or " if is_proxy_behind_tls else ""
        text = f". {who} does not use TLS on this port: {proxy}"
        return f"{text}the base URL should begin with http://, or name another port"
    if "certificate verify failed" in reason:
        return (
            ". If a private CA issued the certificate, pass ca_bundle=... or set SSL_CERT_FILE. If it has expired "
            "or names another host, fix the server's certificate"
        )
    alert = certificate_alert(cause)
    if alert is None:
        return ""
    # Servers differ in which of these they send when the client has no certificate.
    is_missing = alert in ("BAD_CERTIFICATE", "CERTIFICATE_REQUIRED", "HANDSHAKE_FAILURE")
    fault = "asks for a client certificate" if is_missing else "does not accept the client certificate"
    return f". The server {fault}. In Python, pass client_cert=... with one that it accepts"


def _is_not_http(cause: BaseException | None) -> bool:
    """Whether h11 has rejected what was received, and not only missed the rest of it."""
    return cause is not None and any(
        type(inner).__module__.startswith("h11") and "closed connection" not in str(inner)
        for inner in cause_chain(cause)
    )


def _address(base_url: str) -> str:
    """Return the host and port of a URL."""
    parts = urlsplit(base_url)
    return parts.netloc if parts.port else f"{parts.netloc}:{443 if parts.scheme == 'https' else 80}"


_GATEWAY_STATUSES = frozenset({502, 503, 504, *range(520, 531)})
# How nginx, Apache and Go respond to http on a port for https.
_HTTP_TO_HTTPS_PORT = ("sent to https port", "speaking plain http to an ssl-enabled", "http request to an https server")


def other_api(api_version: str) -> str:
    """Return what to do about a response in the form of the API that the client doesn't speak."""
    if api_version == "v1":
        who, remedy = "API of fibonacci-sdk 0.2.4", 'api_version="0.2" and the base URL to its root'
    else:
        who, remedy = "documented API", 'api_version="v1" and the base URL to one that ends in /v1'
    return f". The {who} responds like this. If that's your server's API, set {remedy}"


def is_of_other_api(body: object, api_version: str) -> bool:
    """Whether a decoded error has the form of the API that the client doesn't speak."""
    if not is_object(body):
        return False
    if api_version == "v1":
        return body.keys() == {"detail"}
    error = body.get("error")
    return is_object(error) and isinstance(error.get("code"), str)


def text_without_envelope(response: APIResponse, body: object, base_url: str, path: str) -> str:
    """Return the message for an error status whose body isn't in the form of the platform's errors."""
    if response.status == 304:
        return "the response says that nothing has changed, which the request did not ask. Check the cache in between"
    if 300 <= response.status < 400:
        return _redirect_message(response, base_url, path)
    if response.status == 407:
        return PROXY_AUTH
    text = " ".join((body if isinstance(body, str) else response.text())[:200].split())
    return f"the response says {text!r}" if text else "the response has no body"


def _redirect_message(response: APIResponse, base_url: str, path: str) -> str:
    location = response.headers.get("location", "")
    if not location:
        return "the server redirects without saying where"
    try:
        parts = urlsplit(urljoin(base_url + path, location))
    except ValueError:
        return "the server redirects to something that is not a URL"
    # What is before the host or in the query may be a secret.
    target = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    moved = target.removesuffix(path.partition("?")[0])
    text = (
        f"the server redirects to {target[:200]!r}. The SDK doesn't follow redirects, because they could send the API"
        " key elsewhere"
    )
    if moved in (target, base_url):
        return text
    return f"{text}. If you trust that address, set the base URL to {moved!r}"


def hint_without_envelope(response: APIResponse, base_url: str, path: str) -> str:
    """Return where such a response probably came from, and the remedy. Empty if nothing indicates either."""
    body = response.text()[:1000].lower()
    if response.status == 400 and base_url.startswith("http:") and any(text in body for text in _HTTP_TO_HTTPS_PORT):
        return ". The server uses TLS on this port: the base URL should begin with https://"
    if response.status in (404, 405) and (hint := hint_without_version(base_url, path)):
        return hint
    if response.status in _GATEWAY_STATUSES and (response.status != 503 or _is_from_gateway(response, body)):
        return ". A gateway or proxy responded, not the platform"
    return ""


def hint_without_version(base_url: str, path: str) -> str:
    """Return that the base URL has no `/v1`. Empty if it has a version, or the path does."""
    if not base_url or re.search(r"/v\d+(/|$)", urlsplit(base_url + path).path):
        return ""
    return f". The base URL {base_url} has no /v1"


def is_path_unknown(path: str, details: Sequence[Any]) -> bool:
    """Whether a 404 in the form of the platform's errors is about the path, and not about an object that it names."""
    if isinstance(path, FilledPath) and "{" not in path.template:  # it names none
        return True
    return any(is_object(detail) and detail.get("field") == "path" for detail in details)


def is_object_missing(response: APIResponse, path: str, api_version: str) -> bool:
    """Whether a 404 is the platform's own word that it doesn't have the object that a path names."""
    body = response.readable_body
    _, message, details = _error_fields(body)
    return _is_platforms(body, message, api_version) and not is_path_unknown(path, details)


def _is_platforms(body: Any, message: str | None, api_version: str) -> bool:
    return bool(message) and (api_version == "0.2" or "error" in body)


def _is_from_gateway(response: APIResponse, body: str) -> bool:
    return is_html(body) or any(name == "via" or name.startswith("proxy-") for name in response.headers)


def is_html(body: str) -> bool:
    """Whether a body is a page of HTML, which gateways and proxies respond with and the platform never does."""
    return body.lstrip("\ufeff\t\n\r ").startswith("<")


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
"""How the place of a fault begins: with a part of the request."""


def describe(result: AttemptResult) -> str:
    """Return the result of an attempt in a few words."""
    if isinstance(result, APIResponse):
        return f"status {result.status}"
    return short_text(result)


def is_quota_error(response: APIResponse) -> bool:
    """Whether a 429 is about a plan's quota (choice: by its code), which no short wait will lift."""
    code = _error_fields(response.readable_body)[0] or ""
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
    body = response.readable_body
    code, message, details = _error_fields(body)
    is_platforms = _is_platforms(body, message, api_version)
    hint = ""
    if response.status in (404, 405, 422) and is_of_other_api(body, api_version):
        hint = other_api(api_version)
    elif not is_platforms and code is None:
        hint = hint_without_envelope(response, base_url, path)
    elif is_platforms and response.status == 404 and is_path_unknown(path, details):
        hint = hint_without_version(base_url, path)
    message = message or text_without_envelope(response, body, base_url, path)
    if hint:
        message = f"{message.rstrip('.')}{hint}"
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
        phase: What the call was doing. None if it isn't known.
    """
    made = (APITimeoutError if error.kind in TIMEOUTS else APIConnectionError)(
        f"{connection_text(error, base_url, is_time_up=is_time_up, phase=phase)}{connection_remedy(error, base_url)}"
    )
    made.phase = phase
    made.__cause__ = error.cause
    return made


def too_large_error(response: HTTPResponse, *, received_at: float, api_key: str) -> APIResponseError:
    """Return the error for a response that is larger than the client accepts."""
    readable = APIResponse(response, received_at=received_at, limit=TEXT_LIMIT, api_key=api_key)
    return response_error(readable, "the response is larger than max_response_bytes")


def response_error(response: APIResponse, problem: str, hint: str = "") -> APIResponseError:
    """Return the error for a success that can't be read.

    Args:
        response: The response.
        problem: Why it can't.
        hint: What to do about it. Empty if that isn't known.
    """
    kind = response.content_type or "no content type"
    text = response.text()
    begins = " ".join(text[:200].split())
    if "html" in kind.lower() or is_html(text):
        hint = ". A proxy or a login page seems to have responded instead of the platform"
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
    details = [_documented_fault(fault) for fault in (detail if is_array(detail) else [detail])]
    return "; ".join(": ".join(filter(None, (fault["field"], fault["message"]))) for fault in details), details


def _documented_fault(fault: Any) -> dict[str, Any]:
    """Return one of several faults, with the documented field names added to its own."""
    own = fault if is_object(fault) else {}
    place = own.get("loc")
    parts = [str(part) for part in place] if is_array(place) else []
    message = own.get("msg") or own.get("message") or to_json(fault, inf_nan_mode="constants").decode()
    return {**own, "field": ".".join(parts[1:] if parts[:1] in _PARTS else parts), "message": str(message)}
