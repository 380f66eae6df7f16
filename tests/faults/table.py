"""The table of faults: what the server does, and how a call with each method must end.

Clients accept a response of 1 MB at most: bodies that are to be too large have a few.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace

from fibonacci import (
    APIStatusError,
    BadRequestError,
    NotFoundError,
    QuotaExceededError,
    RateLimitError,
    ServerError,
    ValidationError,
)
from tests.faults.expectations import Ends, broken, final, fine, not_processed, once, refused, timed_out, unknown
from tests.faults.transports import HTTPX, TransportName
from tests.kit.steps import (
    OK_BODY,
    Step,
    deep_json,
    error_body,
    frozen,
    gzip_bomb,
    head,
    many_times,
    ok,
    raw,
    raw_then_close,
    raw_then_reset,
    raw_then_stall,
    respond,
    slow_reader,
)

SHORT = 1.0


@dataclass(frozen=True)
class FaultRow:
    """One fault.

    Attributes:
        name: What it is.
        steps: What the server does with the first request of a method, the second, and so on.
        ends: What the call comes to.
        greet: Whether the step is for a connection from which no request is read.
        timeout: The timeout of the client.
        body_size: How large a body is sent with the methods that have one.
        of_network: Whether it is in reading, writing, closing or waiting, of which each mode has code of its own.
        httpx: The other transports to try it on.
        httpx_ends: What it comes to there; None where that is the same.
    """

    name: str
    steps: tuple[Step, *tuple[Step, ...]]
    ends: Ends
    greet: bool = False
    timeout: float = 5.0
    body_size: int = 10
    of_network: bool = False
    httpx: tuple[TransportName, ...] = HTTPX
    httpx_ends: Ends | None = None

    @property
    def is_slow(self) -> bool:
        """Whether a call does nothing but wait until its time is up."""
        return self.timeout < FaultRow.timeout

    def ends_on(self, transport: TransportName) -> Ends:
        """Return what the call comes to on a transport."""
        return self.ends if transport == "socket" or self.httpx_ends is None else self.httpx_ends


_BY_STATUS: dict[int, Ends] = {
    101: unknown(),
    304: final(APIStatusError),
    400: final(BadRequestError),
    404: final(NotFoundError),
    408: unknown(APIStatusError),
    421: not_processed(APIStatusError),
    422: final(ValidationError),
    425: not_processed(APIStatusError),
    429: refused(RateLimitError),
    500: unknown(ServerError),
    501: once(ServerError),
    502: unknown(ServerError),
    503: unknown(ServerError),
    999: unknown(ServerError),
}
_BODIES: dict[str, tuple[bytes, str]] = {
    "JSON": (error_body(), "application/json"),
    "HTML": (b"<html><body>Sign in</body></html>", "text/html; charset=utf-8"),
    "nothing": (b"", ""),
    "garbage": (bytes(range(256)), "application/octet-stream"),
}


_WAIT = {"Retry-After": "1"}


def _statuses() -> Iterator[FaultRow]:
    for status, ends in _BY_STATUS.items():
        for kind, (body, content_type) in _BODIES.items():
            if kind != _kind_of_all(status) and status not in (400, 429, 500):
                continue
            # A refusal that states a wait, so that the number of the attempts is no chance.
            headers = _WAIT if status == 429 else ()
            step = respond(status, body, headers, content_type=content_type)
            # What a status means has nothing to do with the client that brought it, but for these.
            httpx = HTTPX[:1] if status in (101, 304, 421, 500) and kind == _kind_of_all(status) else ()
            yield FaultRow(f"{status} with {kind}", (step,), ends, httpx=httpx)
    yield FaultRow("200 with HTML", (respond(200, *_BODIES["HTML"][:1], content_type="text/html"),), broken())
    yield FaultRow("200 with HTML labeled as JSON", (respond(200, _BODIES["HTML"][0]),), broken())
    yield FaultRow("200 with garbage", (respond(200, _BODIES["garbage"][0]),), broken())
    yield FaultRow("200 with nothing", (respond(200, b""),), fine())
    yield FaultRow("200 with JSON labeled as HTML", (respond(content_type="text/html"),), fine())
    yield FaultRow("200 with JSON of no content type", (respond(content_type=""),), fine())
    yield FaultRow("204", (raw(head(204)),), fine())
    yield FaultRow(
        "validation_error by its code", (respond(400, error_body("validation_error")),), final(ValidationError)
    )
    for code in ("quota_exceeded", "daily_limit_reached"):
        yield FaultRow(f"429 {code}", (respond(429, error_body(code)),), final(QuotaExceededError))


def _kind_of_all(status: int) -> str:
    """Return the kind of body with which every status is tried; some have none."""
    return "nothing" if status in (101, 304) else "JSON"


def _connections() -> Iterator[FaultRow]:
    cut = head(200, length=1000) + OK_BODY
    yield FaultRow("reset before the head", (raw_then_reset(b""),), unknown())
    yield FaultRow("reset in the head", (raw_then_reset(head(200)[:9]),), unknown())
    yield FaultRow("reset after the head", (raw_then_reset(head(200, length=50)),), unknown())
    yield FaultRow("reset in the body", (raw_then_reset(cut),), unknown())
    yield FaultRow("closed before the head", (raw_then_close(b""),), unknown())
    yield FaultRow("closed in the head", (raw_then_close(head(200)[:-2]),), unknown())
    yield FaultRow("closed in the body", (raw_then_close(cut),), unknown())
    yield FaultRow("closed in the body of a 500", (raw_then_close(head(500, length=1000) + b"{}"),), unknown())
    yield FaultRow("body until the close", (raw_then_close(head(200) + OK_BODY),), fine())
    yield FaultRow("once broken, then well", (raw_then_reset(b""), ok), _twice(unknown()))
    yield FaultRow("once 502, then well", (respond(502), ok), _twice(unknown(ServerError)))
    unavailable = respond(503, headers=_WAIT)
    yield FaultRow("once 503 with `Retry-After`, then well", (unavailable, ok), _twice(unknown(ServerError)))


def _twice(ends: Ends) -> Ends:
    """Return the same where there is no retry, and a success at the second request where there is."""
    return {method: end if end.requests == 1 else fine(2)[method] for method, end in ends.items()}


def _slow() -> Iterator[FaultRow]:
    long_body = head(200, length=1000)
    steps = {
        "no response": raw_then_stall(b""),
        "no end of the head": raw_then_stall(head(200)[:-2]),
        "no body": raw_then_stall(head(200, length=50)),
        "no end of the body": raw_then_stall(long_body + OK_BODY),
        "no end of an error's body": raw_then_stall(head(400, length=1000) + b"{"),
    }
    for name, step in steps.items():
        yield FaultRow(name, (step,), timed_out(), timeout=SHORT)
    yield FaultRow("never read from", (frozen,), timed_out(), greet=True, timeout=SHORT)
    large = FaultRow("", (frozen,), timed_out(), greet=True, timeout=SHORT, body_size=8_000_000, httpx=("httpx2",))
    yield replace(large, name="never read from, large body")
    # httpx2 under asyncio loses what came before the reset: its transport forgets it.
    early = replace(large, name="refused before it was read, large body", timeout=5.0, httpx=())
    yield replace(early, steps=(raw_then_close(head(413, length=2) + b"{}"),), ends=final(APIStatusError))
    yield replace(large, name="read slowly, large body", steps=(slow_reader,))


def _framing() -> Iterator[FaultRow]:
    """Yield a few of each kind: `test_arbitrary.py` has more, by chance."""
    chunked = head(200, {"Transfer-Encoding": "chunked"})
    broken_heads: dict[str, bytes] = {
        "not HTTP": b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        "random bytes": bytes(range(255, -1, -1)) * 4 + b"\r\n\r\n",
        "status 42": head(42),
        "a head of 300 KB": head(200, {"X-Large": "x" * 300_000}),
        "a header with NUL": head(200, {"X-Nul": "a\0b"}),
        "a negative length": head(200, length=-5),
        "an unknown transfer encoding": head(200, {"Transfer-Encoding": "secret"}),
        "a bad chunk size": chunked + b"zz\r\n" + OK_BODY,
        "a chunk longer than declared": chunked + b"5\r\n0123456789\r\n0\r\n\r\n",
        "no last chunk": chunked + b"%x\r\n" % len(OK_BODY) + OK_BODY + b"\r\n",
    }
    for name, data in broken_heads.items():
        yield FaultRow(name, (raw_then_close(data),), unknown())
    whole = head(200, length=len(OK_BODY)) + OK_BODY
    yield FaultRow("bytes after the end", (raw(whole + b"and more"),), fine())
    yield FaultRow(
        "an interim response first", (raw(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + whole),), fine()
    )
    yield FaultRow("a folded header", (respond(headers={"X-Folded": "a\r\n b"}),), fine())
    yield FaultRow("headers that are not ASCII", (respond(headers={"X-Name": "\xe4\xf6\xfc"}),), fine())
    yield FaultRow(
        "bad rate limit headers",
        (respond(headers={f"X-RateLimit-{n}": "NaN" for n in ("Limit", "Remaining", "Reset")}),),
        fine(),
    )


def _bodies() -> Iterator[FaultRow]:
    """Yield one of each kind: `tests/core/test_decoding.py` and `test_compression.py` have the others."""
    squeezed = gzip.compress(OK_BODY)
    zipped = {"Content-Encoding": "gzip"}
    bomb = gzip_bomb(5)
    good: dict[str, Step] = {
        "gzip": respond(200, squeezed, zipped),
        "no envelope": respond(200, b"[1, 2]"),
    }
    bad: dict[str, Step] = {
        "bad gzip": respond(200, b"not gzip at all", zipped),
        "cut gzip": respond(200, squeezed[:-9], zipped),
        "an encoding that was not requested": respond(200, OK_BODY, {"Content-Encoding": "zstd"}),
        "a gzip bomb": respond(200, bomb, zipped),
        "bad UTF-8": respond(200, b'{"data": "\xff\xfe"}'),
        "deep JSON": respond(200, deep_json()),
        "cut JSON": respond(200, OK_BODY[:-1]),
        "5 MB": many_times(head(200, length=5_000_002) + b'"', b"x" * 100_000, 50, b'"'),
        "5 MB in chunks": many_times(
            head(200, {"Transfer-Encoding": "chunked"}) + b'1\r\n"\r\n',
            b"%x\r\n%b\r\n" % (100_000, b"x" * 100_000),
            50,
            b'1\r\n"\r\n0\r\n\r\n',
        ),
    }
    for name, step in good.items():
        yield FaultRow(name, (step,), fine())
    for name, step in bad.items():
        yield FaultRow(name, (step,), broken(), timeout=10.0)
    yield FaultRow("400 with bad gzip", (respond(400, b"no gzip", zipped),), final(BadRequestError))
    yield FaultRow("400 with deep JSON", (respond(400, deep_json()),), final(BadRequestError))
    yield FaultRow("500 with a gzip bomb", (respond(500, bomb, zipped),), unknown(ServerError), timeout=10.0)
    strange = json.dumps({"error": {"code": 7, "message": ["x"], "details": {"a": None}}, "meta": []}).encode()
    yield FaultRow("404 with a strange error", (respond(404, strange),), final(NotFoundError))
    yield FaultRow("429 with bad gzip", (respond(429, b"no gzip", {**zipped, **_WAIT}),), refused(RateLimitError))


def rows() -> list[FaultRow]:
    """Return every row of the table."""
    of_network = (replace(row, of_network=True) for row in (*_connections(), *_slow()))
    # The code for httpx2 is that for httpx: it meets what is of the network.
    others = (replace(row, httpx=row.httpx[:1]) for row in (*_framing(), *_bodies()))
    return [*_statuses(), *of_network, *others]
