"""TLS over any stream, which may itself be one with TLS, as behind an https proxy."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import ParamSpec, TypeVar

from fibonacci._async.transports.stream import AsyncStream
from fibonacci._core.deadline import Deadline
from fibonacci._net.sockets import READ_SIZE

P = ParamSpec("P")
T = TypeVar("T")


class AsyncTLSStream:
    """TLS over another stream.

    Args:
        stream: The stream.
        context: Whom to trust.
        hostname: The name that the other side's certificate must have.
    """

    def __init__(self, stream: AsyncStream, context: ssl.SSLContext, hostname: str) -> None:
        self._stream = stream
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=hostname)

    async def shake_hands(self, deadline: Deadline) -> None:
        """Make the connection secure, before anything else.

        Raises:
            OSError: If that fails; an `ssl.SSLError` when the other side cannot be trusted.
            DeadlineExceeded: If it takes too long.
        """
        with suppress(ssl.SSLEOFError, ssl.SSLZeroReturnError):
            await self._perform(deadline, self._tls.do_handshake)
            return
        # That says nothing of trust, and may not happen the next time.
        raise ConnectionResetError("the server closed the connection while TLS shook hands")

    @property
    def taken(self) -> int:
        """How many bytes the system has taken to send, at the most."""
        return self._stream.taken

    async def read(self, deadline: Deadline) -> bytes:
        """Read some bytes; none at the end, announced or not."""
        try:
            return await self._perform(deadline, self._tls.read, READ_SIZE)
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""

    async def write(self, data: bytes, deadline: Deadline) -> None:
        """Write all bytes."""
        rest = memoryview(data)
        while rest:
            rest = rest[await self._perform(deadline, self._tls.write, rest) :]

    def close(self) -> None:
        """Close the stream below."""
        self._stream.close()

    def is_readable(self) -> bool:
        """Whether something has come, or the other side has closed."""
        return self._incoming.pending > 0 or self._tls.pending() > 0 or self._stream.is_readable()

    async def _perform(self, deadline: Deadline, operation: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Carry out an operation of the TLS object, moving bytes between it and the stream as it asks for them."""
        while True:
            try:
                result = operation(*args, **kwargs)
            except ssl.SSLWantReadError:
                pass  # what is done about it is done below, where its failures have no other reason than their own
            except ssl.SSLError:
                # The alert that tells the other side why is worth sending, if it is still there.
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
