"""What httpx does for a request, by the events of the extension `trace` that httpcore and httpcore2 have."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from fibonacci._core.messages import Phase, Phases
from fibonacci._core.transport_errors import TransportError
from fibonacci._net.proxies import tunnel_refusal

_PHASES: dict[str, Phase] = {
    "connect_tcp": "connect",  # the name lookup included
    "connect_unix_socket": "connect",
    "setup_socks5_connection": "proxy",
    "start_tls": "tls",
    "send_request_headers": "send",
    "send_request_body": "send",
    "receive_response_headers": "wait",
    "receive_response_body": "body",
}


class HTTPXTrace:
    """One request of a client of httpx or httpx2: its phases, and the connection that it uses.

    Args:
        client: The client.
        phases: The phases of the call.

    Attributes:
        callback: The value of the request's extension `trace`, which calls `observe`.
        refusal: The error of a proxy that refused CONNECT. None if none did.
    """

    def __init__(self, client: Any, phases: Phases) -> None:
        self._client = client
        self._stream: Any = None  # the one of a new connection
        self._phases = phases
        self.callback: object = None
        self._is_seen = False
        self.refusal: TransportError | None = None
        self._authority = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._is_seen and type(error).__name__ != "PoolTimeout":
            self._phases.enter(None)  # a mock or the user's own transport, which may have sent the request

    def observe(self, event: str, info: Mapping[str, Any]) -> Sequence[Any]:
        """Take an event, such as `http11.send_request_headers.started`.

        Returns:
            What has to be closed: the connection and the stream whose TLS or SOCKS handshake has failed. httpcore
            leaves a stream open if it is canceled or a SOCKS proxy refuses it, and never frees the place in its pool
            of a tunnel without TLS.
        """
        self._is_seen = True
        step, _, state = event.partition(".")[2].rpartition(".")
        if state == "started" and (phase := _PHASES.get(step)) is not None:
            request: Any = info.get("request")
            if getattr(request, "method", None) == b"CONNECT":
                phase, self._authority = "proxy", request.url.target.decode("ascii")
            self._phases.enter(phase)
        elif step == "receive_response_headers" and state == "complete" and self._phases.current == "proxy":
            _, status, reason, headers, *_ = info["return_value"]
            if not 200 <= status < 300:
                self.refusal = tunnel_refusal(self._authority, status, reason, headers)
        elif step == "connect_tcp" and state == "complete":
            self._stream = info["return_value"]
        elif state == "failed" and step in ("start_tls", "setup_socks5_connection"):
            return [part for part in (self._connection(), self._stream) if part is not None]
        return ()

    def shut_down(self) -> None:
        """Shut the connection down, so that whatever waits for it ends; any thread may do it."""
        sock = self._socket()
        if sock is not None:
            with suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)  # that of an `SSLSocket` changes its state

    def _socket(self) -> socket.socket | None:
        connection = self._connection()
        while connection is not None and not hasattr(connection, "_network_stream"):
            connection = getattr(connection, "_connection", None)
        sock: socket.socket | None = connection and connection._network_stream.get_extra_info("socket")
        return sock

    def _connection(self) -> Any:
        # No public attribute leads from a request without a response to its connection.
        for transport in (getattr(self._client, "_transport", None), *getattr(self._client, "_mounts", {}).values()):
            for pending in [*getattr(getattr(transport, "_pool", None), "_requests", ())]:
                if pending.request.extensions.get("trace") is self.callback:
                    return pending.connection
        return None
