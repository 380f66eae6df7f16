# Derived from fibonacci/_async/transports/proxies.py by tests/tools/mirror.py; change that file, not this one.
"""A connection through a proxy: a tunnel by the method CONNECT, or SOCKS5, which socksio speaks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import h11

from fibonacci._core.messages import Deadline, DeadlineExceeded
from fibonacci._core.transport_errors import TransportError, is_network_failure
from fibonacci._net.proxy import NO_SOCKSIO, tunnel_refusal
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
    try:
        while len(body) < _BODY_SIZE and isinstance(event := reader.event(at_once), h11.Data):
            body += event.data
    except (DeadlineExceeded, EOFError, h11.RemoteProtocolError, OSError) as error:
        if not is_network_failure(error):
            raise
    return body


NO_SOCKS5 = "the proxy does not speak SOCKS5"


def connect_via_socks5(stream: Stream, host: str, port: int, auth: tuple[str, str] | None, deadline: Deadline) -> None:
    """Have a proxy forward all further bytes.

    Args:
        stream: The stream to the proxy.
        host: The host to connect to.
        port: Its port.
        auth: User and password. None if the proxy needs none.
        deadline: The end of the call.

    Raises:
        TransportError: If the proxy refuses, or socksio isn't installed.
        OSError: If the connection breaks.
        DeadlineExceeded: If it takes too long.
    """
    try:
        from socksio import ProtocolError, socks5
    except ImportError as error:
        raise _refused(NO_SOCKSIO) from error
    protocol: Any = socks5.SOCKS5Connection()  # its annotations are wrong
    received = b""

    def request(message: Any) -> Any:
        nonlocal received
        protocol.send(message)
        stream.write(protocol.data_to_send(), deadline)
        is_command = isinstance(message, socks5.SOCKS5CommandRequest)
        # socksio reads one whole reply. The network may bring it in pieces, or with the next one.
        while (length := _reply_length(received, is_command)) is None or len(received) < length:
            more = stream.read(deadline)
            if not more:
                raise _refused(NO_SOCKS5)
            received += more
        reply, received = received[:length], received[length:]
        try:
            return protocol.receive_data(reply)
        except (ProtocolError, IndexError) as error:
            raise _refused(NO_SOCKS5) from error

    method = socks5.SOCKS5AuthMethod.USERNAME_PASSWORD if auth else socks5.SOCKS5AuthMethod.NO_AUTH_REQUIRED
    if request(socks5.SOCKS5AuthMethodsRequest([method])).method != method:
        raise _refused(
            "the proxy needs another kind of authentication" if auth else "the proxy needs a user and password"
        )
    if auth:
        user, password = (part.encode() for part in auth)
        if not request(socks5.SOCKS5UsernamePasswordRequest(user, password)).success:
            raise _refused("the proxy rejected the user and password")
    reply = request(socks5.SOCKS5CommandRequest.from_address(socks5.SOCKS5Command.CONNECT, (host, port)))
    if reply.reply_code != socks5.SOCKS5ReplyCode.SUCCEEDED:
        name = reply.reply_code.name
        cause = OSError(f"the proxy cannot reach {host}:{port} ({name.lower().replace('_', ' ')})")
        is_temporary = not name.endswith(("_BY_RULESET", "_NOT_SUPPORTED"))
        raise TransportError("never_sent" if is_temporary else "proxy", cause)


def _reply_length(received: bytes, is_command: bool) -> int | None:
    """Return the length of the reply that begins what was received, in bytes, or None if not enough is there."""
    if received[:1] not in (b"", b"\x05", b"\x01"):
        raise _refused(NO_SOCKS5)
    if not is_command:
        return 2
    if len(received) < 5:
        return None
    # RFC 1928, section 6: an address is of IPv4, IPv6, or a name behind its length.
    address = {1: 4, 4: 16, 3: 1 + received[4]}.get(received[3])
    if address is None:
        raise _refused(NO_SOCKS5)
    return 4 + address + 2


def _refused(reason: str) -> TransportError:
    return TransportError("proxy", OSError(reason))
