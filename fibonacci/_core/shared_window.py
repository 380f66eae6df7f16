"""The window that the processes of one API key share: who may send next, by which leases and messages.

This is the state of a limiter for several processes, and what a message to it changes. A store keeps it, and makes the
processes take turns. The store is a file, which is read into this class and written back, or Redis. There,
`_net/redis_window.lua` does the same, and `tests/net/test_redis_store.py` compares the two.
"""

from __future__ import annotations

import math
from collections import Counter
from datetime import UTC, datetime
from typing import Any, NamedTuple

from fibonacci._core.window import Admission, Delay, Window
from fibonacci.models.response import RateLimit


class StoreError(Exception):
    """The store can't be used. The text names it and the reason, without a password.

    Args:
        text: The text.
        is_lasting: Whether waiting doesn't help, as when a password is wrong.
    """

    def __init__(self, text: str, *, is_lasting: bool = False) -> None:
        super().__init__(text)
        self.is_lasting: bool = is_lasting


class LeaseEnd(NamedTuple):
    """The end of a request, or of a wait for one.

    Attributes:
        name: Its lease.
        at: When it was admitted, in seconds of the store. 0 if it wasn't.
        age: Seconds since its response.
        has_passed: Whether the response shows that requests are admitted.
        pause: Seconds for which all requests have to wait. 0 for none.
        limit: The limit that the response states. 0 if it states none.
        remaining: The requests that are left.
        reset: The end of the window in Unix seconds.
        server_time: The `Date` of the response in Unix seconds.
    """

    name: str
    at: float = 0.0
    age: float = 0.0
    has_passed: bool = False
    pause: float = 0.0
    limit: int = 0
    remaining: int = 0
    reset: float = 0.0
    server_time: float = 0.0


class LeaseMessage(NamedTuple):
    """What a process tells the store, and asks of it. The same message twice does no harm.

    Attributes:
        epoch: The store's name for its state, as the process knows it. Empty for a new process.
        is_reset: Whether to forget what the server stated.
        held: The leases of the process with their times, when the state was lost.
        delay: Seconds for which it was told that no request is admitted, when the state was lost.
        ended: What has ended.
        wanted: The names of the leases that its queued calls need, in their order.
    """

    epoch: str
    is_reset: bool
    held: list[tuple[str, float]]
    delay: float
    ended: list[LeaseEnd]
    wanted: list[str]


class LeaseReply(NamedTuple):
    """What the store answers.

    Attributes:
        epoch: Its name for its state. When it isn't the one in the message, nothing was done: the state was lost, and
            the process has to say what it holds.
        granted: The leases that were granted, with their times.
        delay: Seconds until the rest can be granted. Negative if nothing is wanted.
        is_fixed: Whether only time ends the delay.
        limit: The requests that the plan allows in a window. 0 if not known.
        left: The requests that may still be sent. Negative if not known.
        ends_in: Seconds until the end of the window. Negative if not known.
    """

    epoch: str
    granted: list[tuple[str, float]]
    delay: float
    is_fixed: bool
    limit: int
    left: int
    ends_in: float


# Seconds without a response after which another request is sent: to a server that has stated nothing yet, and to one
# that stated for long that no request is left.
_SCOUT_INTERVAL = 0.25
_PROBE_INTERVAL = 5.0
# Seconds after which a process asks again at the latest, and for which its place in the queue is kept.
LONGEST_POLL = 2.0
_KEPT_PLACE = LONGEST_POLL + 1.0
# Seconds until a process asks again when requests are left for others, who are about to ask.
_TURN = 0.02
# Seconds within which a request reaches the server. After the state was lost nothing is granted for that time: what
# the server states then includes the requests in flight of processes that have not said yet what they hold.
_ARRIVED_WITHIN = 1.0
# Seconds within which a request reaches the server on a machine that is busy: longer than for one process, since the
# lease comes from a store and another thread.
_MARGIN = 3.0
# The begin of a window in which each process has a share of it to itself: in seconds, and at most as a part of it.
_SHARED_OUT, _SHARED_OUT_PART = 3.0, 0.2
# What a process may take at once when nobody was there before, as a part of the window and in requests at least; it
# may take more as the seconds above pass.
_FIRST_PART, _FIRST_REQUESTS = 0.1, 6
# Seconds by which the name of a state, which is when it began, may be later than that.
_ROUNDED = 0.000001
_NEVER = -float("inf")


class _Lease(Admission):
    """The admission of a request of any process, known by its name."""

    __slots__ = ("name",)

    def __init__(self, name: str, at: float, *, is_probe: bool = False) -> None:
        super().__init__(at, is_probe=is_probe)
        self.name: str = name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Lease) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)


