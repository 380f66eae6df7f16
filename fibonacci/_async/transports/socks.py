"""A connection through a SOCKS5 proxy; socksio speaks the protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fibonacci._core.deadline import Deadline
from fibonacci._core.transport_errors import TransportError
from fibonacci._net.proxy import NO_SOCKSIO

if TYPE_CHECKING:
    from fibonacci._async.transports.tls import AsyncStream

NO_SOCKS5 = "the proxy does not speak SOCKS5"


async def connect_via_socks5(
    stream: AsyncStream, host: str, port: int, auth: tuple[str, str] | None, deadline: Deadline
) -> None:
    """Have a proxy forward all further bytes.

    Args:
        stream: The stream to the proxy.
        host: The host to connect to.
        port: Its port.
        auth: User and password; None when the proxy needs none.
        deadline: The end of the call.

    Raises:
        TransportError: If the proxy refuses, or socksio is not installed.
        OSError: If the connection breaks.
        DeadlineExceeded: If it takes too long.
    """
    try:
        from socksio import ProtocolError, socks5
    except ImportError as error:
        raise _refused(NO_SOCKSIO) from error
    protocol: Any = socks5.SOCKS5Connection()  # its annotations are wrong
    received = b""

    async def request(message: Any) -> Any:
        nonlocal received
        protocol.send(message)
        await stream.write(protocol.data_to_send(), deadline)
        is_command = isinstance(message, socks5.SOCKS5CommandRequest)
        # socksio reads one whole reply. The network may bring it in pieces, or with the next one.
        while (length := _reply_length(received, is_command)) is None or len(received) < length:
            more = await stream.read(deadline)
            if not more:
                raise _refused(NO_SOCKS5)
            received += more
        reply, received = received[:length], received[length:]
        try:
            return protocol.receive_data(reply)
        except (ProtocolError, IndexError) as error:
            raise _refused(NO_SOCKS5) from error

    method = socks5.SOCKS5AuthMethod.USERNAME_PASSWORD if auth else socks5.SOCKS5AuthMethod.NO_AUTH_REQUIRED
    if (await request(socks5.SOCKS5AuthMethodsRequest([method]))).method != method:
        raise _refused(
            "the proxy needs another kind of authentication" if auth else "the proxy needs a user and password"
        )
    if auth:
        user, password = (part.encode() for part in auth)
        if not (await request(socks5.SOCKS5UsernamePasswordRequest(user, password))).success:
            raise _refused("the proxy rejected the user and password")
    reply = await request(socks5.SOCKS5CommandRequest.from_address(socks5.SOCKS5Command.CONNECT, (host, port)))
    if reply.reply_code != socks5.SOCKS5ReplyCode.SUCCEEDED:
        name = reply.reply_code.name
        cause = OSError(f"the proxy cannot reach {host}:{port} ({name.lower().replace('_', ' ')})")
        is_temporary = not name.endswith(("_BY_RULESET", "_NOT_SUPPORTED"))
        raise TransportError("never_sent" if is_temporary else "proxy", cause)


def _reply_length(received: bytes, is_command: bool) -> int | None:
    """Return the length of the reply that begins what was received, in bytes; None when not enough is there."""
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
