"""The text of an error for a connection that failed: where, why, and the remedy."""

from __future__ import annotations

from urllib.parse import urlsplit

from fibonacci._core.transport_errors import (
    TransportError,
    TransportErrorKind,
    cause_chain,
    certificate_alert,
    reason_of,
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
# The reasons of OpenSSL, in its several versions, for bytes that are no TLS.
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
        phase: What the call was doing; None when it is not known.
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
    """Return what to do about a failed connection; empty when there is nothing particular."""
    reason = "" if error.cause is None else reason_of(error.cause)
    if error.kind == "proxy":
        if "with status 407" in reason:
            return f"; {PROXY_AUTH.replace('HTTP_PROXY', 'HTTPS_PROXY')}"
        is_refusal = "responded to CONNECT" in reason
        permits = ", and whether the proxy permits this host" if is_refusal else ""
        return f"; check HTTPS_PROXY, HTTP_PROXY and ALL_PROXY{permits}"
    if error.kind == "name":
        where = "HTTPS_PROXY, HTTP_PROXY and ALL_PROXY" if error.proxy else "base_url"
        return f"; check {where} and the network's name service"
    if error.kind == "tls" and error.cause is not None:
        return _tls_remedy(error.cause, reason, is_proxy_behind_tls=(error.proxy or "").startswith("https:"))
    # h11's text for bytes that are not text. Some servers only close the connection.
    is_tls_likely = reason.startswith("illegal request line") or _address(base_url).endswith("443")
    if error.kind == "unknown" and base_url.startswith("http:") and is_tls_likely:
        return "; if the server speaks TLS on this port, base_url should begin with https://"
    return ""


def _tls_remedy(cause: BaseException, reason: str, *, is_proxy_behind_tls: bool) -> str:
    if any(getattr(inner, "reason", None) in _NO_TLS for inner in cause_chain(cause)):
        who = "the proxy or the server" if is_proxy_behind_tls else "the server"
        url = "HTTPS_PROXY or base_url" if is_proxy_behind_tls else "base_url"
        return f"; {who} does not speak TLS on this port: {url} should begin with http://, or name another port"
    if "certificate verify failed" in reason:
        return (
            "; if a private authority signed the certificate, pass ca_bundle=... or set SSL_CERT_FILE;"
            " if it has expired or names another host, fix the server's certificate"
        )
    alert = certificate_alert(cause)
    if alert is None:
        return ""
    if alert in ("BAD_CERTIFICATE", "CERTIFICATE_REQUIRED", "HANDSHAKE_FAILURE"):
        # Servers differ in which of these they send when the client has no certificate.
        return "; the server asks for a client certificate: pass client_cert=... with one that it accepts"
    return "; the server does not accept the client certificate: pass client_cert=... with one that it accepts"


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
