# Derived from fibonacci/_async/transports/http2.py by tests/mirror.py; change that file, not this one.
"""How many calls an HTTP client carries out at a time when it may speak HTTP/2."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

from fibonacci._net.httpx_trace import pools_of
from fibonacci._sync import _runtime
from fibonacci._sync.transports.capacity import CapacityLimiter
from fibonacci._sync.transports.per_loop import PerLoop

_LIMITERS: WeakKeyDictionary[Any, PerLoop[CapacityLimiter]] = WeakKeyDictionary()


def http2_limiter(client: Any) -> PerLoop[CapacityLimiter] | None:
    """Return what bounds the calls of an HTTP client; the same for all who use that client.

    Args:
        client: A client of httpx or httpx2, or None.

    Returns:
        A limiter for each event loop and process, or None for a client that does not speak HTTP/2.
    """
    if not _may_speak_http2(client):
        return None
    return _LIMITERS.setdefault(client, PerLoop(lambda: CapacityLimiter(_runtime.HTTP2_CALLS)))


def _may_speak_http2(client: Any) -> bool:
    return any(getattr(pool, "_http2", False) for pool in pools_of(client))  # no public attribute says so
