"""The limits of an API key whose rate limit several processes share: this process's part of them.

Nothing here waits: the thread in `_net/lease_thread.py` carries the messages to the store and its replies.
"""

from __future__ import annotations

from collections.abc import Callable

from fibonacci._core.lease_messages import LeaseMessage, LeaseReply, StoreError
from fibonacci._core.leased_window import MOST_WANTED, LeasedWindow
from fibonacci._core.shared_limits import QueuedCall, SharedLimits, is_collected
from fibonacci._core.window import LONGEST_WAIT


class LeasedLimits(SharedLimits):
    """The limits of one API key whose requests need leases. Safe to use from many threads and event loops.

    Args:
        notify: Called when there may be something to tell the store. It must not block.
    """

    def __init__(self, notify: Callable[[], object]) -> None:
        self._leases = LeasedWindow(notify)
        self._failing_since = 0.0
        super().__init__(window=self._leases)

    def schedule(self, now: float) -> float | None:
        """Return the seconds until the next message is to be sent, and None when there is none."""
        with self._lock:
            return self._leases.schedule(now)

    def message(self, now: float) -> LeaseMessage:
        """Return the next message to the store."""
        with self._lock:
            return self._leases.message(now)

    def receive(self, message: LeaseMessage, reply: LeaseReply, now: float) -> None:
        """Take in the reply to a message, and admit the calls that it has leases for."""
        with self._lock:
            self.failure = None
            self._leases.receive(message, reply, now)
            self._admit_queued(now)

    def fail(self, failure: StoreError, now: float) -> None:
        """Record why the store cannot be used, and let the calls that wait look at it."""
        with self._lock:
            self._failing_since = now if self.failure is None else self._failing_since
            self.failure = failure
            if not self.queued and now - self._failing_since > LONGEST_WAIT:
                self._leases.give_up()
            for call in self._queued_calls():
                call.wake()

    def leave(self, call: QueuedCall, now: float) -> None:
        """Remove a call from the queue, and give back what it need not wait for."""
        super().leave(call, now)
        if not is_collected():
            with self._lock:
                self._admit_queued(now)

    def _admit_queued(self, now: float) -> None:
        super()._admit_queued(now)
        endpoints = [
            endpoint
            for endpoint, calls in list(self._queues.items())
            if endpoint is not None
            for _ in range(min(len(calls), MOST_WANTED))
        ]
        self._leases.want(self._limiter.count_sendable(now, endpoints))
