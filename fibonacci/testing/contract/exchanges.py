"""What went over the wire during a check, for the messages of its failure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from fibonacci.transports import Deadline, HTTPRequest, HTTPResponse, Transport

_SHOWN: Final = 2_000
_HEADERS: Final = ("content-type", "retry-after")


@dataclass(frozen=True, slots=True)
class RecordedExchange:
    """One request and its response."""

    request: HTTPRequest
    """The request."""

    response: HTTPResponse
    """The response."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of the response, names in lower case."""
        return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in self.response.headers}

    def describe(self) -> list[str]:
        """Return lines that show the exchange, without the headers of the request: the API key is among them."""
        sent, received = self.request.body, self.response.body
        shown = {
            name: text for name, text in self.headers.items() if name in _HEADERS or name.startswith("x-ratelimit")
        }
        lines = [f"> {self.request.method} {self.request.url}"]
        lines += [f"> {_text(sent)}"] if sent else []
        lines += [f"< {self.response.status}", *(f"< {name}: {text}" for name, text in shown.items())]
        lines += [f"< {_text(received)}"] if received else []
        return lines


def is_of(endpoint: str, request: HTTPRequest) -> bool:
    """Return whether a request is to an endpoint, whatever the path of the base URL is.

    Args:
        endpoint: The endpoint, such as `GET /workflows/{id}`.
        request: The request.

    Example:
        >>> target = "/v1/tools/wait?limit=1"
        >>> request = HTTPRequest(method="GET", origin="http://a", target=target, headers=[], body=b"")
        >>> is_of("GET /tools/{tool_name}", request)
        True
    """
    method, _, template = endpoint.partition(" ")
    wanted, found = template.split("/")[1:], request.target.partition("?")[0].split("/")
    below = found[-len(wanted) :]
    return request.method == method and len(below) == len(wanted) and all(map(_matches, wanted, below))


def _matches(wanted: str, found: str) -> bool:
    return wanted == found or wanted.startswith("{")


class RecordingTransport:
    """Sends through another transport, and keeps the exchanges.

    Args:
        inner: The other transport.

    Attributes:
        exchanges: The exchanges since they were last cleared.
    """

    def __init__(self, inner: Transport) -> None:
        self._inner = inner
        self.exchanges: Final[list[RecordedExchange]] = []

    def send(self, request: HTTPRequest, deadline: Deadline) -> HTTPResponse:
        """Send a request; see `Transport.send`."""
        response = self._inner.send(request, deadline)
        self.exchanges.append(RecordedExchange(request, response))
        return response

    def close(self) -> None:
        """Close the other transport."""
        self._inner.close()


def _text(content: bytes) -> str:
    text = content.decode(errors="replace")
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}... ({len(content)} bytes)"
