"""A tunnel through an HTTP proxy, by the method CONNECT."""

from __future__ import annotations

from typing import TYPE_CHECKING

import h11

from fibonacci._async.transports.response_reader import AsyncResponseReader
from fibonacci._core.deadline import Deadline
from fibonacci._core.transport_errors import TransportError

if TYPE_CHECKING:
    from fibonacci._async.transports.stream import AsyncStream


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
        TransportError: If the proxy refuses, or cannot reach the server.
        OSError: If the connection breaks.
        EOFError: If the proxy closes the connection before it responds.
        DeadlineExceeded: If it takes too long.
        h11.RemoteProtocolError: If the response is not HTTP/1.1.
    """
    http = h11.Connection(h11.CLIENT)
    connect = h11.Request(method="CONNECT", target=authority, headers=[(b"host", authority.encode()), *headers])
    await stream.write((http.send(connect) or b"") + (http.send(h11.EndOfMessage()) or b""), deadline)
    head = await AsyncResponseReader(stream, http, "proxy").head(deadline)
    if 200 <= head.status_code < 300:
        return
    status = f"{head.status_code} {head.reason.decode('latin-1')}"
    cause = OSError(f"the proxy responded to CONNECT {authority} with status {status}")
    # A 5xx of a gateway may be temporary; a refusal is not.
    raise TransportError("never_sent" if head.status_code >= 500 else "proxy", cause) from cause
