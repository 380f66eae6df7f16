"""Sockets under asyncio and trio, for httpcore. Written by hand: this file's twin is the blocking one.

httpcore's own backend for asyncio goes through anyio and asyncio's transports: it is slower, and a transport cannot be
closed once its event loop is gone. Here a connection is a plain non-blocking socket, which can be dropped at any time.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Any, ParamSpec, TypeVar, cast

import httpcore

from fibonacci._core.sockets import is_readable, share_of

P = ParamSpec("P")
T = TypeVar("T")
_TLS_RECORD = 64 * 1024


def backend() -> httpcore.AsyncNetworkBackend:
    """The network of the event loop that runs here."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return cast("httpcore.AsyncNetworkBackend", httpcore.TrioBackend())
    return AsyncioBackend()


class AsyncioBackend(httpcore.AsyncNetworkBackend):
    """Connects plain sockets under asyncio."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address of the host that answers."""
        loop = asyncio.get_running_loop()
        ends_at = None if timeout is None else loop.time() + timeout
        lookup = loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        found = await _bounded(lookup, timeout, httpcore.ConnectTimeout, httpcore.ConnectError)
        for left in range(len(found), 0, -1):
            family, kind, protocol, _, address = found[-left]
            share = share_of(None if ends_at is None else ends_at - loop.time(), left)
            try:
                sock = socket.socket(family, kind, protocol)
            except OSError as error:  # the system has no such family, as where IPv6 is switched off
                if left == 1:
                    raise httpcore.ConnectError(str(error)) from error
                continue
            try:
                sock.setblocking(False)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connected = loop.sock_connect(sock, address)
                await _bounded(connected, share, httpcore.ConnectTimeout, httpcore.ConnectError)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                sock.close()
                if left == 1:
                    raise
            except BaseException:
                sock.close()
                raise
            else:
                return AsyncioStream(sock)
        raise httpcore.ConnectError(f"{host} has no address")


class AsyncioStream(httpcore.AsyncNetworkStream):
    """A plain socket under asyncio."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read some bytes; none at the end."""
        received = asyncio.get_running_loop().sock_recv(self._sock, max_bytes)
        return await _bounded(received, timeout, httpcore.ReadTimeout, httpcore.ReadError)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write all bytes."""
        try:
            sent = self._sock.send(buffer) if buffer else 0
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError as error:
            raise httpcore.WriteError(str(error)) from error
        if sent < len(buffer):
            rest = asyncio.get_running_loop().sock_sendall(self._sock, memoryview(buffer)[sent:])
            await _bounded(rest, timeout, httpcore.WriteTimeout, httpcore.WriteError)

    async def aclose(self) -> None:
        """Close the socket."""
        self._sock.close()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        """Go on encrypted."""
        return await TLSStream.over(self, ssl_context, server_hostname, timeout)

    def get_extra_info(self, info: str) -> Any:
        """The socket, its addresses, and whether there is something to read."""
        match info:
            case "socket":
                return self._sock
            case "is_readable":
                return is_readable(self._sock)
            case "client_addr":
                return self._sock.getsockname()
            case "server_addr":
                return self._sock.getpeername()
            case _:
                return None


class TLSStream(httpcore.AsyncNetworkStream):
    """TLS over another stream, which may itself be one with TLS, as behind an https proxy."""

    def __init__(self, stream: httpcore.AsyncNetworkStream, context: ssl.SSLContext, hostname: str | None) -> None:
        self._stream = stream
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=hostname)

    @classmethod
    async def over(
        cls,
        stream: httpcore.AsyncNetworkStream,
        context: ssl.SSLContext,
        hostname: str | None,
        timeout: float | None,
    ) -> TLSStream:
        """Shake hands over a stream, which is closed when that fails."""
        try:
            tls = cls(stream, context, hostname)
            handshake = tls._perform(None, tls._tls.do_handshake)
            await _bounded(handshake, timeout, httpcore.ConnectTimeout, httpcore.ConnectError)
        except (httpcore.ReadError, httpcore.WriteError) as error:
            await stream.aclose()
            # Nothing of the request has been sent yet.
            raise httpcore.ConnectError(str(error)) from error
        except BaseException:
            await stream.aclose()
            raise
        return tls

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read some bytes; none at the end, announced or not."""
        try:
            return await self._perform(timeout, self._tls.read, max_bytes)
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""
        except ssl.SSLError as error:
            raise httpcore.ReadError(str(error)) from error

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write all bytes."""
        try:
            while buffer:
                buffer = buffer[await self._perform(timeout, self._tls.write, buffer) :]
        except ssl.SSLError as error:
            raise httpcore.WriteError(str(error)) from error

    async def aclose(self) -> None:
        """Close the stream below."""
        await self._stream.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        """Put another layer of TLS on top."""
        return await TLSStream.over(self, ssl_context, server_hostname, timeout)

    def get_extra_info(self, info: str) -> Any:
        """The TLS object, or what the stream below knows."""
        return self._tls if info == "ssl_object" else self._stream.get_extra_info(info)

    async def _perform(self, timeout: float | None, operation: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Carry out an operation of the TLS object, moving bytes between it and the stream as it asks for them."""
        while True:
            try:
                result = operation(*args, **kwargs)
            except ssl.SSLWantReadError:
                pass  # what is done about it is done below, where its failures have no other reason than their own
            except ssl.SSLError:
                # The alert that tells the other side why is worth sending, if it is still there.
                with suppress(httpcore.WriteError):
                    await self._flush(timeout)
                raise
            else:
                await self._flush(timeout)
                return result
            await self._flush(timeout)
            received = await self._stream.read(_TLS_RECORD, timeout)
            if received:
                self._incoming.write(received)
            else:
                self._incoming.write_eof()

    async def _flush(self, timeout: float | None) -> None:
        if self._outgoing.pending:
            await self._stream.write(self._outgoing.read(), timeout)


async def _bounded(operation: Awaitable[T], timeout: float | None, late: type[Exception], failed: type[Exception]) -> T:
    """Await an operation for so long, and translate its errors into httpcore's."""
    try:
        async with asyncio.timeout(timeout):
            return await operation
    except TimeoutError as error:
        # A connection that the system gave up on is a failure, not this call's time running out.
        raise (failed(str(error)) if error.errno else late("the call's time is up")) from error
    except OSError as error:
        raise failed(str(error)) from error
