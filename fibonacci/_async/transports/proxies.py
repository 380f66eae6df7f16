"""A connection through a proxy: a tunnel by the method CONNECT."""

from __future__ import annotations

from typing import TYPE_CHECKING

import h11

from fibonacci._async.transports.http11 import AsyncResponseReader
from fibonacci._core.messages import Deadline
from fibonacci._net.proxies import tunnel_refusal

if TYPE_CHECKING:
    from fibonacci._async.transports.tls import AsyncStream


async def open_tunnel(
    stream: AsyncStream, authority: str, headers: tuple[tuple[bytes, bytes], ...], deadline: Deadline
) -> None:
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
    await stream.write((http.send(connect) or b"") + (http.send(h11.EndOfMessage()) or b""), deadline)
    reader = AsyncResponseReader(stream, http, "proxy")
    head = await reader.head(deadline)
    if 200 <= head.status_code < 300:
        return
    refusal = tunnel_refusal(authority, head.status_code, head.reason, head.headers.raw_items())
    raise refusal from refusal.cause
