"""The clients that carry out the same work side by side: this one, httpx and urllib3."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import httpx
import urllib3

from fibonacci import APIError
from tests.kit.mode import Mode, ModeName
from tests.servers.load import LoadedCall

Known = Literal["succeeded", "not carried out", "unknown"]
"""What the caller knows about a call from its end."""

Request = Callable[[str, str], Any]


class BadStatus(Exception):
    """The server responded with a status that is no success."""


@dataclass(frozen=True)
class Contender:
    """A client under comparison.

    Attributes:
        name: What the table calls it.
        mode: The mode that it runs in.
        connect: Makes the client; returns what sends one request.
        never_sent: The errors that mean that the server has not seen the request.
    """

    name: str
    mode: ModeName
    connect: Callable[[Mode, str], Request]
    never_sent: tuple[type[Exception], ...] = ()

    def known(self, call: LoadedCall) -> Known:
        """Return what the caller knows about a call that has ended."""
        error = call.error
        if error is None:
            return "succeeded"
        if isinstance(error, APIError):
            # Of a GET that failed nothing needs to be known: it can be sent again.
            return "unknown" if error.outcome_unknown else "not carried out"
        cause = error.reason if isinstance(error, urllib3.exceptions.MaxRetryError) else error
        return "not carried out" if isinstance(cause, self.never_sent) else "unknown"


def contenders() -> list[Contender]:
    """Return all clients."""
    never_sent = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
    return [
        Contender("fibonacci", "sync", _fibonacci),
        Contender("fibonacci, asyncio", "asyncio", _fibonacci),
        Contender("fibonacci, trio", "trio", _fibonacci),
        Contender("httpx", "sync", _httpx(0), never_sent),
        Contender("httpx, 3 retries", "sync", _httpx(3), never_sent),
        Contender("httpx, asyncio", "asyncio", _httpx(0), never_sent),
        Contender("httpx, asyncio, 3 retries", "asyncio", _httpx(3), never_sent),
        Contender(
            "urllib3, 3 retries",
            "sync",
            _urllib3,
            (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError),
        ),
    ]


def _fibonacci(mode: Mode, base_url: str) -> Request:
    request: Request = mode.client("sk-test-0123456789", base_url=base_url).request
    return request


def _httpx(retries: int) -> Callable[[Mode, str], Request]:
    def connect(mode: Mode, base_url: str) -> Request:
        if mode.is_async:
            client = mode.close_later(
                httpx.AsyncClient(base_url=base_url, transport=httpx.AsyncHTTPTransport(retries=retries))
            )

            async def request_async(method: str, path: str) -> None:
                _check((await client.request(method, path)).status_code)

            return request_async
        sync_client = mode.close_later(httpx.Client(base_url=base_url, transport=httpx.HTTPTransport(retries=retries)))

        def request(method: str, path: str) -> None:
            _check(sync_client.request(method, path).status_code)

        return request

    return connect


def _urllib3(mode: Mode, base_url: str) -> Request:
    pool = urllib3.PoolManager(maxsize=100)

    def request(method: str, path: str) -> None:
        _check(pool.request(method, base_url + path).status)

    return request


def _check(status: int) -> None:
    if not 200 <= status < 300:
        raise BadStatus(f"status {status}")
