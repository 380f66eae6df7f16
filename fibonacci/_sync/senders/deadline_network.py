# Derived from fibonacci/_async/senders/deadline_network.py by tests/mirror.py; change that file, not this one.
"""Network streams that obey a deadline.

httpcore passes a timeout down to each single read and write, so a server that sends a byte now and then is never timed
out. Here the timeout that is passed down is the call's `Deadline` itself, and each operation gets what is left of it.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from typing import Any

import httpcore

from fibonacci._core.deadline import Deadline
from fibonacci._sync import _runtime

_PIECE = 64 * 1024


class DeadlineStream(httpcore.NetworkStream):
    """A stream whose operations share the time that is left."""

    def __init__(self, stream: httpcore.NetworkStream, opened: set[DeadlineStream]) -> None:
        self._stream = stream
        self._opened = opened
        opened.add(self)

    def read(self, max_bytes: int, timeout: Any = None) -> bytes:
        """Read some bytes."""
        return self._stream.read(max_bytes, _seconds(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: Any = None) -> None:
        """Write all bytes."""
        # A blocking stream allows the whole time again for each part that the system takes, so it is given little.
        for at in range(0, len(buffer), _PIECE):
            self._stream.write(buffer[at : at + _PIECE], _seconds(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        """Close the stream."""
        self._opened.discard(self)
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: Any = None
    ) -> httpcore.NetworkStream:
        """Go on encrypted."""
        try:
            seconds = _seconds(timeout, httpcore.ConnectTimeout)
            stream = self._stream.start_tls(ssl_context, server_hostname, seconds)
        except BaseException:
            with _runtime.shield():
                self.close()
            raise
        self._opened.discard(self)
        return DeadlineStream(stream, self._opened)

    def get_extra_info(self, info: str) -> Any:
        """What the stream below knows of itself."""
        return self._stream.get_extra_info(info)


class DeadlineBackend(httpcore.NetworkBackend):
    """Makes streams that obey a deadline, on top of another backend.

    Attributes:
        streams: The streams that are open.
    """

    def __init__(self, backend: httpcore.NetworkBackend) -> None:
        self._backend = backend
        self.streams: set[DeadlineStream] = set()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: Any = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect."""
        seconds = _seconds(timeout, httpcore.ConnectTimeout)
        stream = self._backend.connect_tcp(host, port, seconds, local_address, socket_options)
        return DeadlineStream(stream, self.streams)


def _seconds(timeout: Deadline | float | None, expired: type[Exception]) -> float | None:
    if not isinstance(timeout, Deadline):
        return timeout
    seconds = timeout.remaining()
    if seconds == 0:
        raise expired("the call's time is up")
    return seconds