class SharedWindow:
    """The state of a limiter that several processes share.

    Requests in flight are leases. Leases of a killed process lapse like all others: when a later response states a
    number that includes them, and when their window has passed.

    Calls that wait have a place in one queue, so that no process overtakes another. A place is kept for three seconds
    after its process last asked.

    When a window begins, the processes that wait share it, so that the fastest doesn't take it all before others wake.
    A call whose process has used up its share no longer stands in the way of calls of other processes. These wake later
    than the process whose request found that the window has begun.

    If no process waits, those that are about to start aren't known yet. So each may take a part at once, and more over
    some seconds, which keeps the first one from taking it all.

    While nothing is known of the window, one request at a time is sent to learn it.

    Args:
        now: The time of the store in seconds, which names the state.
    """

    def __init__(self, now: float) -> None:
        self.epoch: str = f"{now:.6f}"
        self._window = Window(margin=_MARGIN, sees_ends=False)
        self._queue: dict[str, float] = {}  # names of leases to be granted, with the end of their places
        self._probe = "", _NEVER  # the lease of the last probe, and when it was granted
        self._is_silent = False  # the server admits requests, and states no rate limit
        self._shares: dict[str, int] = {}  # by process
        self._shares_end = _NEVER
        self._opened_at = _NEVER  # when a window began while nobody waited; `_shares` then has what each took, negated
        self._heard_at = _NEVER  # the time of the last message

    def exchange(self, message: LeaseMessage, now: float) -> LeaseReply:
        """Carry out a message. Only the order of times matters, so any clock will do.

        Args:
            message: The message.
            now: The time of the store in seconds.
        """
        if message.epoch not in ("", self.epoch):
            if self._window.left is None:
                self._window.pause(now, _ARRIVED_WITHIN)
            return LeaseReply(self.epoch, [], 0.0, False, 0, -1, -1.0)
        if message.is_reset:
            self._forget()
        window = self._window
        window.restore(_Lease(name, at) for name, at in message.held)
        window.pause(now, message.delay)
        was_unknown, begins = window.left is None, window.is_over(now)
        window.advance(now)
        for ended in message.ended:
            self._end(ended, now)
        for name in [name for name, ends in self._queue.items() if ends < now]:
            del self._queue[name]
        held = {lease.name: lease for lease in window.uncounted if isinstance(lease, _Lease)}
        self._queue.update((name, now + _KEPT_PLACE) for name in message.wanted if name not in held)
        was_quiet, self._heard_at = now - self._heard_at > _KEPT_PLACE, now
        if begins and not was_quiet:
            self._share_out(now)
        elif begins or (was_unknown and window.left is not None):
            self._open(now)
        granted, delay = self._grant(message.wanted, held, now)
        remaining = window.remaining(now)
        left = -1 if window.left is None else window.left
        ends_in = -1.0 if remaining is None else remaining[0]
        wait = -1.0 if delay is None else delay.seconds
        return LeaseReply(self.epoch, granted, wait, delay is not None and delay.is_fixed, window.limit, left, ends_in)

    def dump(self) -> dict[str, Any]:
        """Return the state as plain values."""
        leases = [(lease.name, lease.at) for lease in self._window.uncounted if isinstance(lease, _Lease)]
        return {
            "epoch": self.epoch,
            "window": self._window.dump(),
            "leases": leases,
            "queue": self._queue,
            "probe": self._probe,
            "is_silent": self._is_silent,
            "shares": self._shares,
            "shares_end": self._shares_end,
            "opened_at": self._opened_at,
            "heard_at": self._heard_at,
        }

    @classmethod
    def load(cls, state: dict[str, Any]) -> SharedWindow:
        """Return what `dump` returned the state of.

        Raises:
            KeyError: If it isn't such a state.
            TypeError: The same.
            ValueError: The same.
        """
        new = cls(0.0)
        new._window.load(state["window"])
        new._window.restore(_Lease(name, at) for name, at in state["leases"])
        new.epoch = str(state["epoch"])
        new._queue = dict(state["queue"])
        name, at = state["probe"]
        new._probe = name, at
        new._is_silent = bool(state["is_silent"])
        new._shares, new._shares_end = dict(state["shares"]), float(state["shares_end"])
        new._opened_at, new._heard_at = float(state["opened_at"]), float(state["heard_at"])
        return new

    def _forget(self) -> None:
        self._window.forget()
        self._probe = "", _NEVER
        self._is_silent = False

    def _grant(
        self, wanted: list[str], held: dict[str, _Lease], now: float
    ) -> tuple[list[tuple[str, float]], Delay | None]:
        """Return the leases that can be granted, and the delay of the others if there are any."""
        due = (name for name in self._queue if self._share_delay(name, now) == 0)
        places = {name: place for place, name in enumerate(due)}
        granted: list[tuple[str, float]] = []
        admitted = 0
        for name in wanted:
            lease = held.get(name)
            if lease is None:
                free, delay = self._free(now)
                share_delay = self._share_delay(name, now)
                if share_delay > 0:
                    return granted, delay or Delay(share_delay, is_fixed=False)
                if max(0, places[name] - admitted) >= free:
                    return granted, delay or Delay(_TURN, is_fixed=False)
                lease = self._admit(name, now)
                admitted += 1
            else:  # the reply was lost: only now is the request about to be sent
                window = self._window
                window.remove(lease, has_passed=False)
                lease = _Lease(name, now)
                window.add(lease)
            granted.append((name, lease.at))
        return granted, None

    def _admit(self, name: str, now: float) -> _Lease:
        lease = _Lease(name, now)
        if self._probe_interval() is not None:
            self._probe = name, now
        del self._queue[name]
        process = _process_of(name)
        if process in self._shares or (self._opened_at != _NEVER and now < self._shares_end):
            self._shares[process] = self._shares.get(process, 0) - 1
        self._window.add(lease)
        return lease

    def _share_out(self, now: float) -> None:
        """Give each process that waits its share of the window that begins, by the number of its calls."""
        waiting = Counter(_process_of(name) for name in self._queue)
        total, limit = len(self._queue), self._window.limit
        self._shares = {process: -(-limit * number // total) for process, number in waiting.items()}
        self._opened_at = _NEVER
        self._shares_end = now + min(_SHARED_OUT, _SHARED_OUT_PART * self._window.length)

    def _open(self, now: float) -> None:
        """Let each process take a part of the window, and more as time passes, whenever it comes."""
        self._shares = {}
        self._opened_at = now
        self._shares_end = now + min(_SHARED_OUT, _SHARED_OUT_PART * self._window.length)

    def _share_delay(self, name: str, now: float) -> float:
        """Return the seconds until the process of a lease may take more of the window. 0 if it may now."""
        if now >= self._shares_end or self._window.left is None:
            return 0.0
        share = self._shares.get(_process_of(name))
        if self._opened_at == _NEVER:
            return 0.0 if share is None or share > 0 else self._shares_end - now
        taken, limit = -(share or 0), self._window.limit
        if taken < max(_FIRST_PART * limit, _FIRST_REQUESTS):
            return 0.0
        opens_at = self._opened_at + (self._shares_end - self._opened_at) * math.pow(taken / limit, 1 / 3)
        return max(0.0, min(opens_at, self._shares_end) - now)

    def _free(self, now: float) -> tuple[float, Delay | None]:
        """Return how many requests may be sent now, and the delay of the next one when none may."""
        delay = self._window.delay(now)
        if delay is not None:
            return 0, delay
        interval = self._probe_interval()
        if interval is not None:
            wait = self._probe[1] + interval - now
            return (0, Delay(wait, is_fixed=False)) if wait > 0 else (1, None)
        left = self._window.left
        return float("inf") if left is None else left, None

    def _probe_interval(self) -> float | None:
        """Return the seconds between two requests that learn about the window, or None if they need not be few."""
        if self._window.left is None:
            return None if self._is_silent else _SCOUT_INTERVAL
        return _PROBE_INTERVAL if self._window.is_exhausted() else None

    def _end(self, ended: LeaseEnd, now: float) -> None:
        self._queue.pop(ended.name, None)
        window, at = self._window, now - ended.age
        is_probe = ended.name == self._probe[0]
        lease = _Lease(ended.name, ended.at, is_probe=is_probe)
        window.remove(lease, has_passed=ended.has_passed)
        if is_probe:
            self._probe = "", _NEVER
        if ended.limit and window.left is None and ended.at < float(self.epoch) - _ROUNDED:
            pass  # of before the state was lost: it may not include what was in flight then
        elif ended.limit:
            reset_at = datetime.fromtimestamp(ended.reset, UTC)
            stated = RateLimit(limit=ended.limit, remaining=ended.remaining, reset_at=reset_at)
            window.update(stated, ended.server_time, at, lease)
        elif ended.has_passed:
            self._is_silent = True
        if is_probe and ended.has_passed and window.is_exhausted() and window.delay(now) is None:
            window.forget()
        if ended.pause:
            window.pause(at, ended.pause)


def _process_of(name: str) -> str:
    """Return the process that a lease is of: the part of its name before the point."""
    return name.partition(".")[0]
