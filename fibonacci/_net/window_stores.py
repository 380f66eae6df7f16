"""Where the processes of an API key keep the window that they share: a file of this machine, or Redis."""

from __future__ import annotations

from typing import Protocol

from fibonacci._core.lease_messages import LeaseMessage, LeaseReply


class WindowStore(Protocol):
    """Keeps a shared window. One thread uses it."""

    def exchange(self, message: LeaseMessage) -> LeaseReply:
        """Carry out a message, of which the processes carry out one at a time.

        Raises:
            StoreError: If that cannot be done. The same message may be sent again.
        """
        ...


def window_store(rate_limiter: str, name: str) -> WindowStore:
    """Return the store of a limiter. It does no I/O before the first message.

    Args:
        rate_limiter: The option of the client, `"machine"` or the URL of a Redis server.
        name: The name of the window: a hash, for others may read it.

    Raises:
        ImportError: If the package that it needs is not installed.
        ConfigurationError: If it is a URL that names no server.
    """
    if rate_limiter == "machine":
        from fibonacci._net.file_store import FileStore

        return FileStore(name)
    from fibonacci._net.redis_store import RedisStore

    return RedisStore(rate_limiter, name)
