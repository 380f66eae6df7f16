"""Network streams that obey a deadline.

httpcore passes a timeout down to each single read and write, so a server that sends a byte now and then is never timed
out. Here the timeout that is passed down is the call's `Deadline` itself, and each operation gets what is left of it.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from typing import Any

import httpcore

from fibonacci._async import _runtime
from fibonacci._core.deadline import Deadline

_PIECE = 64 * 1024


class AsyncDeadlineStream(httpcore.AsyncNetworkStream):
    """A stream whose operations share the time that is left."""

    def __init__(self, stream: httpcore.AsyncNetworkStream, opened: set[AsyncDeadlineStream]) -> None:
        self._stream = stream
        self._opened = opened
        opened.add(self)

    async def read(self, max_bytes: int, timeout: Any = None) -> bytes:
        """Read some bytes."""
        return await self._stream.read(max_bytes, _seconds(timeout, httpcore.ReadTimeout))

    async def write(self, buffer: bytes, timeout: Any = None) -> None:
        """Write all bytes."""
        # A blocking stream allows the whole time again for each part that the system takes, so it is given little.
        for at in range(0, len(buffer), _PIECE):
            await self._stream.write(buffer[at : at + _PIECE], _seconds(timeout, httpcore.WriteTimeout))

    async def aclose(self) -> None:
        """Close the stream."""
        self._opened.discard(self)
        await self._stream.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: Any = None
    ) -> httpcore.AsyncNetworkStream:
        """Go on encrypted."""
        try:
            seconds = _seconds(timeout, httpcore.ConnectTimeout)
            stream = await self._stream.start_tls(ssl_context, server_hostname, seconds)
        except BaseException:
            with _runtime.shield():
                await self.aclose()
            raise
        self._opened.discard(self)
        return AsyncDeadlineStream(stream, self._opened)

    def get_extra_info(self, info: str) -> Any:
        """What the stream below knows of itself."""
        return self._stream.get_extra_info(info)


class AsyncDeadlineBackend(httpcore.AsyncNetworkBackend):
    """Makes streams that obey a deadline, on top of another backend.

    Attributes:
        streams: The streams that are open.
    """

    def __init__(self, backend: httpcore.AsyncNetworkBackend) -> None:
        self._backend = backend
        self.streams: set[AsyncDeadlineStream] = set()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: Any = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect."""
        seconds = _seconds(timeout, httpcore.ConnectTimeout)
        stream = await self._backend.connect_tcp(host, port, seconds, local_address, socket_options)
        return AsyncDeadlineStream(stream, self.streams)


def _seconds(timeout: Deadline | float | None, expired: type[Exception]) -> float | None:
    if not isinstance(timeout, Deadline):
        return timeout
    seconds = timeout.remaining()
    if seconds == 0:
        raise expired("the call's time is up")
    return seconds
