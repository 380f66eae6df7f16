"""Requests without the client, so that the response is seen unchanged."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from fibonacci.transports import Deadline, HTTPRequest, HTTPResponse, Transport

TIMEOUT: Final = 60.0
"""The timeout of one request in seconds."""

LONGEST_WAIT: Final = 60.0
"""The longest wait after a 429 in seconds: the window of the rate limits is a minute."""


@dataclass(frozen=True, slots=True)
class RawResponse:
    """A response as it was received."""

    status: int
    """The HTTP status code."""

    headers: Mapping[str, str]
    """The headers, names in lower case."""

    body: bytes
    """The body, not decoded."""

    @property
    def json(self) -> Any:
        """The body, decoded as JSON."""
        return json.loads(self.body)


class RawRequests:
    """Sends requests to one server.

    Args:
        base_url: The base URL of the server.
        api_key: The API key.
        transport: Sends the requests.
        sleep: Waits for so many seconds.
    """

    def __init__(
        self, base_url: str, api_key: str, transport: Transport, *, sleep: Callable[[float], object] = time.sleep
    ) -> None:
        parts = urlsplit(base_url.rstrip("/"))
        self._origin, self._base_path = f"{parts.scheme}://{parts.netloc}", parts.path
        self._api_key = api_key
        self._transport = transport
        self._sleep = sleep

    def __call__(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int] | None = None,
        json_body: Any = None,
        body: bytes | None = None,
        authorization: str | None = "",
    ) -> RawResponse:
        """Send one request.

        Args:
            method: The method.
            path: The path below the base URL, percent-encoded.
            query: The query parameters.
            json_body: The body, to be encoded as JSON.
            body: The body as bytes, in place of `json_body`.
            authorization: The `Authorization` header in place of the one with the key; None for none.

        Returns:
            The response, whatever its status.

        Raises:
            TransportError: If no response is received.
        """
        content = body if body is not None else b"" if json_body is None else json.dumps(json_body).encode()
        target = f"{self._base_path}{path}{'?' if query else ''}{urlencode(query or {})}"
        headers = self._headers(authorization)
        if content or method != "GET":
            headers.append((b"content-length", str(len(content)).encode()))
        request = HTTPRequest(method=method, origin=self._origin, target=target, headers=headers, body=content)
        response = self._send(request)
        if response.status == 429:  # over the rate limit: once more, after the reset
            self._sleep(_wait(response.headers))
            response = self._send(request)
        return response

    def _headers(self, authorization: str | None) -> list[tuple[bytes, bytes]]:
        headers = {"host": urlsplit(self._origin).netloc, "content-type": "application/json"}
        if authorization is not None:
            headers["authorization"] = authorization or f"Bearer {self._api_key}"
        return [(name.encode(), value.encode()) for name, value in headers.items()]

    def _send(self, request: HTTPRequest) -> RawResponse:
        response = self._transport.send(request, Deadline(TIMEOUT))
        return RawResponse(response.status, _lower(response), response.body)


def _wait(headers: Mapping[str, str]) -> float:
    seconds = headers.get("retry-after", "")
    return min(float(seconds), LONGEST_WAIT) if seconds.isdecimal() else LONGEST_WAIT


def _lower(response: HTTPResponse) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
