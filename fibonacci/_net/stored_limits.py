"""The limits of a key whose rate limit several processes share, and the thread that asks the store of their window.

A call waits for the store as it waits for the next window: asleep, until it is woken. So neither a thread nor an event
loop of the user's waits for a lock or for Redis, a canceled call has nothing to await, and asyncio, trio and threads
need no code of their own.
"""

from __future__ import annotations

import atexit
import threading
from contextlib import suppress
from hashlib import sha256
from queue import Empty, SimpleQueue
from time import monotonic, sleep
from typing import Protocol
from weakref import WeakSet

from fibonacci._core.shared_limits import SharedLimits, StoreError, kept_limits
from fibonacci._core.stored_window import StoredLimits, WindowMessage, WindowReply

# Seconds without anything to do after which the thread ends. The next message starts another one.
_IDLE = 2.0
_FIRST_RETRY = 0.05
_LONGEST_RETRY = 1.0
# Seconds for which the last messages of a process may delay its exit.
_EXIT_DELAY = 0.5
_LOOK_AGAIN = 0.005


class WindowStore(Protocol):
    """Keeps a shared window. One thread uses it."""

    def exchange(self, message: WindowMessage) -> WindowReply:
        """Carry out a message, of which the processes carry out one at a time.

        Raises:
            StoreError: If that can't be done.
        """
        ...


def window_store(rate_limiter: str, name: str) -> WindowStore:
    """Return the store of a limiter. It does no I/O before the first message.

    Args:
        rate_limiter: The option of the client, `"machine"` or the URL of a Redis server.
        name: The name of the window: a hash, for others may read it.

    Raises:
        ImportError: If the package that it needs isn't installed.
        ConfigurationError: If it is a URL that names no server.
    """
    if rate_limiter == "machine":
        from fibonacci._net.file_store import FileStore

        return FileStore(name)
    from fibonacci._net.redis_client import RedisStore

    return RedisStore(rate_limiter, name)


class StoreThread:
    """Sends the messages of limits to their store while there are any.

    Args:
        store: The store.
        of: What the limits are of, for the name of the thread.
    """

    def __init__(self, store: WindowStore, of: str) -> None:
        self.limits: StoredLimits = StoredLimits(self._notify)
        self._store = store
        self._name = f"fibonacci rate limiter of {of}"
        self._news: SimpleQueue[None] = SimpleQueue()  # which a signal's handler may use in the midst of a use
        # Locked by the thread, for as long as it runs. It does so itself: one that is not started changes nothing.
        self._running = threading.Lock()
        self._retry = _FIRST_RETRY
        _all.add(self)

    def finish(self, ends: float) -> None:
        """Wait until nothing is left to be said, but no longer than until that time."""
        if self.limits.is_inherited:
            return  # the thread is not in this process
        while self._running.locked() and monotonic() < ends and self.limits.schedule(monotonic()) is not None:
            sleep(_LOOK_AGAIN)

    def _notify(self) -> None:
        if self.limits.is_inherited:
            return  # the requests are the parent's
        self._news.put(None)
        if not self._running.locked():
            try:
                threading.Thread(target=self._run, name=self._name, daemon=True).start()
            except RuntimeError as error:
                self.limits.fail(StoreError(f"the rate limiter cannot start a thread: {error}"))

    def _run(self) -> None:
        while self._running.acquire(blocking=False):  # else another one runs
            try:
                self._exchange_all()
            finally:
                self._running.release()
            if self._news.empty():  # who adds to it after that starts another thread
                return

    def _exchange_all(self) -> None:
        """Send messages until there has been nothing to say for a while."""
        while True:
            seconds = self.limits.schedule(monotonic())
            if seconds == 0:
                self._exchange()
                continue
            try:
                self._news.get(timeout=_IDLE if seconds is None else seconds)
            except Empty:
                if seconds is None:
                    return
            else:
                with suppress(Empty):
                    while True:
                        self._news.get_nowait()

    def _exchange(self) -> None:
        message = self.limits.message(monotonic())
        try:
            reply = self._store.exchange(message)
        except Exception as error:  # of any kind: calls wait for the reply, and must not do so in silence
            text = f"the rate limiter failed: {type(error).__name__}"
            self.limits.fail(error if isinstance(error, StoreError) else StoreError(text))
            sleep(self._retry)
            self._retry = min(_LONGEST_RETRY, self._retry * 2)
        else:
            self._retry = _FIRST_RETRY
            self.limits.receive(message, reply, monotonic())


_all: WeakSet[StoreThread] = WeakSet()


@atexit.register
def _finish_all() -> None:
    ends = monotonic() + _EXIT_DELAY
    for thread in list(_all):
        thread.finish(ends)


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
        return StoreThread(window_store(rate_limiter, name), of=base_url).limits

    return kept_limits((base_url, hash((rate_limiter, api_key))), make)
