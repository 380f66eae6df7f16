# Derived from fibonacci/_async/transports/stream.py by tests/mirror.py; change that file, not this one.
"""What a connection talks over: a socket, or TLS over another stream."""

from __future__ import annotations

from typing import Protocol

from fibonacci._core.deadline import Deadline


class Stream(Protocol):
    """Bytes to and from a server."""

    @property
    def taken(self) -> int:
        """How many bytes the system has taken to send, at the most."""
        ...

    def read(self, deadline: Deadline) -> bytes:
        """Read some bytes; none at the end.

        Raises:
            OSError: If the connection breaks.
            DeadlineExceeded: If none come in time.
        """
        ...

    def write(self, data: bytes, deadline: Deadline) -> None:
        """Write all bytes.

        Raises:
            OSError: If the connection breaks.
            DeadlineExceeded: If not all are taken in time.
        """
        ...

    def close(self) -> None:
        """Close the stream."""
        ...

    def is_readable(self) -> bool:
        """Whether something has come, or the other side has closed."""
        ...
