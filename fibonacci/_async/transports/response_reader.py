"""Reading the response to one request after another from a stream; h11 parses it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import h11

from fibonacci._async import _runtime
from fibonacci._core.deadline import Deadline

if TYPE_CHECKING:
    from fibonacci._async.transports.stream import AsyncStream

# A server may report that it is still at work (102), even every second of a long execution; more is a fault.
_MAX_INFORMATIONAL = 1000
# Steps of the parser (small events, or pieces of so many bytes) between two checkpoints: a millisecond or two. The most
# expensive bytes are those of many short headers.
_STEPS_PER_CHECKPOINT = 100
_BYTES_PER_STEP = 640


class AsyncResponseReader:
    """Reads responses from a stream, however they are cut into pieces.

    One read may bring thousands of small events: among them are checkpoints, where other tasks run and the deadline is
    checked.

    Args:
        stream: What to read from.
        http: The state of the connection.
        peer: What responds, for errors: a server or a proxy.
    """

    def __init__(self, stream: AsyncStream, http: h11.Connection, peer: str = "server") -> None:
        self._stream = stream
        self._http = http
        self._peer = peer
        self._steps = 0

    async def read(self, deadline: Deadline) -> None:
        """Read some bytes from the stream.

        Raises:
            EOFError: If the peer closes the connection before it responds.
        """
        received = await self._stream.read(deadline)
        if not received and self._http.their_state is h11.SEND_RESPONSE:
            raise EOFError(f"the {self._peer} closed the connection before it responded")
        self._steps += len(received) // _BYTES_PER_STEP
        self._http.receive_data(received)

    async def head(self, deadline: Deadline) -> h11.Response:
        """Return the head of the final response.

        Raises:
            h11.RemoteProtocolError: If there is none, or too many informational responses come before it.
        """
        for _ in range(_MAX_INFORMATIONAL + 1):
            event = await self.event(deadline)
            if isinstance(event, h11.Response):
                return event
            if not isinstance(event, h11.InformationalResponse):
                break
        else:
            raise h11.RemoteProtocolError(f"more than {_MAX_INFORMATIONAL} informational responses and no final one")
        raise h11.RemoteProtocolError("no response")

    async def event(self, deadline: Deadline) -> object:
        """Return the next event of the connection; read from the stream when more bytes are needed."""
        while True:
            self._steps += 1
            if self._steps >= _STEPS_PER_CHECKPOINT:
                self._steps = 0
                await _runtime.checkpoint()
                deadline.require()
            if (event := self._http.next_event()) is not h11.NEED_DATA:
                return event
            await self.read(deadline)
