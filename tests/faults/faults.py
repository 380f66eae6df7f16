"""What the server can do to a request: acts that answer, break, stall, drip and lie."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Mapping, Sequence
from email.utils import formatdate

from tests.faults.server import Act, Peer

OK_BODY = b'{"data": {"fine": true}, "meta": {"request_id": "req_lab"}}'
Headers = Mapping[str, str] | Sequence[tuple[str, str]]


def error_body(code: str = "some_code", message: str = "It went wrong.") -> bytes:
    """The documented form of an error."""
    return json.dumps({"error": {"code": code, "message": message, "details": []}}).encode()


def head(status: int | str, headers: Headers = (), *, length: int | str | None = None) -> bytes:
    """The head of an answer."""
    pairs = list(headers.items()) if isinstance(headers, Mapping) else list(headers)
    if length is not None:
        pairs.append(("Content-Length", str(length)))
    lines = [f"HTTP/1.1 {status} Whatever", *(f"{name}: {value}" for name, value in pairs)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def answer(
    status: int = 200, body: bytes = OK_BODY, headers: Headers = (), *, content_type: str = "application/json"
) -> Act:
    """Answer whole and well-formed."""
    pairs = list(headers.items()) if isinstance(headers, Mapping) else list(headers)
    if content_type:
        pairs.append(("Content-Type", content_type))
    return raw(head(status, pairs, length=len(body)) + body)


def raw(data: bytes) -> Act:
    """Send these bytes, and keep the connection."""

    def act(peer: Peer) -> None:
        peer.send(data)

    return act


ok = answer()


def many_times(before: bytes, piece: bytes, times: int, after: bytes) -> Act:
    """Send the same piece many times, for as long as the client takes it."""

    def act(peer: Peer) -> None:
        peer.send(before)
        for _ in range(times):
            peer.send(piece)
        peer.send(after)
        peer.close()

    return act


def raw_then_close(data: bytes) -> Act:
    """Send these bytes, and close the connection properly."""

    def act(peer: Peer) -> None:
        peer.send(data)
        peer.close()

    return act


def raw_then_reset(data: bytes) -> Act:
    """Send these bytes, let them arrive, and reset the connection."""

    def act(peer: Peer) -> None:
        if data:
            peer.send(data)
            peer.pause(0.02)
        peer.reset()

    return act


def raw_then_stall(data: bytes) -> Act:
    """Send these bytes, and then nothing more."""

    def act(peer: Peer) -> None:
        if data:
            peer.send(data)
        peer.stall()

    return act


def dripping(at_once: bytes, slowly: bytes, every: float = 0.05) -> Act:
    """Send some bytes at once, and the others one by one."""

    def act(peer: Peer) -> None:
        peer.send(at_once)
        peer.drip(slowly, every)
        peer.stall()

    return act


def flood_of_informational(peer: Peer) -> None:
    """Send 1xx answers for a second, and never the real one."""
    ends = time.monotonic() + 1.0
    while time.monotonic() < ends and peer.pause(0.01):
        peer.send(b"HTTP/1.1 102 Processing\r\n\r\n")
    peer.close()


def frozen(peer: Peer) -> None:
    """Take the connection and never read from it."""
    peer.freeze()


def slow_reader(peer: Peer) -> None:
    """Take the connection and read from it so slowly that a large body never gets through."""
    peer.read_slowly(16 * 1024, 0.01)


def refusing(status: int, headers: Headers, *, date: float | None = None) -> Act:
    """Refuse, and let the server's own clock show `date`."""
    pairs = list(headers.items()) if isinstance(headers, Mapping) else list(headers)
    if date is not None:
        pairs.append(("Date", http_date(date)))
    return answer(status, error_body("slow_down", "Not now."), pairs)


def http_date(moment: float) -> str:
    """A Unix time as HTTP writes it."""
    return formatdate(moment, usegmt=True)


def gzip_bomb(megabytes: int) -> bytes:
    """Zeros, compressed to a thousandth of their size."""
    return gzip.compress(bytes(megabytes * 1024 * 1024), 9)


def deep_json(levels: int = 100_000) -> bytes:
    """Lists in lists."""
    return b"[" * levels + b"]" * levels
