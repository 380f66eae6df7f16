"""Streams of bytes, and TLS over any of them, which may itself have TLS, as behind an https proxy."""

from __future__ import annotations

import errno
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import ParamSpec, Protocol, TypeVar

from fibonacci._core.messages import Deadline, DeadlineExceeded
from fibonacci._net.sockets import READ_SIZE

P = ParamSpec("P")
T = TypeVar("T")


class AsyncStream(Protocol):
    """Bytes to and from a server."""

    @property
    def bytes_sent(self) -> int:
        """How many bytes the system has accepted to send, at most."""
        ...

    async def read(self, deadline: Deadline) -> bytes:
        """Read some bytes, or none at the end.

        Raises:
            OSError: If the connection breaks.
            DeadlineExceeded: If none are received in time.
        """
        ...

    async def write(self, data: bytes, deadline: Deadline) -> None:
        """Write all bytes.

        Raises:
            OSError: If the connection breaks.
            DeadlineExceeded: If not all are accepted in time.
        """
        ...

    def close(self) -> None:
        """Close the stream."""
        ...

    def expect_acknowledgment(self, seconds: float) -> None:
        """Have the connection end if the peer doesn't acknowledge what is sent. 0 for no bound."""
        ...

    def is_readable(self) -> bool:
        """Whether data has been received, or the peer has closed."""
        ...


class AsyncTLSStream:
    """TLS over another stream.

    Args:
        stream: The stream.
        context: The authorities to trust.
        hostname: The name that the peer's certificate must have.
    """

    def __init__(self, stream: AsyncStream, context: ssl.SSLContext, hostname: str) -> None:
        self._stream = stream
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        # As bytes, because for a str Python imports its IDNA codec, which takes 1 ms. The name is ASCII.
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=hostname.encode("ascii"))

    async def do_handshake(self, deadline: Deadline) -> None:
        """Perform the TLS handshake, before anything else.

        Raises:
            OSError: If that fails. An `ssl.SSLError` if the peer can't be trusted.
            DeadlineExceeded: If it takes too long.
        """
        with suppress(ssl.SSLEOFError, ssl.SSLZeroReturnError):
            await self._perform(deadline, self._tls.do_handshake)
            return
        # It doesn't mean that the server isn't trusted, and may not happen again.
        raise ConnectionResetError(errno.ECONNRESET, "the server closed the connection during the TLS handshake")

    @property
    def bytes_sent(self) -> int:
        """How many bytes the system has accepted to send, at most."""
        return self._stream.bytes_sent

    async def read(self, deadline: Deadline) -> bytes:
        """Read some bytes, or none at the end, whether or not the peer announced it."""
        try:
            return await self._perform(deadline, self._tls.read, READ_SIZE)
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""

    async def write(self, data: bytes, deadline: Deadline) -> None:
        """Write all bytes."""
        rest = memoryview(data)
        before = self.bytes_sent
        try:
            while rest:
                rest = rest[await self._perform(deadline, self._tls.write, rest) :]
        except ConnectionError:
            if self.bytes_sent == before:  # there is no response, but an alert may say why the peer has closed
                with suppress(ConnectionError, DeadlineExceeded):
                    await self.read(deadline)
            raise

    def close(self) -> None:
        """Close the stream below."""
        self._stream.close()

    def is_readable(self) -> bool:
        """Whether data has been received, or the peer has closed."""
        return self._incoming.pending > 0 or self._tls.pending() > 0 or self._stream.is_readable()

    def expect_acknowledgment(self, seconds: float) -> None:
        """Have the connection end if the peer doesn't acknowledge what is sent. 0 for no bound."""
        self._stream.expect_acknowledgment(seconds)

    async def _perform(self, deadline: Deadline, operation: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Perform an operation of the TLS object, moving bytes between it and the stream as it asks for them."""
        while True:
            try:
                result = operation(*args, **kwargs)
            except ssl.SSLWantReadError:
                pass  # handled below, so that a failure there does not have this exception as its context
            except ssl.SSLError:
                # Send the alert that tells the peer why, if it is still there.
                with suppress(OSError):
                    await self._flush(deadline)
                raise
            else:
                await self._flush(deadline)
                return result
            await self._flush(deadline)
            received = await self._stream.read(deadline)
            if received:
                self._incoming.write(received)
            else:
                self._incoming.write_eof()

    async def _flush(self, deadline: Deadline) -> None:
        if self._outgoing.pending:
            await self._stream.write(self._outgoing.read(), deadline)
