"""What a scripted server can do with a request: steps that respond, break, stall, drip, or send false framing."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping, Sequence
from email.utils import formatdate
from typing import Any

from tests.kit.peer import Peer

Step = Callable[[Peer], object]
"""What a server does when it has read a request."""

OK_BODY = b'{"data": {"fine": true}, "meta": {"request_id": "req_1"}}'
Headers = Mapping[str, str] | Sequence[tuple[str, str]]


def error_body(code: str = "some_code", message: str = "It went wrong.") -> bytes:
    """Return a body in the documented form of an error."""
    return json.dumps({"error": {"code": code, "message": message, "details": []}}).encode()


def head(status: int | str, headers: Headers = (), *, length: int | str | None = None) -> bytes:
    """Return the head of a response."""
    pairs = list(headers.items()) if isinstance(headers, Mapping) else list(headers)
    if length is not None:
        pairs.append(("Content-Length", str(length)))
    lines = [f"HTTP/1.1 {status} Whatever", *(f"{name}: {value}" for name, value in pairs)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def respond(
    status: int = 200, body: bytes = OK_BODY, headers: Headers = (), *, content_type: str = "application/json"
) -> Step:
    """Send a whole, well-formed response."""
    pairs = list(headers.items()) if isinstance(headers, Mapping) else list(headers)
    if content_type:
        pairs.append(("Content-Type", content_type))
    return raw(head(status, pairs, length=len(body)) + body)


def content(body: Any, status: int, headers: Mapping[str, str] | None = None) -> tuple[dict[str, str], bytes]:
    """Return headers and body of a response: text and bytes as they are, other bodies as JSON.

    The given headers replace those of the same name.
    """
    if status in (204, 304):
        return {"Content-Type": "application/json", **(headers or {})}, b""
    data = body.encode() if isinstance(body, str) else body if isinstance(body, bytes) else json.dumps(body).encode()
    return {"Content-Type": "application/json", "Content-Length": str(len(data)), **(headers or {})}, data


def respond_json(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Step:
    """Send a response with the given body as JSON; text and bytes are sent as they are."""
    fields, data = content(body, status, headers)
    return raw(head(status, fields) + data)


def raw(data: bytes) -> Step:
    """Send these bytes and keep the connection."""

    def step(peer: Peer) -> None:
        peer.send(data)

    return step


ok = respond()


def many_times(before: bytes, piece: bytes, times: int, after: bytes) -> Step:
    """Send the same piece many times, for as long as the client reads."""

    def step(peer: Peer) -> None:
        peer.send(before)
        for _ in range(times):
            peer.send(piece)
        peer.send(after)
        peer.close()

    return step


def raw_then_close(data: bytes) -> Step:
    """Send these bytes and close the connection in the regular way."""

    def step(peer: Peer) -> None:
        peer.send(data)
        peer.close()

    return step


def raw_then_reset(data: bytes) -> Step:
    """Send these bytes, let them arrive, and reset the connection."""

    def step(peer: Peer) -> None:
        if data:
            peer.send(data)
            peer.pause(0.02)
        peer.reset()

    return step


def raw_then_stall(data: bytes) -> Step:
    """Send these bytes and then nothing more."""

    def step(peer: Peer) -> None:
        if data:
            peer.send(data)
        peer.stall()

    return step


def dripping(at_once: bytes, slowly: bytes, every: float = 0.05) -> Step:
    """Send some bytes at once and the others one by one."""

    def step(peer: Peer) -> None:
        peer.send(at_once)
        peer.drip(slowly, every)
        peer.stall()

    return step


def frozen(peer: Peer) -> None:
    """Accept the connection and never read from it."""
    peer.freeze()


def slow_reader(peer: Peer) -> None:
    """Accept the connection and read so slowly that a large body is never sent whole."""
    peer.read_slowly(16 * 1024, 0.01)


def refusing(status: int, headers: Headers, *, date: float | None = None) -> Step:
    """Refuse; `date` is the time on the server's clock."""
    pairs = list(headers.items()) if isinstance(headers, Mapping) else list(headers)
    if date is not None:
        pairs.append(("Date", http_date(date)))
    return respond(status, error_body("slow_down", "Not now."), pairs)


def http_date(moment: float) -> str:
    """Return a Unix time as HTTP writes it."""
    return formatdate(moment, usegmt=True)


def gzip_bomb(megabytes: int) -> bytes:
    """Return zeros, compressed to a 200th of their size."""
    return gzip.compress(bytes(megabytes * 1024 * 1024), 1)


def deep_json(levels: int = 100_000) -> bytes:
    """Return lists within lists as JSON."""
    return b"[" * levels + b"]" * levels
