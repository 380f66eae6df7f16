# Derived from fibonacci/_async/transports/stream.py by tests/mirror.py; change that file, not this one.
"""What carries a connection: a socket, or TLS over another stream."""

from __future__ import annotations

from typing import Protocol

from fibonacci._core.deadline import Deadline


class Stream(Protocol):
    """Bytes to and from a server."""

    @property
    def bytes_sent(self) -> int:
        """How many bytes the system has accepted to send, at most."""
        ...

    def read(self, deadline: Deadline) -> bytes:
        """Read some bytes; return none at the end.

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

    def fileno(self) -> int:
        """Return the descriptor of the socket that carries the stream; negative when it is closed."""
        ...

    def is_readable(self) -> bool:
        """Whether data has been received, or the peer has closed."""
        ...
