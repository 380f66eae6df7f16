"""HTTP messages as a transport sends and receives them: plain bytes, nothing decoded."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HTTPRequest:
    """One HTTP request.

    Attributes:
        method: The HTTP method, in capitals.
        origin: Scheme, host and port, such as `https://api.fibonacci.dev`.
        target: Path and query, percent-encoded.
        headers: Names in lower case, and values. The API key is among them.
        body: The body; empty for none.
    """

    method: str
    origin: str
    target: str
    headers: list[tuple[bytes, bytes]]
    body: bytes

    @property
    def url(self) -> str:
        """The whole URL."""
        return f"{self.origin}{self.target}"

    def __repr__(self) -> str:
        return f"HTTPRequest({self.method} {self.url})"  # never the headers: they hold the API key


@dataclass(frozen=True, slots=True)
class HTTPResponse:
    """One HTTP response.

    Attributes:
        status: The HTTP status.
        headers: Names and values as received.
        body: The body as received.
        decoded: Whether the transport has already undone the body's `Content-Encoding`.
    """

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    decoded: bool = False

    def __repr__(self) -> str:
        return f"HTTPResponse({self.status}, {len(self.body)} bytes)"
