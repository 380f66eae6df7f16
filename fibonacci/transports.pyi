# Derived from fibonacci/transports.py by tests/tools/stubs.py; change that file, not this one.
from fibonacci._async.transports.httpx_transport import AsyncHTTPXTransport
from fibonacci._async.transports.socket_transport import AsyncSocketTransport
from fibonacci._async.transports.transport import AsyncTransport
from fibonacci._core.messages import Deadline, DeadlineExceeded, HTTPRequest, HTTPResponse, Phase, Phases
from fibonacci._core.transport_errors import TransportError, TransportErrorKind
from fibonacci._sync.transports.httpx_transport import HTTPXTransport
from fibonacci._sync.transports.socket_transport import SocketTransport
from fibonacci._sync.transports.transport import Transport

__all__ = [
    "AsyncHTTPXTransport",
    "AsyncSocketTransport",
    "AsyncTransport",
    "Deadline",
    "DeadlineExceeded",
    "HTTPRequest",
    "HTTPResponse",
    "HTTPXTransport",
    "Phase",
    "Phases",
    "SocketTransport",
    "Transport",
    "TransportError",
    "TransportErrorKind",
]
