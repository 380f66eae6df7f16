"""The server of the tests: it carries out a script over real sockets, and records what it received and did.

Counts are final once the server is closed: look at them after the `with` block.
"""

from __future__ import annotations

import socket
import ssl
from collections import Counter, deque
from collections.abc import Mapping
from typing import Any

from tests.kit.listener import Listener
from tests.kit.peer import Peer, ReceivedRequest
from tests.kit.steps import Step, respond, respond_json

_UNSCRIPTED = respond(599, b"the test gave no response for this request")  # a status that is never retried


class ScriptedServer(Listener):
    """An HTTP/1.1 server that takes one step of its script for each request.

    Args:
        steps: What to do with the first request, the second, and so on; the last is done with all further ones. Without
            any, a request that `add_response` has no response for gets status 599.
        tls: The server's side of TLS; None for plain http.
        greet: What to do with a connection before TLS and before anything is read; after it nothing is read.
        host: The loopback address to listen at.
        port: The port; 0 for a free one.

    Attributes:
        default: What is done with requests after the end of the script.
        requests: Every request that was read whole.
        delivered: How many steps were carried out: bytes were sent, or the connection was broken or left, as ordered.
    """

    def __init__(
        self,
        *steps: Step,
        tls: ssl.SSLContext | None = None,
        greet: Step | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        # What is not read must not fit into the system's buffers.
        super().__init__(tls=tls, receive_buffer=None if greet is None else 64 * 1024, host=host, port=port)
        *first, self.default = steps or (_UNSCRIPTED,)
        self._script = deque(first)
        self._greet = greet
        self.requests: list[ReceivedRequest] = []
        self.delivered = 0

    @property
    def last(self) -> ReceivedRequest:
        """The last request."""
        return self.requests[-1]

    def add_response(self, body: Any = None, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        """Add a response to the script: text and bytes as they are, other bodies as JSON."""
        self._script.append(respond_json(body, status, headers))

    def by_method(self) -> Counter[str]:
        """Return how many requests of each method came."""
        return Counter(request.method for request in self.requests)

    def serve(self, sock: socket.socket, number: int) -> None:
        """Take a step for each request of a connection."""
        peer = Peer(sock, self.stopped, number)
        if self._greet is not None:
            self._take(self._greet, peer)
            return
        while not peer.is_closed and peer.read_request():
            with self.lock:
                step = self._script.popleft() if self._script else self.default
                self.requests.append(peer.request)
            self._take(step, peer)

    def _take(self, step: Step, peer: Peer) -> None:
        before = peer.sent
        try:
            step(peer)
        except OSError:
            # A client that leaves in the middle has met the fault; one that left before has not.
            if peer.sent == before:
                raise
            peer.is_closed = True
        with self.lock:
            self.delivered += 1
