"""Why a transport has no response, and what an exception of the network or of an HTTP library means for a call.

h11, httpx and httpx2 use the same names for the same failures. So the names decide, and none of the three is imported.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Literal, cast, get_args

from fibonacci._core.messages import DeadlineExceeded, HTTPResponse

TransportErrorKind = Literal[
    "never_sent",  # no connection, or none free: nothing reached the server
    "timeout_never_sent",  # the same, because the time was up
    "unknown",  # sent, and no complete response
    "timeout",  # sent, and the time was up before the complete response
    "too_large",  # the response is larger than max_response_bytes
    "tls",  # the certificate isn't trusted, or TLS failed for another reason
    "name",  # the host's name can't be resolved
    "proxy",  # the proxy refused
    "invalid",  # the request can't be sent as it is
    "broken",  # the HTTP library itself failed, and the request may have been sent
]
"""The kinds of a `TransportError`, as far as they matter for a retry.

Nothing reached the server: `never_sent`, `timeout_never_sent`, `tls`, `name`, `proxy`, `invalid`. The request may have
been carried out: `unknown` (no complete response), `timeout`, `too_large` (a response above the limit in bytes),
`broken` (the HTTP library failed).
"""


class TransportError(Exception):
    """A transport has no complete response.

    It never reaches your code: the call raises an `APIConnectionError` instead.

    Attributes:
        kind: What happened, as far as it matters for a retry. With `never_sent` and `timeout_never_sent`, nothing
            reached the server. With `unknown` and `timeout`, the request may have reached it. The others are
            `too_large`, `tls`, `name`, `proxy`, `invalid` and `broken`.
        cause: The exception that caused it. None if there is none.
        response: The part of the response that arrived, if its body was cut off or too large. None otherwise.
        proxy: The URL of the proxy on the way, without user and password. None if there is no proxy.

    Raises:
        TypeError: If the cause isn't an exception.
        ValueError: If the kind is unknown.

    Example:
        ```python
        from fibonacci.transports import TransportError

        refused = TransportError("never_sent", ConnectionRefusedError("nothing listens"))
        assert refused.kind == "never_sent"
        assert str(refused) == "never_sent: nothing listens"
        ```
    """

    def __init__(
        self,
        kind: TransportErrorKind,
        cause: BaseException | None = None,
        response: HTTPResponse | None = None,
        *,
        proxy: str | None = None,
    ) -> None:
        if kind not in get_args(TransportErrorKind):
            raise ValueError(f"kind must be one of {', '.join(get_args(TransportErrorKind))}, not {kind!r}")
        if cause is not None and not isinstance(cause, BaseException):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"cause must be an exception or None, not {type(cause).__name__}")
        super().__init__(kind)
        self.kind: TransportErrorKind = kind
        self.cause = cause
        self.response = response
        self.proxy = proxy

    def __str__(self) -> str:
        reason = "" if self.cause is None else f": {reason_of(self.cause) or type(self.cause).__name__}"
        return f"{self.kind}{f' through proxy {self.proxy}' if self.proxy else ''}{reason}"


_KINDS: dict[str, TransportErrorKind] = {
    "ConnectTimeout": "timeout_never_sent",
    "PoolTimeout": "timeout_never_sent",
    "ConnectError": "never_sent",
    "ProxyError": "proxy",
    "LocalProtocolError": "invalid",
    "UnsupportedProtocol": "invalid",
    "InvalidURL": "invalid",
    "UnicodeError": "name",  # a label of the host's name is empty or too long
    "DeadlineExceeded": "timeout",
    "ReadTimeout": "timeout",
    "WriteTimeout": "timeout",
    "RequestError": "unknown",  # the base of everything that httpx raises while it sends and receives
    "ProtocolError": "unknown",
    "EOFError": "unknown",
    "OSError": "unknown",
}

# What the transports of the SDK are built on.
_LIBRARIES = {"ssl", "h11", "h2", "hpack", "httpx", "httpcore", "httpx2", "httpcore2"}
# Texts of asyncio and trio without the reason, which the errno has.
_WITHOUT_REASON = ("Connect call failed ", "Error connecting to ")
# Texts of anyio and trio without the reason, which a cause has.
_VAGUE = ("All connection attempts failed", "all attempts to connect to ")
# The alerts by which a server refuses the client's certificate, or its lack. With TLS 1.3 the client gets them after
# its side of the handshake, when it may have sent its request: the server does not carry it out.
_CERTIFICATE_ALERTS = {
    *("ACCESS_DENIED", "BAD_CERTIFICATE", "CERTIFICATE_EXPIRED", "CERTIFICATE_REQUIRED", "CERTIFICATE_REVOKED"),
    *("CERTIFICATE_UNKNOWN", "DECRYPT_ERROR", "HANDSHAKE_FAILURE", "UNKNOWN_CA", "UNSUPPORTED_CERTIFICATE"),
}


def is_network_failure(error: Exception) -> bool:
    """Whether an exception came from the system, TLS, a protocol or a deadline, and so explains why a call failed.

    Any other exception was raised by a signal handler or a timer inside the call, such as Celery's
    `SoftTimeLimitExceeded`. It leaves the call as it is. So does an `OSError` without an errno, because the system
    always sets one.
    """
    if isinstance(error, OSError) and error.errno is not None:
        return True
    return isinstance(error, TransportError | DeadlineExceeded | EOFError | UnicodeError) or any(
        cls.__module__.partition(".")[0] in _LIBRARIES for cls in type(error).__mro__
    )


def transport_error_from(error: Exception, *, is_sent: bool = True) -> TransportError:
    """Return the transport error for an exception of the network or of an HTTP library.

    Args:
        error: An exception of sockets, TLS, h11, httpx or httpx2, recognized by its name. Any other becomes `broken`.
        is_sent: Whether a part of the request may have been sent before.

    Returns:
        A transport error with the exception as its `cause`. If the exception is a transport error already, it is
        returned as it is.
    """
    if isinstance(error, TransportError):
        return error
    kind = _kind_of(error)
    if not is_sent and kind == "unknown":
        kind = _connect_kind_of(error)
    return TransportError("timeout_never_sent" if kind == "timeout" and not is_sent else kind, error)


def _kind_of(error: Exception) -> TransportErrorKind:
    if isinstance(error, TimeoutError) and not error.errno:  # with an errno, the operating system gave up
        return "timeout"
    # An exception that no HTTP library raises is a bug, not a failure of the network.
    names = [cls.__name__ for cls in type(error).__mro__ if cls.__name__ in _KINDS]
    kind: TransportErrorKind = _KINDS[names[0]] if names else "broken"
    if kind == "never_sent":
        return _connect_kind_of(error)
    if kind == "invalid" and any(type(inner).__module__.partition(".")[0] == "h2" for inner in cause_chain(error)):
        # Over HTTP/2 a response that breaks the protocol has the name of a request that does.
        return "unknown"
    if kind == "unknown" and certificate_alert(error) is not None:
        return "tls"
    return kind


def _connect_kind_of(error: BaseException) -> TransportErrorKind:
    """Return why no connection was made. A failure that persists isn't worth a retry."""
    for inner in cause_chain(error):
        names = {cls.__name__ for cls in type(inner).__mro__}
        if "SSLError" in names:
            return "tls"
        if "gaierror" in names:
            return "name"
    return "never_sent"


