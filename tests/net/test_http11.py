"""One connection: what is read however it arrives, and what a write that fails says of the request."""

from __future__ import annotations

import errno
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fibonacci._async.transports.http11 import AsyncHTTP11Connection
from fibonacci._core.messages import SENT
from fibonacci._sync.transports.http11 import HTTP11Connection
from fibonacci.transports import Deadline, DeadlineExceeded, HTTPRequest, HTTPResponse, TransportError
from tests.kit.mode import Mode

BODY = b'{"data": {"fine": true}}'
PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nX-A: 1\r\n\r\n%b" % (len(BODY), BODY)
CHUNKED = (
    b"HTTP/1.1 103 Early Hints\r\n\r\n"
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: 1\r\n\r\n"
    b"5\r\n" + BODY[:5] + b"\r\n%x\r\n" % (len(BODY) - 5) + BODY[5:] + b"\r\n0\r\nX-Trailer: 2\r\n\r\n"
)
RESET = ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")
NO_LIMIT = Deadline(None)


class ScriptedStream:
    """A stream that yields the given pieces; a write may fail after some bytes were taken.

    Attributes:
        response: Further pieces, received when a request is written.
    """

    def __init__(self, pieces: Iterable[bytes], failure: Exception | None = None, taken: int = 0) -> None:
        self._pieces = list(pieces)
        self._failure = failure
        self._sent_before_failure = taken
        self.bytes_sent = 0
        self.written = b""
        self.response: list[bytes] = []

    def read(self, deadline: Deadline) -> bytes:
        return self._pieces.pop(0) if self._pieces else b""

    def write(self, data: bytes, deadline: Deadline) -> None:
        if self._failure is not None:
            self.bytes_sent += self._sent_before_failure
            raise self._failure
        self.bytes_sent += len(data)
        self.written += data
        self._pieces += self.response

    def close(self) -> None:
        self._pieces = []

    def fileno(self) -> int:
        return -1

    def is_readable(self) -> bool:
        return bool(self._pieces)

    def expect_acknowledgment(self, seconds: float) -> None:
        pass


class AsyncScriptedStream:
    """The same stream for an async connection."""

    def __init__(self, stream: ScriptedStream) -> None:
        self._stream = stream
        self.close = stream.close
        self.fileno = stream.fileno
        self.is_readable = stream.is_readable
        self.expect_acknowledgment = stream.expect_acknowledgment

    @property
    def bytes_sent(self) -> int:
        return self._stream.bytes_sent

    async def read(self, deadline: Deadline) -> bytes:
        return self._stream.read(deadline)

    async def write(self, data: bytes, deadline: Deadline) -> None:
        self._stream.write(data, deadline)


def request(body: bytes = b"") -> HTTPRequest:
    headers = [(b"host", b"localhost")]
    if body:
        headers.append((b"content-length", str(len(body)).encode()))
    return HTTPRequest(
        method="POST" if body else "GET", origin="http://localhost", target="/v1/x", headers=headers, body=body
    )


class ScriptedConnection:
    """A connection over a scripted stream, in either mode."""

    def __init__(self, mode: Mode, *arguments: Any, **options: Any) -> None:
        self._mode = mode
        self.stream = ScriptedStream(*arguments, **options)
        self.connection: Any = (
            AsyncHTTP11Connection(AsyncScriptedStream(self.stream)) if mode.is_async else HTTP11Connection(self.stream)
        )

    def exchange(self, sent: HTTPRequest, limit: int = 1000) -> HTTPResponse:
        response: HTTPResponse = self._mode.run(self.connection.exchange(sent, NO_LIMIT, limit))
        return response


def cut(data: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({place % len(data) for place in places} | {len(data)})
    return [data[start:end] for start, end in zip([0, *ends], ends, strict=False) if start != end]


@pytest.mark.parametrize("response", [PLAIN, CHUNKED], ids=["plain", "chunked"])
@given(places=st.lists(st.integers(0, 1000), max_size=20))
def test_a_response_is_the_same_however_it_is_split(response: bytes, places: list[int]) -> None:
    link = ScriptedConnection(Mode("sync"), [])
    for received in (response, PLAIN):
        link.stream.response = cut(received, places)
        whole = link.exchange(request())
        assert (whole.status, dict(whole.headers)[b"X-A"], whole.body) == (200, b"1", BODY)
        assert link.connection.is_reusable


class TestEnds:
    def test_surplus_data_makes_the_connection_unusable(self, mode: Mode) -> None:
        link = ScriptedConnection(mode, [PLAIN + b"H"])
        assert link.exchange(request()).body == BODY
        assert not link.connection.is_reusable

    def test_data_received_while_idle_ends_the_connection(self, mode: Mode) -> None:
        link = ScriptedConnection(mode, [PLAIN, b"H"])
        assert link.exchange(request()).body == BODY
        with pytest.raises(ConnectionError, match="the server has closed the idle connection"):
            link.exchange(request(b"{}"))
        assert link.stream.written.count(b"HTTP/1.1") == 1

    def test_a_close_that_was_announced(self, mode: Mode) -> None:
        link = ScriptedConnection(mode, [PLAIN.replace(b"X-A: 1", b"Connection: close")])
        assert link.exchange(request()).body == BODY
        assert not link.connection.is_reusable

    def test_a_connection_that_ends_without_a_response_is_an_error(self, mode: Mode) -> None:
        with pytest.raises(EOFError, match="before it responded"):
            ScriptedConnection(mode, []).exchange(request())

    def test_a_body_that_is_too_large(self, mode: Mode) -> None:
        link = ScriptedConnection(mode, [PLAIN])
        with pytest.raises(TransportError) as caught:
            link.exchange(request(), limit=len(BODY) - 1)
        assert caught.value.kind == "too_large"
        assert caught.value.response is not None
        assert caught.value.response.status == 200
        assert not link.connection.is_reusable


class TestWrites:
    def test_a_request_leaves_in_one_piece(self, mode: Mode) -> None:
        link = ScriptedConnection(mode, [PLAIN])
        link.exchange(request(b"{}"))
        assert link.stream.written == b"POST /v1/x HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n{}"

    @pytest.mark.parametrize("failure", [OSError(errno.EPIPE, ""), DeadlineExceeded()])
    def test_when_no_byte_was_written_nothing_was_sent(self, mode: Mode, failure: Exception) -> None:
        sent = request(b"{}")
        with pytest.raises(type(failure)):
            ScriptedConnection(mode, [PLAIN], failure).exchange(sent)
        assert sent.phases.current not in SENT

    def test_an_early_response_to_a_partly_sent_request_is_returned(self, mode: Mode) -> None:
        link = ScriptedConnection(mode, [PLAIN.replace(b"200 OK", b"413 Too Large")], RESET, taken=1)
        assert link.exchange(request(b"{}")).status == 413
        assert not link.connection.is_reusable

    def test_without_a_response_the_outcome_is_unknown(self, mode: Mode) -> None:
        with pytest.raises(EOFError):
            ScriptedConnection(mode, [], RESET, taken=1).exchange(request(b"{}"))

    def test_when_the_time_is_up_nothing_more_is_read(self, mode: Mode) -> None:
        with pytest.raises(DeadlineExceeded):
            ScriptedConnection(mode, [PLAIN], DeadlineExceeded(), taken=1).exchange(request(b"{}"))
