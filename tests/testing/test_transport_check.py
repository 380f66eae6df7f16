"""`check_transport`: the transports of the SDK pass, and each of these lies is caught."""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from fibonacci.testing import check_transport
from fibonacci.transports import (
    AsyncHTTPXTransport,
    AsyncSocketTransport,
    Deadline,
    HTTPRequest,
    HTTPResponse,
    HTTPXTransport,
    SocketTransport,
    TransportError,
    TransportErrorKind,
)

pytestmark = pytest.mark.slow

Send = Callable[[HTTPRequest, Deadline], HTTPResponse]
Lie = Callable[[Send, HTTPRequest, Deadline], HTTPResponse]


def test_the_transports_of_the_sdk_pass() -> None:
    transports = (SocketTransport(), AsyncSocketTransport(), HTTPXTransport(), AsyncHTTPXTransport())
    with ThreadPoolExecutor() as pool:
        assert [*pool.map(check_transport, transports)] == [None] * 4


class Liar:
    """A transport that does with each request what a function says."""

    def __init__(self, lie: Lie) -> None:
        self._inner, self._lie = SocketTransport(), lie

    def send(self, request: HTTPRequest, deadline: Deadline) -> HTTPResponse:
        return self._lie(self._inner.send, request, deadline)

    def close(self) -> None:
        self._inner.close()


def saying(kinds: tuple[TransportErrorKind, ...], instead: TransportErrorKind) -> Lie:
    def lie(send: Send, request: HTTPRequest, deadline: Deadline) -> HTTPResponse:
        try:
            return send(request, deadline)
        except TransportError as error:
            raise TransportError(instead if error.kind in kinds else error.kind) from None

    return lie


def with_request(**changes: Callable[[HTTPRequest], Any]) -> Lie:
    def lie(send: Send, request: HTTPRequest, deadline: Deadline) -> HTTPResponse:
        return send(replace(request, **{name: change(request) for name, change in changes.items()}), deadline)

    return lie


def with_response(change: Callable[[HTTPResponse], HTTPResponse]) -> Lie:
    return lambda send, request, deadline: change(send(request, deadline))


def again_after_a_loss(send: Send, request: HTTPRequest, deadline: Deadline) -> HTTPResponse:
    try:
        return send(request, deadline)
    except TransportError as error:
        if error.kind != "unknown":
            raise
        return send(request, deadline)


def again_if_overloaded(send: Send, request: HTTPRequest, deadline: Deadline) -> HTTPResponse:
    response = send(request, deadline)
    return send(request, deadline) if response.status == 503 else response


def to_the_new_place(send: Send, request: HTTPRequest, deadline: Deadline) -> HTTPResponse:
    response = send(request, deadline)
    return send(replace(request, method="GET", target="/v1/next"), deadline) if response.status == 307 else response


def twice(send: Send, request: HTTPRequest, deadline: Deadline) -> HTTPResponse:
    send(request, deadline)
    return send(request, deadline)


def raising_for_statuses(send: Send, request: HTTPRequest, deadline: Deadline) -> HTTPResponse:
    response = send(request, deadline)
    if response.status >= 500:
        raise TransportError("unknown", response=response)
    return response


def without_a_limit(send: Send, request: HTTPRequest, deadline: Deadline) -> HTTPResponse:
    return send(request, Deadline(None))


def although_no_time_is_left(send: Send, request: HTTPRequest, deadline: Deadline) -> HTTPResponse:
    return send(request, deadline if deadline.remaining() else Deadline(5))


def remembered() -> Lie:
    responses = list[HTTPResponse]()

    def lie(send: Send, request: HTTPRequest, deadline: Deadline) -> HTTPResponse:
        responses.append(send(request, deadline))
        return responses[-2] if len(responses) > 1 else responses[-1]

    return lie


