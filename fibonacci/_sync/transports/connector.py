# Derived from fibonacci/_async/transports/connector.py by tests/mirror.py; change that file, not this one.
"""Making connections to one origin: directly, or through a proxy by CONNECT or SOCKS5."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import h11

from fibonacci._core.deadline import Deadline, DeadlineExceeded
from fibonacci._core.transport_errors import TransportError, connect_error_from, is_network_failure
from fibonacci._core.urls import left_for
from fibonacci._net.proxies import proxy_for
from fibonacci._net.proxy import NO_SOCKSIO, tunnel_refusal
from fibonacci._sync.transports import _network
from fibonacci._sync.transports.http11 import HTTP11Connection, ResponseReader

if TYPE_CHECKING:
    from ssl import SSLContext

    from fibonacci._core.phases import Phases
    from fibonacci._net.proxy import Proxy
    from fibonacci._sync.transports.http11 import Stream


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
        TransportError: If the proxy refuses, or cannot reach the server.
        OSError: If the connection breaks.
        EOFError: If the proxy closes the connection before it responds.
        DeadlineExceeded: If it takes too long.
        h11.RemoteProtocolError: If the response is not HTTP/1.1.
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


class Connector:
    """Makes connections to one origin.

    Args:
        origin: Scheme, host and port.
        connect_timeout: Seconds for one attempt to connect: name lookup, TCP, proxy and TLS handshake.
        ca_bundle: A file or folder of authorities to trust beside the system's; None for none.
        client_cert: The client's certificate, for the origin alone; None for none.

    Raises:
        UnicodeError: If a host's name is too long or has an empty label.
        TransportError: If the environment names a proxy that is no URL of one.
    """

    def __init__(
        self,
        origin: str,
        *,
        connect_timeout: float,
        ca_bundle: str | None = None,
        client_cert: str | tuple[str, ...] | None = None,
    ) -> None:
        self._origin = _Endpoint(origin)
        self._connect_timeout = connect_timeout
        self._ca_bundle = ca_bundle
        self._client_cert = client_cert
        try:
            self._proxy = proxy_for(origin)
        except ValueError as error:
            raise TransportError("proxy", error) from error

    @property
    def proxy(self) -> str | None:
        """The URL of the proxy, without user and password; None for none."""
        return None if self._proxy is None else self._proxy.url

    def connect(self, deadline: Deadline, phases: Phases) -> HTTP11Connection:
        """Return a new connection.

        Args:
            deadline: The end of the call.
            phases: Those of the call.

        Raises:
            TransportError: If it cannot be made within `connect_timeout` and before the deadline.
        """
        seconds = self._connect_timeout
        try:
            return self._connect(
                deadline.at_most(seconds, f"no connection within connect_timeout ({seconds:g} s)"), phases
            )
        except Exception as error:
            if isinstance(error, TransportError) or not is_network_failure(error):
                raise
            raise connect_error_from(error) from error

    def _connect(self, deadline: Deadline, phases: Phases) -> HTTP11Connection:
        first = self._origin if self._proxy is None else _Endpoint(self._proxy.url)
        if self._origin.is_secure:
            self._tls_context(self._origin)  # made before a socket takes the last descriptor, and kept
        opened = _network.connect(first.host, first.port, deadline, phases)
        stream: Stream = opened
        try:
            if (reason := left_for(self._origin.url, first.host, opened.peer)) is not None:
                raise TransportError("name", reason)
            if first.is_secure:
                stream = self._with_tls(stream, first, deadline, phases)
            if self._proxy is None:
                return HTTP11Connection(stream)
            return self._via_proxy(self._proxy, stream, deadline, phases)
        except BaseException:
            opened.close()
            raise

    def _via_proxy(self, proxy: Proxy, stream: Stream, deadline: Deadline, phases: Phases) -> HTTP11Connection:
        phases.enter("proxy")
        if proxy.is_socks:
            connect_via_socks5(stream, self._origin.host, self._origin.port, proxy.auth, deadline)
        elif self._origin.is_secure:
            open_tunnel(stream, f"{self._origin.bracketed}:{self._origin.port}", proxy.headers, deadline)
        else:
            return HTTP11Connection(stream, prefix=self._origin.url, headers=proxy.headers)
        if self._origin.is_secure:
            stream = self._with_tls(stream, self._origin, deadline, phases)
        return HTTP11Connection(stream)

    def _with_tls(self, stream: Stream, endpoint: _Endpoint, deadline: Deadline, phases: Phases) -> Stream:
        from fibonacci._sync.transports.tls import TLSStream

        phases.enter("tls")
        encrypted = TLSStream(stream, self._tls_context(endpoint), endpoint.host.partition("%")[0])
        encrypted.do_handshake(deadline)
        return encrypted

    def _tls_context(self, endpoint: _Endpoint) -> SSLContext:
        # Imported here: loading TLS takes longer than everything else that a call over plain http needs.
        from fibonacci._net.tls import ssl_context

        return ssl_context(self._ca_bundle, self._client_cert if endpoint is self._origin else None)


class _Endpoint:
    """The host and port of a URL; a name that is not ASCII in its `xn--` form."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        host = parts.hostname or ""
        self.url = url
        self.is_secure = parts.scheme == "https"
        # A zone of a link-local address, as in fe80::1%eth0, stands percent-encoded in a URL (RFC 6874).
        host = host.replace("%25", "%", 1) if ":" in host else host
        self.host = host if host.isascii() else host.encode("idna").decode("ascii")
        self.bracketed = f"[{self.host}]" if ":" in self.host else self.host
        self.port = parts.port or {"https": 443, "http": 80}.get(parts.scheme, 1080)
