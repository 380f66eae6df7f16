# Derived from fibonacci/_async/transports/tunnel.py by tests/mirror.py; change that file, not this one.
"""A tunnel through an HTTP proxy, by the method CONNECT."""

from __future__ import annotations

import h11

from fibonacci._core.deadline import Deadline
from fibonacci._core.messages import TransportError
from fibonacci._sync.transports.stream import Stream


def open_tunnel(stream: Stream, authority: str, headers: tuple[tuple[bytes, bytes], ...], deadline: Deadline) -> None:
    """Have a proxy pass on all that follows.

    Args:
        stream: The stream to the proxy.
        authority: Where to, host and port.
        headers: What the proxy wants to see, such as a password.
        deadline: The end of the call.

    Raises:
        TransportError: If the proxy refuses, or cannot reach the server.
        OSError: If the connection breaks.
        DeadlineExceeded: If it takes too long.
        h11.RemoteProtocolError: If what comes is not HTTP/1.1.
    """
    http = h11.Connection(h11.CLIENT)
    asked = h11.Request(method="CONNECT", target=authority, headers=[(b"host", authority.encode()), *headers])
    stream.write((http.send(asked) or b"") + (http.send(h11.EndOfMessage()) or b""), deadline)
    while (event := http.next_event()) is h11.NEED_DATA or isinstance(event, h11.InformationalResponse):
        if event is h11.NEED_DATA:
            http.receive_data(stream.read(deadline))
    if isinstance(event, h11.Response) and 200 <= event.status_code < 300:
        return
    answer = f"{event.status_code} {event.reason.decode('latin-1')}" if isinstance(event, h11.Response) else "nothing"
    cause = OSError(f"the proxy answered CONNECT {authority} with {answer}")
    # What a gateway says may pass; a refusal will not.
    may_pass = isinstance(event, h11.Response) and event.status_code >= 500
    raise TransportError("never_sent" if may_pass else "proxy", cause) from cause
