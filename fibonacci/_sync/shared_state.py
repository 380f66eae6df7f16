# Derived from fibonacci/_async/shared_state.py by tests/mirror.py; change that file, not this one.
"""What a client and its clones share."""

from __future__ import annotations

import sys
import threading

TYPE_CHECKING = False  # not imported from typing: a clone has to stay near free
if TYPE_CHECKING:
    from fibonacci._core.config import Config
    from fibonacci._core.shared_limits import SharedLimits
    from fibonacci._sync.transports import Transport
    from fibonacci._sync.transports.instrumented import Watch
    from fibonacci.models.response import RateLimit


class SharedState:
    """What a client and its clones share: the sender, and the pace that was last seen.

    Args:
        config: The configuration of the client that is the first to use it.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._sender: Transport | None = None
        self._watch: Watch | None = None
        self._lock = threading.Lock()
        self.pace: SharedLimits | None = None

    def sender(self) -> Transport:
        """The sender, made when it is first needed."""
        if self._sender is None:
            with self._lock:
                if self._sender is None:
                    self._sender = _make_sender(self._config)
        # Whether tools watch httpx has to be asked each time, once httpx is loaded at all.
        if self._watch is None and "httpx" in sys.modules and self._config.http_client is None:
            self._watch = _make_watch(self._sender, self._config)
        return self._sender if self._watch is None else self._watch.sender()

    @property
    def rate_limit(self) -> RateLimit | None:
        """The pace that the last answer told."""
        return None if self.pace is None else self.pace.gate.last

    def close(self) -> None:
        """Close the connections that are the SDK's own."""
        if self._sender is not None:
            self._sender.close()
        if self._watch is not None:
            self._watch.close()


def _make_sender(config: Config) -> Transport:
    if config.http_client is not None:
        from fibonacci._sync.transports.httpx_transport import HTTPXTransport

        return HTTPXTransport(config.http_client, max_response_bytes=config.max_response_bytes)
    from fibonacci._sync.transports.pool import SocketTransport

    return SocketTransport(ca_bundle=config.ca_bundle, max_response_bytes=config.max_response_bytes)


def _make_watch(sender: Transport, config: Config) -> Watch | None:
    from fibonacci._sync.transports.instrumented import Watch
    from fibonacci._sync.transports.pool import SocketTransport

    if not isinstance(sender, SocketTransport):
        return None
    return Watch(sender, max_response_bytes=config.max_response_bytes)
