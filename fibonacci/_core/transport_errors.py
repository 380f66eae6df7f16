"""From the exceptions of the network and of the HTTP libraries to what they mean for a call.

h11, httpx and httpx2 give the same names to the same things, so the names decide, and none of them is imported.
"""

from __future__ import annotations

from collections.abc import Iterator

from fibonacci._core.messages import TransportError, TransportErrorKind

_KINDS: dict[str, TransportErrorKind] = {
    "ConnectTimeout": "timeout_never_sent",
    "PoolTimeout": "timeout_never_sent",
    "ConnectError": "never_sent",
    "ProxyError": "proxy",
    "LocalProtocolError": "invalid",
    "UnsupportedProtocol": "invalid",
    "InvalidURL": "invalid",
    "UnicodeError": "name",  # a part of the host's name is empty or too long
    "DeadlineExceeded": "timeout",
    "ReadTimeout": "timeout",
    "WriteTimeout": "timeout",
    "RequestError": "unknown",  # the base of all that httpx raises while it sends and receives
    "ProtocolError": "unknown",
    "EOFError": "unknown",
    "OSError": "unknown",
}


def transport_error_from(error: Exception) -> TransportError:
    """The failure that an exception stands for; one that is no HTTP library's is a mistake, not the network's."""
    kind: TransportErrorKind = "broken"
    for cls in type(error).__mro__:
        if cls.__name__ in _KINDS:
            kind = _KINDS[cls.__name__]
            break
    if kind == "never_sent":
        kind = _refined(error)
    elif kind == "invalid" and any(type(inner).__module__.partition(".")[0] == "h2" for inner in _chain(error)):
        # Over HTTP/2 an answer that breaks the protocol comes under the name of a request that does.
        kind = "unknown"
    return TransportError(kind, error)


def connect_error_from(error: Exception) -> TransportError:
    """The same for an exception that came before the request was sent."""
    failure = transport_error_from(error)
    if failure.kind == "unknown":
        failure.kind = _refined(error)
    elif failure.kind == "timeout":
        failure.kind = "timeout_never_sent"
    return failure


def _refined(error: BaseException) -> TransportErrorKind:
    """A failure to connect that will not pass by itself is not worth repeating."""
    for inner in _chain(error):
        names = {cls.__name__ for cls in type(inner).__mro__}
        if "SSLError" in names:
            return "tls"
        if "gaierror" in names:
            return "name"
    return "never_sent"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An exception, and one after another those that it came from."""
    seen: set[int] = set()
    inner: BaseException | None = error
    while inner is not None and id(inner) not in seen:
        seen.add(id(inner))
        yield inner
        inner = inner.__cause__ or inner.__context__
