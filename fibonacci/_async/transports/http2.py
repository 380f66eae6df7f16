"""How many calls an HTTP client carries out at a time when it may speak HTTP/2."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

from fibonacci._async import _runtime
from fibonacci._async.transports.capacity import AsyncCapacityLimiter
from fibonacci._async.transports.per_loop import AsyncPerLoop

_LIMITERS: WeakKeyDictionary[Any, AsyncPerLoop[AsyncCapacityLimiter]] = WeakKeyDictionary()


def http2_limiter(client: Any) -> AsyncPerLoop[AsyncCapacityLimiter] | None:
    """Return what bounds the calls of an HTTP client; the same for all who use that client.

    Args:
        client: A client of httpx or httpx2, or None.

    Returns:
        A limiter for each event loop and process, or None for a client that does not speak HTTP/2.
    """
    if not _may_speak_http2(client):
        return None
    return _LIMITERS.setdefault(client, AsyncPerLoop(lambda: AsyncCapacityLimiter(_runtime.HTTP2_CALLS)))


def _may_speak_http2(client: Any) -> bool:
    # No public attribute says so.
    transports = (getattr(client, "_transport", None), *getattr(client, "_mounts", {}).values())
    return any(getattr(getattr(transport, "_pool", None), "_http2", False) for transport in transports)
