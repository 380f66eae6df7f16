# Derived from fibonacci/_async/transports/proxies.py by tests/tools/mirror.py; change that file, not this one.
"""A connection through a proxy: a tunnel by the method CONNECT."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import h11

from fibonacci._core.messages import Deadline, DeadlineExceeded
from fibonacci._net.proxy import tunnel_refusal
from fibonacci._sync.transports.http11 import ResponseReader

if TYPE_CHECKING:
    from fibonacci._sync.transports.tls import Stream


# Of the body of a refusal: how much is read, and for how long.
_BODY_SIZE = 16 * 1024
_BODY_SECONDS = 0.2


def open_tunnel(stream: Stream, authority: str, headers: tuple[tuple[bytes, bytes], ...], deadline: Deadline) -> None:
    """Have a proxy forward all further bytes.

    Args:
        stream: The stream to the proxy.
        authority: The host and port to connect to.
        headers: Headers for the proxy, such as its authorization.
        deadline: The end of the call.

    Raises:
        TransportError: If the proxy refuses, or can't reach the server.
        OSError: If the connection breaks.
        EOFError: If the proxy closes the connection before it responds.
        DeadlineExceeded: If it takes too long. h11.RemoteProtocolError: If the response isn't HTTP/1.1.
    """
    http = h11.Connection(h11.CLIENT)
    connect = h11.Request(method="CONNECT", target=authority, headers=[(b"host", authority.encode()), *headers])
    stream.write((http.send(connect) or b"") + (http.send(h11.EndOfMessage()) or b""), deadline)
    reader = ResponseReader(stream, http, "proxy")
    head = reader.head(deadline)
    if 200 <= head.status_code < 300:
        return
    body = _beginning_of_body(reader, deadline)
    refusal = tunnel_refusal(authority, head.status_code, head.reason, head.headers.raw_items(), body)
    raise refusal from refusal.cause


def _beginning_of_body(reader: ResponseReader, deadline: Deadline) -> bytes:
    """Return what comes of the body at once: it explains a refusal, and is worth no wait."""
    body = b""
    at_once = deadline.at_most(_BODY_SECONDS, "the proxy sent no body")
    with suppress(DeadlineExceeded, EOFError, h11.RemoteProtocolError, ConnectionError):
        while len(body) < _BODY_SIZE and isinstance(event := reader.event(at_once), h11.Data):
            body += event.data
    return body