def certificate_alert(error: BaseException) -> str | None:
    """Return the TLS alert if the server refused the client's certificate or its absence, otherwise None."""
    for inner in cause_chain(error):
        # Of a name such as TLSV13_ALERT_CERTIFICATE_REQUIRED, the last part.
        alert = str(getattr(inner, "reason", None)).rpartition("_ALERT_")[2]
        if alert in _CERTIFICATE_ALERTS:
            return alert
    return None


def cause_chain(error: BaseException, *, hidden: bool = True) -> Iterator[BaseException]:
    """Yield an exception, then its cause, then the cause of that, and so on.

    Args:
        error: The exception.
        hidden: Whether to include causes that `raise ... from None` hides.
    """
    seen: set[int] = set()
    inner: BaseException | None = error
    while inner is not None and id(inner) not in seen:
        seen.add(id(inner))
        yield inner
        inner = inner.__cause__ or (inner.__context__ if hidden or not inner.__suppress_context__ else None)


def reason_of(error: BaseException) -> str:
    """Return the text of the innermost exception of a chain that has a specific one, or an empty text."""
    chains = [*cause_chain(error, hidden=False)], [*cause_chain(error)]
    texts = [text for chain in chains for inner in reversed(chain) if (text := _text_of(inner))]
    return next((text for text in texts if not text.startswith(_VAGUE)), texts[0] if texts else "")


def _text_of(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        texts = [reason_of(inner) for inner in group.exceptions]
        return "; ".join(dict.fromkeys(filter(None, texts)))
    text = str(error)
    if text.startswith(("[Errno ", "[SSL: ", "[X509: ")):  # as in "[Errno 111] Connection refused"
        text = text.partition("] ")[2]
    if isinstance(error, OSError) and error.errno and text.startswith(_WITHOUT_REASON):
        text = os.strerror(error.errno)
    return text.partition(" (_ssl.c:")[0].removesuffix(".")  # a remedy may follow
