"""The limits of a key whose rate limit several processes share, found by the option of a client."""

from __future__ import annotations

from hashlib import sha256

from fibonacci._core.shared_limits import SharedLimits, kept_limits
from fibonacci._net.lease_thread import LeaseThread
from fibonacci._net.window_stores import window_store


def leased_limits(rate_limiter: str, base_url: str, api_key: str, own: SharedLimits | None = None) -> SharedLimits:
    """Return the limits of a key at a base URL: the same object for every client in the process with that limiter.

    Args:
        rate_limiter: The option of the client, `"machine"` or the URL of a Redis server.
        base_url: The base URL.
        api_key: The key.
        own: The limits that the client has had until now.
    """

    def make() -> SharedLimits:
        # Files and keys have this name: it must not tell the key to who lists them.
        name = sha256(f"{base_url}\n{api_key}".encode()).hexdigest()[:32]
        return LeaseThread(window_store(rate_limiter, name), of=base_url).limits

    return kept_limits((base_url, hash((rate_limiter, api_key))), make)