def by_http_client(send: Send, request: HTTPRequest, deadline: Deadline) -> HTTPResponse:
    """Send as a beginner would: with a time limit for each step, and with what has arrived of a body."""
    place = urlsplit(request.origin)
    kind = http.client.HTTPSConnection if place.scheme == "https" else http.client.HTTPConnection
    connection = kind(place.netloc, timeout=deadline.require())
    try:
        connection.connect()
    except OSError as error:
        raise TransportError("never_sent", error) from error
    try:
        connection.request(request.method, request.target, request.body, dict(request.headers))  # type: ignore[arg-type]
        with connection.getresponse() as response:
            headers = [(name.encode(), value.encode()) for name, value in response.getheaders()]
            try:
                body = response.read()
            except http.client.IncompleteRead as error:
                body = error.partial
            return HTTPResponse(status=response.status, headers=headers, body=body)
    finally:
        connection.close()


def without(name: bytes) -> Callable[[HTTPRequest], list[tuple[bytes, bytes]]]:
    return lambda request: [header for header in request.headers if header[0] != name]


class SwallowsCancellation(AsyncSocketTransport):
    async def send(self, request: HTTPRequest, deadline: Deadline) -> HTTPResponse:
        try:
            return await super().send(request, deadline)
        except asyncio.CancelledError as error:
            raise TransportError("unknown", error) from None


LIES: list[tuple[str, Lie, str]] = [
    ("says of lost requests that they were never sent", saying(("unknown",), "never_sent"), "reset after the request"),
    ("says so if the time is up", saying(("timeout",), "timeout_never_sent"), "no response in time"),
    ("doesn't know that nothing was sent", saying(("never_sent",), "unknown"), "nothing listens"),
    ("doesn't know that TLS failed", saying(("tls",), "broken"), "the TLS handshake is answered"),
    ("doesn't say that the time is up", saying(("timeout",), "unknown"), "no response in time"),
    ("sends again after a loss", again_after_a_loss, "closed after the request"),
    ("sends again if a server is overloaded", again_if_overloaded, "an overloaded server"),
    ("follows redirects", to_the_new_place, "a redirect"),
    ("sends all twice", twice, "a response"),
    ("takes a part of a body for all of it", by_http_client, "closed within the body"),
    ("raises for statuses", raising_for_statuses, "an overloaded server"),
    ("waits for ever", without_a_limit, "no response in time"),
    ("sends although no time is left", although_no_time_is_left, "no time is left"),
    ("has a time limit for each step alone", by_http_client, "a byte of the body now and then"),
    ("takes a 1xx for the response", by_http_client, "a status of 1xx"),
    ("returns the response before", remembered(), "a response"),
    ("unescapes the path", with_request(target=lambda it: unquote(it.target).replace(" ", "+")), "a response"),
    ("drops empty parameters", with_request(target=lambda it: it.target.removesuffix("&scope=")), "a response"),
    ("drops a header", with_request(headers=without(b"x-tag")), "a response"),
    ("drops the key", with_request(headers=without(b"authorization")), "a response"),
    ("changes what it sends", with_request(body=lambda it: it.body.replace(b": ", b":\t")), "a response"),
    ("changes what it receives", with_response(lambda it: replace(it, body=it.body[:-1])), "a response in chunks"),
    ("joins headers", with_response(lambda it: replace(it, headers=[*dict(it.headers).items()])), "two headers of"),
    ("changes statuses", with_response(lambda it: replace(it, status=min(it.status, 500))), "an overloaded server"),
]


def test_each_lie_is_caught() -> None:
    def caught_in(transport: Any) -> str:
        try:
            check_transport(transport)
        except AssertionError as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(len(LIES) + 1) as pool:  # they wait
        swallowed = pool.submit(caught_in, SwallowsCancellation())
        texts = [*pool.map(caught_in, [Liar(lie) for _, lie, _ in LIES])]
    assert [name for (name, _, case), text in zip(LIES, texts, strict=True) if f"\n- {case}" not in text] == []
    assert "\n- the caller's task is canceled" in swallowed.result()
