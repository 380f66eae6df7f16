"""The thread of a limiter that several processes share: it carries messages to the store, and replies back.

A call waits for its lease as it waits for the next window: asleep, until it is woken. So neither a thread nor an event
loop of the user's waits for a lock or for Redis, a canceled call has nothing to await, and asyncio, trio and threads
need no code of their own.
"""

from __future__ import annotations

import atexit
import threading
from time import monotonic, sleep
from weakref import WeakSet

from fibonacci._core.leased_limits import LeasedLimits
from fibonacci._core.shared_window import StoreError
from fibonacci._net.window_stores import WindowStore

# Seconds without anything to do after which the thread ends. The next message starts another one.
_IDLE = 2.0
_FIRST_RETRY = 0.05
_LONGEST_RETRY = 1.0
# Seconds for which the last messages of a process may delay its exit.
_LAST_WORDS = 0.5


class LeaseThread:
    """Sends the messages of limits to their store while there are any.

    Args:
        store: The store.
        of: What the limits are of, for the name of the thread.
    """

    def __init__(self, store: WindowStore, of: str) -> None:
        self._name = f"fibonacci rate limiter of {of}"
        self.limits: LeasedLimits = LeasedLimits(self._notify)
        self._store = store
        self._lock = threading.Lock()
        self._news = threading.Event()
        self._is_done = threading.Event()
        self._thread: threading.Thread | None = None
        self._retry = _FIRST_RETRY
        _running.add(self)

    def finish(self, seconds: float) -> None:
        """Wait until nothing is left to be said, but no longer than so many seconds."""
        if self._thread is not None and self._thread.is_alive():
            self._is_done.wait(seconds)

    def _notify(self) -> None:
        with self._lock:
            self._is_done.clear()
            self._news.set()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            seconds = self.limits.schedule(monotonic())
            if seconds is None:
                self._is_done.set()
                if not self._news.wait(_IDLE) and self._has_retired():
                    return
                self._news.clear()
            elif seconds == 0 or not self._news.wait(seconds):
                self._exchange()
            else:
                self._news.clear()

    def _has_retired(self) -> bool:
        with self._lock:
            if self._news.is_set():
                return False
            self._thread = None
            return True

    def _exchange(self) -> None:
        message = self.limits.message(monotonic())
        try:
            reply = self._store.exchange(message)
        except Exception as error:  # of any kind: calls wait for the reply, and must not do so in silence
            failure = error if isinstance(error, StoreError) else StoreError(f"the rate limiter failed: {error!r}")
            self.limits.fail(failure, monotonic())
            sleep(self._retry)
            self._retry = min(_LONGEST_RETRY, self._retry * 2)
        else:
            self._retry = _FIRST_RETRY
            self.limits.receive(message, reply, monotonic())


_running: WeakSet[LeaseThread] = WeakSet()


@atexit.register
def _finish_all() -> None:
    ends = monotonic() + _LAST_WORDS
    for thread in list(_running):
        thread.finish(max(0.0, ends - monotonic()))
