# Derived from fibonacci/_async/transports/socks.py by tests/mirror.py; change that file, not this one.
"""A way through a SOCKS5 proxy; socksio knows what is said there."""

from __future__ import annotations

from typing import Any

from fibonacci._core.deadline import Deadline
from fibonacci._core.messages import TransportError
from fibonacci._sync.transports.stream import Stream


def connect_via_socks5(stream: Stream, host: str, port: int, auth: tuple[str, str] | None, deadline: Deadline) -> None:
    """Have a proxy pass on all that follows.

    Args:
        stream: The stream to the proxy.
        host: Where to.
        port: At which port.
        auth: User and password; None when the proxy wants none.
        deadline: The end of the call.

    Raises:
        TransportError: If the proxy refuses, or socksio is not installed.
        OSError: If the connection breaks.
        DeadlineExceeded: If it takes too long.
    """
    try:
        from socksio import ProtocolError, socks5
    except ImportError as error:
        raise _refused("SOCKS proxies need socksio: pip install 'fibonacci-sdk[socks]'") from error
    talk: Any = socks5.SOCKS5Connection()  # its types puzzle type checkers

    def said(message: Any) -> Any:
        talk.send(message)
        stream.write(talk.data_to_send(), deadline)
        try:
            return talk.receive_data(stream.read(deadline))
        except (ProtocolError, IndexError) as error:
            raise _refused("the proxy does not speak SOCKS5") from error

    method = socks5.SOCKS5AuthMethod.USERNAME_PASSWORD if auth else socks5.SOCKS5AuthMethod.NO_AUTH_REQUIRED
    if said(socks5.SOCKS5AuthMethodsRequest([method])).method != method:
        raise _refused("the proxy wants another kind of password" if auth else "the proxy wants a password")
    if auth:
        user, password = (part.encode() for part in auth)
        if not said(socks5.SOCKS5UsernamePasswordRequest(user, password)).success:
            raise _refused("the proxy does not take this user and password")
    reply = said(socks5.SOCKS5CommandRequest.from_address(socks5.SOCKS5Command.CONNECT, (host, port)))
    if reply.reply_code != socks5.SOCKS5ReplyCode.SUCCEEDED:
        name = reply.reply_code.name
        failure = _refused(f"the proxy cannot reach {host}:{port} ({name.lower().replace('_', ' ')})")
        if not name.endswith(("_BY_RULESET", "_NOT_SUPPORTED")):  # the server may be back the next time
            failure.kind = "never_sent"
        raise failure


def _refused(reason: str) -> TransportError:
    return TransportError("proxy", OSError(reason))
