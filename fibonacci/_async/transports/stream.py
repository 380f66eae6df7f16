"""What a connection talks over: a socket, or TLS over another stream."""

from __future__ import annotations

from typing import Protocol

from fibonacci._core.deadline import Deadline


class AsyncStream(Protocol):
    """Bytes to and from a server."""

    @property
    def taken(self) -> int:
        """How many bytes the system has taken to send, at the most."""
        ...

    async def read(self, deadline: Deadline) -> bytes:
        """Read some bytes; none at the end.

        Raises:
            OSError: If the connection breaks.
            DeadlineExceeded: If none come in time.
        """
        ...

    async def write(self, data: bytes, deadline: Deadline) -> None:
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
