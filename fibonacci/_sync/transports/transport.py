# Derived from fibonacci/_async/transports/transport.py by tests/tools/mirror.py; change that file, not this one.
"""What a client needs from a transport, and what the SDK's transports have in common."""

from __future__ import annotations

from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from fibonacci._core.config import TRANSPORT_OPTIONS
from fibonacci._core.messages import Deadline, HTTPRequest, HTTPResponse

if TYPE_CHECKING:
    from collections.abc import Mapping


class Transport(Protocol):
    """What sends a client's requests: one HTTP request in, the complete response out.

    Pass your own as `transport=`. It must not retry, and must not follow redirects. The client never closes it: it
    closes only transports that it made itself, as for `transport="socket"`.

    Example:
        ```python
        from fibonacci import Fibonacci
        from fibonacci.transports import SocketTransport, Deadline, HTTPRequest, HTTPResponse


        class RecordingTransport:
            def __init__(self) -> None:
                self.urls: list[str] = []
                self.inner = SocketTransport()

            def send(self, request: HTTPRequest, deadline: Deadline) -> HTTPResponse:
                self.urls.append(request.url)
                return self.inner.send(request, deadline)

            def close(self) -> None:
                self.inner.close()


        recording = RecordingTransport()
        recorded = Fibonacci(transport=recording)
        recorded.health.check()
        assert recording.urls[0].endswith("/health")
        ```
    """

    def send(self, request: HTTPRequest, deadline: Deadline) -> HTTPResponse:
        """Send a request, and read the complete response.

        Args:
            request: The request. Its headers contain the API key, so never log them.
            deadline: The end of the whole call. The transport must not wait beyond it.

        Returns:
            The response, whatever its status, with its body as received.

        Raises:
            TransportError: If there is no complete response. Its `kind` decides whether the SDK retries.
        """
        ...

    def close(self) -> None:
        """Close the connections that the transport has opened."""
        ...


class TransportBase:
    """A transport that makes connections itself.

    Args:
        given: The arguments of the subclass by name. Only those in `TRANSPORT_OPTIONS` are used.

    Raises:
        ConfigurationError: If a number is out of range, or a file doesn't exist.
        TypeError: If an argument has the wrong type.
    """

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._options = {name: check(name, given[name]) for name, (_, check) in TRANSPORT_OPTIONS.items()}

    def close(self) -> None:
        """Close the connections that the transport has opened."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        if "_options" not in vars(self):  # an argument was refused
            return f"<{type(self).__name__}, not made>"
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self._options.items())})"

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        # Connections stay in the process and the event loop that have made them.
        return partial(type(self), **self._options), ()
