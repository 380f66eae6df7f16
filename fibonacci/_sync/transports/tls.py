# Derived from fibonacci/_async/transports/tls.py by tests/tools/mirror.py; change that file, not this one.
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


class Stream(Protocol):
    """Bytes to and from a server."""

    @property
    def bytes_sent(self) -> int:
        """How many bytes the system has accepted to send, at most."""
        ...

    def read(self, deadline: Deadline) -> bytes:
        """Read some bytes, or none at the end.

        Raises:
            OSError: If the connection breaks.
            DeadlineExceeded: If none are received in time.
        """
        ...

    def write(self, data: bytes, deadline: Deadline) -> None:
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


class TLSStream:
    """TLS over another stream.

    Args:
        stream: The stream.
        context: The authorities to trust.
        hostname: The name that the peer's certificate must have.
    """

    def __init__(self, stream: Stream, context: ssl.SSLContext, hostname: str) -> None:
        self._stream = stream
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        # As bytes, because for a str Python imports its IDNA codec, which takes 1 ms. The name is ASCII.
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=hostname.encode("ascii"))

    def do_handshake(self, deadline: Deadline) -> None:
        """Perform the TLS handshake, before anything else.

        Raises:
            OSError: If that fails. An `ssl.SSLError` if the peer can't be trusted.
            DeadlineExceeded: If it takes too long.
        """
        with suppress(ssl.SSLEOFError, ssl.SSLZeroReturnError):
            self._perform(deadline, self._tls.do_handshake)
            return
        # It doesn't mean that the server isn't trusted, and may not happen again.
        raise ConnectionResetError(errno.ECONNRESET, "the server closed the connection during the TLS handshake")

    @property
    def bytes_sent(self) -> int:
        """How many bytes the system has accepted to send, at most."""
        return self._stream.bytes_sent

    def read(self, deadline: Deadline) -> bytes:
        """Read some bytes, or none at the end, whether or not the peer announced it."""
        try:
            return self._perform(deadline, self._tls.read, READ_SIZE)
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""

    def write(self, data: bytes, deadline: Deadline) -> None:
        """Write all bytes."""
        rest = memoryview(data)
        before = self.bytes_sent
        try:
            while rest:
                rest = rest[self._perform(deadline, self._tls.write, rest) :]
        except ConnectionError:
            if self.bytes_sent == before:  # there is no response, but an alert may say why the peer has closed
                with suppress(ConnectionError, DeadlineExceeded):
                    self.read(deadline)
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

    def _perform(self, deadline: Deadline, operation: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Perform an operation of the TLS object, moving bytes between it and the stream as it asks for them."""
        while True:
            try:
                result = operation(*args, **kwargs)
            except ssl.SSLWantReadError:
                pass  # handled below, so that a failure there does not have this exception as its context
            except ssl.SSLError:
                # Send the alert that tells the peer why, if it is still there.
                with suppress(OSError):
                    self._flush(deadline)
                raise
            else:
                self._flush(deadline)
                return result
            self._flush(deadline)
            received = self._stream.read(deadline)
            if received:
                self._incoming.write(received)
            else:
                self._incoming.write_eof()

    def _flush(self, deadline: Deadline) -> None:
        if self._outgoing.pending:
            self._stream.write(self._outgoing.read(), deadline)
