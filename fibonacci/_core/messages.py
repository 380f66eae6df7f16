"""What passes between the transport and a sender: plain bytes, and the ways in which sending fails.

The classes are written out, as a dataclass costs a first call half a millisecond to make.
"""

from __future__ import annotations

from typing import Literal

TransportErrorKind = Literal[
    "never_sent",  # no connection came about, or none was free: nothing reached the server
    "timeout_never_sent",  # the same, for want of time
    "unknown",  # sent, and no whole answer came back
    "timeout",  # sent, and the time was up before the whole answer came back
    "too_large",  # the answer is larger than the client takes
    "tls",  # the certificate is not trusted, or TLS failed otherwise
    "name",  # the host's name is not known
    "proxy",  # the proxy refused
    "invalid",  # the request cannot be sent as it is
    "broken",  # the HTTP client itself failed; the request may have been sent
]


class HTTPRequest:
    """One HTTP request.

    Attributes:
        method: The HTTP method.
        origin: Scheme, host and port, such as `https://api.fibonacci.dev`.
        target: Path and query, encoded.
        headers: Names in lower case, and values.
        body: The body; empty for none.
    """

    __slots__ = ("body", "headers", "method", "origin", "target")

    def __init__(self, method: str, origin: str, target: str, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        self.method: str = method
        self.origin: str = origin
        self.target: str = target
        self.headers: list[tuple[bytes, bytes]] = headers
        self.body: bytes = body


class HTTPResponse:
    """One HTTP response.

    Attributes:
        status: The HTTP status.
        headers: Names and values as they came.
        body: The body as it came, still compressed.
        decoded: Whether the sender has already undone the compression.
    """

    __slots__ = ("body", "decoded", "headers", "status")

    def __init__(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes, *, decoded: bool = False) -> None:
        self.status: int = status
        self.headers: list[tuple[bytes, bytes]] = headers
        self.body: bytes = body
        self.decoded: bool = decoded


class TransportError(Exception):
    """A sender could not bring back a whole answer. It never leaves the transport.

    Attributes:
        kind: What happened, as far as it matters for what may be done next.
        response: What had come of an answer when the body was cut or too large; None when no head had come.
    """

    def __init__(
        self, kind: TransportErrorKind, cause: BaseException | None, response: HTTPResponse | None = None
    ) -> None:
        super().__init__(kind)
        self.kind: TransportErrorKind = kind
        self.cause = cause
        self.response = response
