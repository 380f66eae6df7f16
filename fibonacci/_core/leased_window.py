"""The shared window as one process sees it: its leases, and the limits made of them.

Nothing here waits: the thread in `_net/leases.py` carries the messages to the store and its replies.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from itertools import count

from fibonacci._core.shared_limits import QueuedCall, SharedLimits, is_collected
from fibonacci._core.shared_window import LONGEST_POLL, LeaseEnd, LeaseMessage, LeaseReply, StoreError
from fibonacci._core.window import LONGEST_WAIT, Admission, Delay
from fibonacci.models.response import RateLimit

MOST_WANTED = 100
"""How many leases are asked for at a time. The calls behind them in the queue follow."""

# Seconds for which a call waits for a reply before it looks again.
_REPLY_DELAY = 0.5
# Seconds until the store is asked again while another request may end the delay: the first time, and at most.
_FIRST_POLL = 0.01
_LONGEST_OPEN_POLL = 0.5
# Seconds for which the end of a request waits for another message to go with; mostly that is the next request's.
_LINGER = 0.005
_NEVER = -float("inf")


class LeasedWindow:
    """A window that other processes use too: a request needs a lease, which the store grants.

    It collects what it has to tell the store, and gives it out in messages. `schedule` says when.

    Args:
        notify: Called when `schedule` has changed. It must not block.

    Attributes:
        limit: The requests that the plan allows in a window. 0 if not known.
    """

    def __init__(self, notify: Callable[[], object]) -> None:
        self.limit: int = 0
        self._notify = notify
        self._name = os.urandom(6).hex()
        self._numbers = count()
        self._epoch = ""
        self._is_reset = False
        self._wanted: list[str] = []
        self._granted: deque[tuple[str, float]] = deque()
        self._held: dict[str, float] = {}
        self._ended: dict[str, LeaseEnd] = {}
        self._ended_times: dict[str, float] = {}  # of those that state something, in seconds of this process
        self._news_at: float | None = None
        self._has_asked = True  # for all that is wanted
        self._asked_at = _NEVER
        self._left: int | None = None
        self._ends_at = self._delay_ends = _NEVER
        self._is_fixed = False
        self._poll = _FIRST_POLL

    @property
    def left(self) -> int | None:
        """The requests that may still be sent by the last reply. None if not known."""
        return self._left

    def is_exhausted(self) -> bool:
        """Return False: the store decides which requests are probes."""
        return False

    def advance(self, now: float) -> None:
        """Do nothing: the store begins the windows."""

    def delay(self, now: float) -> Delay | None:
        """Return None when a lease is there, else the delay by the last reply, or until the next one."""
        if self._granted:
            return None
        seconds = self._delay_ends - now
        if seconds > 0:
            return Delay(seconds, is_fixed=self._is_fixed)
        return Delay(_REPLY_DELAY - now % _REPLY_DELAY, is_fixed=False)  # all at the same times: they wake each other

    def remaining(self, now: float) -> tuple[float, int] | None:
        """Return the seconds and the requests left by the last reply, or None if they aren't known."""
        return None if self._left is None or self._ends_at <= now else (self._ends_at - now, self._left)

    def add(self, admission: Admission) -> None:
        """Use a lease for an admitted request."""
        # There is none when a signal's handler has just taken the last: that makes one request more than was granted.
        admission.lease = name, at = self._granted.popleft() if self._granted else (self._new_name(), admission.at)
        self._held[name] = at

    def remove(self, admission: Admission, *, has_passed: bool) -> None:
        """Give back the lease of a request that has ended."""
        name, at = admission.lease
        if not name:  # it was interrupted before it took one
            return
        self._held.pop(name, None)
        self._ended[name] = LeaseEnd(name, at, has_passed=has_passed)
        self._notify()

    def update(self, stated: RateLimit, server_now: float, now: float, admission: Admission) -> None:
        """Pass on what the response to a request states that has ended."""
        name, _ = admission.lease
        self._ended[name] = self._ended[name]._replace(
            limit=stated.limit, remaining=stated.remaining, reset=stated.reset_at.timestamp(), server_time=server_now
        )
        self._ended_times[name] = now

    def pause(self, now: float, seconds: float) -> None:
        """Delay all requests of all processes."""
        name = self._new_name()
        self._ended[name] = LeaseEnd(name, pause=seconds)
        self._ended_times[name] = now
        self._delay_ends, self._is_fixed = max(self._delay_ends, now + seconds), True

    def forget(self) -> None:
        """Forget what the server stated, in all processes."""
        self.limit, self._left = 0, None
        self._ends_at = self._delay_ends = _NEVER
        self._is_reset = True
        self._notify()

    def want(self, number: int) -> None:
        """Want leases for so many calls, and give back what is left over."""
        number = min(number, MOST_WANTED)
        given_up = [*self._granted, *((name, 0.0) for name in self._wanted[number:])]
        self._granted.clear()
        del self._wanted[number:]
        self._ended.update((name, LeaseEnd(name, at)) for name, at in given_up)
        new = [self._new_name() for _ in range(number - len(self._wanted))]
        if new:
            self._wanted += new
            self._has_asked = False
        if self._wanted or given_up:
            self._notify()

    def give_up(self) -> None:
        """Say nothing more of what has ended: it is too old to matter."""
        self._ended.clear()
        self._ended_times.clear()
        self._is_reset, self._has_asked = False, True

    def schedule(self, now: float) -> float | None:
        """Return the seconds until the next message is to be sent, and None when there is none."""
        if self._is_reset or not self._has_asked:
            return 0.0
        times: list[float] = []
        if self._ended:
            self._news_at = now if self._news_at is None else self._news_at
            times.append(self._news_at + _LINGER)
        if self._wanted:
            times.append(min(self._delay_ends, self._asked_at + (LONGEST_POLL if self._is_fixed else self._poll)))
        return max(0.0, min(times) - now) if times else None

    def message(self, now: float) -> LeaseMessage:
        """Return the next message. `receive` follows when its reply comes."""
        ended = [end._replace(age=now - self._ended_times.get(name, now)) for name, end in self._ended.items()]
        held, delay = ([], 0.0) if self._epoch else self._knowledge(now)
        return LeaseMessage(self._epoch, self._is_reset, held, delay, ended, list(self._wanted))

    def receive(self, message: LeaseMessage, reply: LeaseReply, now: float) -> None:
        """Take in the reply to a message."""
        if message.epoch not in ("", reply.epoch):
            self._epoch = ""  # the state was lost, so the next message says what is held before anything is granted
            self._has_asked = False
            return
        self._epoch = reply.epoch
        if message.is_reset:
            self._is_reset = False
        for ended in message.ended:
            self._ended.pop(ended.name, None)
            self._ended_times.pop(ended.name, None)
        self._news_at = None
        granted = {name: at for name, at in reply.granted if name in self._wanted}  # one given up was said to be
        self._granted.extend(granted.items())
        self._wanted = [name for name in self._wanted if name not in granted]
        self._has_asked = set(self._wanted) <= set(message.wanted)
        self._asked_at = now
        self._take_window(reply, now)
        self._poll = _FIRST_POLL if granted else min(_LONGEST_OPEN_POLL, self._poll * 2)

    def _knowledge(self, now: float) -> tuple[list[tuple[str, float]], float]:
        """Return what a state that was lost has to be told: the leases, and the delay if it is fixed."""
        return list(self._held.items()), max(0.0, self._delay_ends - now) if self._is_fixed else 0.0

    def _take_window(self, reply: LeaseReply, now: float) -> None:
        self._delay_ends, self._is_fixed = now + reply.delay, reply.is_fixed
        self.limit, self._left = reply.limit, None if reply.left < 0 else reply.left
        self._ends_at = now + reply.ends_in

    def _new_name(self) -> str:
        return f"{self._name}.{next(self._numbers)}"


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
        """Record why the store can't be used, and let the calls that wait look at it."""
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
            for endpoint, calls in self._queues.copy().items()  # a copy, as in `_first_queued`
            if endpoint is not None
            for _ in range(min(len(calls), MOST_WANTED))
        ]
        self._leases.want(self._limiter.count_sendable(now, endpoints))
