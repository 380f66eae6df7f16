"""The limits of a key whose rate limit several processes share, and the thread that asks the store of their window.

A call waits for the store as it waits for the next window: it sleeps until it is woken. So no thread and no event loop
of the user's waits for a lock or for Redis, a canceled call has nothing to await, and asyncio, trio and threads need no
code of their own.
"""

from __future__ import annotations

import atexit
import threading
from hashlib import sha256
from queue import Empty, SimpleQueue
from time import monotonic, sleep
from typing import Protocol
from weakref import WeakSet

from fibonacci._core.shared_limits import SharedLimits, StoreError, kept_limits
from fibonacci._core.stored_window import StoredLimits, WindowMessage, WindowReply

# Seconds without anything to do after which the thread ends. The next message starts another one.
_IDLE = 2.0
# Seconds after a failure until the next message.
_RETRY_DELAY = 0.2


class WindowStore(Protocol):
    """Keeps a shared window. Only one thread uses it."""

    def exchange(self, message: WindowMessage) -> WindowReply:
        """Carry out a message. The messages of all processes are carried out one at a time.

        Raises:
            StoreError: If that can't be done.
        """
        ...


def window_store(rate_limiter: str, name: str) -> WindowStore:
    """Return the store of a limiter. It does no I/O before the first message.

    Args:
        rate_limiter: The option of the client, `"machine"` or the URL of a Redis server.
        name: The name of the window: a hash, because others may read it.

    Raises:
        ImportError: If the package that it needs isn't installed.
        ConfigurationError: If the URL names no server.
    """
    if rate_limiter == "machine":
        from fibonacci._net.file_store import FileStore

        return FileStore(name)
    from fibonacci._net.redis_client import RedisStore

    return RedisStore(rate_limiter, name)


class StoreThread(StoredLimits):
    """Limits whose messages a thread carries to their store while there are any.

    Args:
        store: The store.
        of: What the limits are of, for the name of the thread.
    """

    def __init__(self, store: WindowStore, of: str) -> None:
        self._store = store
        self._name = f"fibonacci rate limiter of {of}"
        self._news: SimpleQueue[None] = SimpleQueue()  # a signal handler may use it while it is in use
        # Locked by the thread as long as it runs. The thread locks it, so one that fails to start changes nothing.
        self._running = threading.Lock()
        super().__init__()
        _all.add(self)

    def finish(self) -> None:
        """Tell the store what it doesn't know of, unless it is out of reach."""
        if self.failure is None and not self.is_inherited and self.schedule(monotonic()) is not None:
            self._exchange()

    def _notify(self) -> None:
        if self.is_inherited:
            return  # the requests are the parent's
        self._news.put(None)
        if not self._running.locked():
            try:
                threading.Thread(target=self._run, name=self._name, daemon=True).start()
            except RuntimeError as error:
                self.fail(StoreError(f"the rate limiter cannot start a thread: {error}"))

    def _run(self) -> None:
        while self._running.acquire(blocking=False):  # else another thread runs
            try:
                self._exchange_all()
            finally:
                self._running.release()
            if self._news.empty():  # what is added from now on starts another thread
                return

    def _exchange_all(self) -> None:
        """Send messages until there has been nothing to tell for a while."""
        while True:
            seconds = self.schedule(monotonic())
            try:
                self._news.get(timeout=_IDLE if seconds is None else seconds)
            except Empty:
                if seconds is None:
                    return
                self._exchange()

    def _exchange(self) -> None:
        message = self.message()
        try:
            reply = self._store.exchange(message)
        except Exception as error:  # of any kind: calls wait for the reply, and must not do so in silence
            text = f"the rate limiter failed: {type(error).__name__}"
            self.fail(error if isinstance(error, StoreError) else StoreError(text))
            sleep(_RETRY_DELAY)
        else:
            self.receive(message, reply, monotonic())


_all: WeakSet[StoreThread] = WeakSet()


@atexit.register
def _finish_all() -> None:
    for limits in list(_all):
        limits.finish()


def stored_limits(rate_limiter: str, base_url: str, api_key: str, own: SharedLimits | None = None) -> SharedLimits:
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
        return StoreThread(window_store(rate_limiter, name), of=base_url)

    return kept_limits((base_url, hash((rate_limiter, api_key))), make)
