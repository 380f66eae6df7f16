"""How the SDK sends HTTP requests: over its own connections, through httpx, or through a transport that you write.

Example:
    ```python
    from fibonacci import Fibonacci
    from fibonacci.transports import SocketTransport

    transport = SocketTransport(max_connections=10)
    pooled = Fibonacci(transport=transport)
    ```
"""

from fibonacci._system.lazy import lazy_names

lazy_names(
    globals(),
    {
        "fibonacci._async.transports.httpx_transport": ["AsyncHTTPXTransport"],
        "fibonacci._async.transports.socket_transport": ["AsyncSocketTransport"],
        "fibonacci._async.transports.transport": ["AsyncTransport"],
        "fibonacci._core.messages": ["Deadline", "DeadlineExceeded", "HTTPRequest", "HTTPResponse", "Phase", "Phases"],
        "fibonacci._core.transport_errors": ["TransportError", "TransportErrorKind"],
        "fibonacci._sync.transports.httpx_transport": ["HTTPXTransport"],
        "fibonacci._sync.transports.socket_transport": ["SocketTransport"],
        "fibonacci._sync.transports.transport": ["Transport"],
    },
)
