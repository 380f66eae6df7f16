# Derived from fibonacci/_async/transports/proxies.py by tests/tools/mirror.py; change that file, not this one.
"""A connection through a proxy: a tunnel by the method CONNECT."""

from __future__ import annotations

from typing import TYPE_CHECKING

import h11

from fibonacci._core.messages import Deadline
from fibonacci._net.proxies import tunnel_refusal
from fibonacci._sync.transports.http11 import ResponseReader

if TYPE_CHECKING:
    from fibonacci._sync.transports.tls import Stream


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
    refusal = tunnel_refusal(authority, head.status_code, head.reason, head.headers.raw_items())
    raise refusal from refusal.cause
