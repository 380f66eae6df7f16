"""Requests without the client, so that the response is seen unchanged."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, ProxyHandler, Request, build_opener

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


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(self, req: Request, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> None:
        """Follow no redirect: the key must not be sent to another server."""


class RawRequests:
    """Sends requests to one server.

    Args:
        base_url: The base URL of the server.
        api_key: The API key.
        sleep: Waits for so many seconds.
    """

    def __init__(self, base_url: str, api_key: str, *, sleep: Callable[[float], object] = time.sleep) -> None:
        self._base_url = base_url.rstrip("/")
        self._api_key = api_key
        self._sleep = sleep
        self._opener = _opener(self._base_url)

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
            OSError: If no response is received.
        """
        content = body if body is not None else None if json_body is None else json.dumps(json_body).encode()
        headers = {"Content-Type": "application/json"}
        if authorization is not None:
            headers["Authorization"] = authorization or f"Bearer {self._api_key}"
        url = f"{self._base_url}{path}{'?' if query else ''}{urlencode(query or {})}"
        request = Request(url, content, headers, method=method)
        response = self._send(request)
        if response.status == 429:  # over the rate limit: once more, after the reset
            self._sleep(_wait(response.headers))
            response = self._send(request)
        return response

    def _send(self, request: Request) -> RawResponse:
        try:
            with self._opener.open(request, timeout=TIMEOUT) as response:
                return RawResponse(response.status, _lower(response.headers.items()), response.read())
        except HTTPError as error:
            with error:
                return RawResponse(error.code, _lower(error.headers.items()), error.read())


def _opener(base_url: str) -> OpenerDirector:
    is_loopback = urlsplit(base_url).hostname in ("localhost", "127.0.0.1", "::1")
    return build_opener(_NoRedirects, *([ProxyHandler({})] if is_loopback else []))


def _wait(headers: Mapping[str, str]) -> float:
    seconds = headers.get("retry-after", "")
    return min(float(seconds), LONGEST_WAIT) if seconds.isdecimal() else LONGEST_WAIT


def _lower(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers}
