"""One connection: what is read however it arrives, and what a write that fails says of the request."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fibonacci._async.transports.http11 import AsyncHTTP11Connection
from fibonacci._core.deadline import Deadline, DeadlineExceeded
from fibonacci._core.messages import HTTPRequest, HTTPResponse
from fibonacci._core.transport_errors import TransportError
from fibonacci._sync.transports.http11 import HTTP11Connection
from tests.colours import COLOURS, ColourName

BODY = b'{"data": {"fine": true}}'
PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nX-A: 1\r\n\r\n%b" % (len(BODY), BODY)
CHUNKED = (
    b"HTTP/1.1 103 Early Hints\r\n\r\n"
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: 1\r\n\r\n"
    b"5\r\n" + BODY[:5] + b"\r\n%x\r\n" % (len(BODY) - 5) + BODY[5:] + b"\r\n0\r\nX-Trailer: 2\r\n\r\n"
)
NO_LIMIT = Deadline(None)


class Stream:
    """What a server sends, in pieces; a write may fail, when so much has been taken."""

    def __init__(self, pieces: Iterable[bytes], failure: Exception | None = None, taken: int = 0) -> None:
        self._pieces = list(pieces)
        self._failure = failure
        self._sent_before_failure = taken
        self.bytes_sent = 0
        self.written = b""

    def read(self, deadline: Deadline) -> bytes:
        return self._pieces.pop(0) if self._pieces else b""

    def write(self, data: bytes, deadline: Deadline) -> None:
        if self._failure is not None:
            self.bytes_sent += self._sent_before_failure
            raise self._failure
        self.bytes_sent += len(data)
        self.written += data

    def close(self) -> None:
        self._pieces = []

    def is_readable(self) -> bool:
        return bool(self._pieces)


class AsyncStream(Stream):
    async def read(self, deadline: Deadline) -> bytes:  # type: ignore[override]
        return super().read(deadline)

    async def write(self, data: bytes, deadline: Deadline) -> None:  # type: ignore[override]
        super().write(data, deadline)


def request(body: bytes = b"") -> HTTPRequest:
    headers = [(b"host", b"localhost")]
    if body:
        headers.append((b"content-length", str(len(body)).encode()))
    return HTTPRequest("POST" if body else "GET", "http://localhost", "/v1/x", headers, body)


class Talk:
    """A connection over a stream, in either colour."""

    def __init__(self, colour: ColourName, *arguments: Any, **options: Any) -> None:
        self._colour = colour
        self.stream: Stream = (Stream if colour == "sync" else AsyncStream)(*arguments, **options)
        stream: Any = self.stream
        self.connection: Any = HTTP11Connection(stream) if colour == "sync" else AsyncHTTP11Connection(stream)

    def exchange(self, sent: HTTPRequest, limit: int = 1000) -> HTTPResponse:
        result = self.connection.exchange(sent, NO_LIMIT, limit)
        found: HTTPResponse = result if self._colour == "sync" else asyncio.run(result)
        return found


def cut(data: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({place % len(data) for place in places} | {len(data)})
    return [data[start:end] for start, end in zip([0, *ends], ends, strict=False) if start != end]


@pytest.mark.parametrize("answer", [PLAIN, CHUNKED], ids=["plain", "chunked"])
@given(places=st.lists(st.integers(0, 1000), max_size=20))
def test_an_answer_is_the_same_however_it_is_cut(answer: bytes, places: list[int]) -> None:
    talk = Talk("sync", cut(answer, places) + cut(PLAIN, places))
    for _ in range(2):
        whole = talk.exchange(request())
        assert (whole.status, dict(whole.headers)[b"X-A"], whole.body) == (200, b"1", BODY)
        assert talk.connection.is_reusable


@pytest.mark.parametrize("colour", COLOURS)
class TestEnds:
    def test_what_follows_the_answer_spoils_the_connection(self, colour: ColourName) -> None:
        talk = Talk(colour, [PLAIN + b"H"])
        assert talk.exchange(request()).body == BODY
        assert not talk.connection.is_reusable

    def test_what_comes_while_it_is_idle_ends_it(self, colour: ColourName) -> None:
        talk = Talk(colour, [PLAIN, b"H"])
        assert talk.exchange(request()).body == BODY
        assert talk.connection.is_closed_by_server()

    def test_a_close_that_was_announced(self, colour: ColourName) -> None:
        talk = Talk(colour, [PLAIN.replace(b"X-A: 1", b"Connection: close")])
        assert talk.exchange(request()).body == BODY
        assert not talk.connection.is_reusable

    def test_no_answer(self, colour: ColourName) -> None:
        with pytest.raises(EOFError, match="before it responded"):
            Talk(colour, []).exchange(request())

    def test_a_body_that_is_too_large(self, colour: ColourName) -> None:
        talk = Talk(colour, [PLAIN])
        with pytest.raises(TransportError) as caught:
            talk.exchange(request(), limit=len(BODY) - 1)
        assert caught.value.kind == "too_large"
        assert caught.value.response is not None
        assert caught.value.response.status == 200
        assert not talk.connection.is_reusable


@pytest.mark.parametrize("colour", COLOURS)
class TestWrites:
    def test_a_request_leaves_in_one_piece(self, colour: ColourName) -> None:
        talk = Talk(colour, [PLAIN])
        talk.exchange(request(b"{}"))
        assert talk.stream.written == b"POST /v1/x HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n{}"

    @pytest.mark.parametrize(
        ("failure", "kind"), [(BrokenPipeError(), "never_sent"), (DeadlineExceeded(), "timeout_never_sent")]
    )
    def test_when_nothing_was_taken_nothing_was_sent(self, colour: ColourName, failure: Exception, kind: str) -> None:
        with pytest.raises(TransportError) as caught:
            Talk(colour, [PLAIN], failure).exchange(request(b"{}"))
        assert caught.value.kind == kind

    def test_an_answer_to_a_request_that_was_not_taken_whole_is_an_answer(self, colour: ColourName) -> None:
        talk = Talk(colour, [PLAIN.replace(b"200 OK", b"413 Too Large")], ConnectionResetError(), taken=1)
        assert talk.exchange(request(b"{}")).status == 413
        assert not talk.connection.is_reusable

    def test_without_one_the_outcome_is_not_known(self, colour: ColourName) -> None:
        with pytest.raises(EOFError):
            Talk(colour, [], ConnectionResetError(), taken=1).exchange(request(b"{}"))

    def test_when_the_time_is_up_nothing_more_is_read(self, colour: ColourName) -> None:
        with pytest.raises(DeadlineExceeded):
            Talk(colour, [PLAIN], DeadlineExceeded(), taken=1).exchange(request(b"{}"))
