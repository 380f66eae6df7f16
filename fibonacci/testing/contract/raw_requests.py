"""Requests past the client, so that what goes over the wire is seen as it is."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, ProxyHandler, Request, build_opener

TIMEOUT: Final = 60.0
"""Seconds for one request."""

LONGEST_WAIT: Final = 60.0
"""Seconds to wait, when a plan's pace is used up: the window of the plans is a minute."""


@dataclass(frozen=True, slots=True)
class RawResponse:
    """An answer as it came.

    Attributes:
        status: The HTTP status.
        headers: The headers by lower-case name.
        body: The body.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(self, req: Request, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> None:
        """Follow none: the key must not go elsewhere."""


class RawRequests:
    """Sends requests to one server.

    Args:
        base_url: Where it is.
        api_key: The key to send.
    """

    def __init__(self, base_url: str, api_key: str) -> None:
        self._base_url = base_url.rstrip("/")
        self._api_key = api_key
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
            query: The parameters of the query.
            json_body: What to send as JSON.
            body: The body as bytes, in its place.
            authorization: The header in place of the one with the key; `None` for none.

        Returns:
            The answer, whatever its status.

        Raises:
            OSError: When there is none.
        """
        content = body if body is not None else None if json_body is None else json.dumps(json_body).encode()
        headers = {"Content-Type": "application/json"}
        if authorization is not None:
            headers["Authorization"] = authorization or f"Bearer {self._api_key}"
        url = f"{self._base_url}{path}{'?' if query else ''}{urlencode(query or {})}"
        request = Request(url, content, headers, method=method)
        answer = self._send(request)
        if answer.status == 429:  # refused for the pace: once more, when there is room again
            time.sleep(_wait(answer.headers))
            answer = self._send(request)
        return answer

    def _send(self, request: Request) -> RawResponse:
        try:
            with self._opener.open(request, timeout=TIMEOUT) as answer:
                return RawResponse(answer.status, _lower(answer.headers.items()), answer.read())
        except HTTPError as error:
            with error:
                return RawResponse(error.code, _lower(error.headers.items()), error.read())


def _opener(base_url: str) -> OpenerDirector:
    here = urlsplit(base_url).hostname in ("localhost", "127.0.0.1", "::1")
    return build_opener(_NoRedirects, *([ProxyHandler({})] if here else []))


def _wait(headers: Mapping[str, str]) -> float:
    told = headers.get("retry-after", "")
    return min(float(told), LONGEST_WAIT) if told.isdecimal() else LONGEST_WAIT


def _lower(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers}
