"""What all clients of one API key share in a process: the rate limiter and the retry quota."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING
from weakref import WeakSet

from fibonacci._core.response import APIResponse
from fibonacci._core.retry import Attempt, Retry, decide, is_rate_limited
from fibonacci._core.window import Admission, Delay, Statement, Window
from fibonacci._system.concurrency import renew_in_children, snapshot

if TYPE_CHECKING:
    from fibonacci.models.response import RateLimit

LONGEST_SILENCE = 5.0
"""Seconds: who waits longer for a limit or a quota is told at WARNING."""

# The plans have windows of a minute: a longer `Retry-After` is about something else than the plan.
_LONGEST_PAUSE = 60.0
# Tokens of the retry quota. AWS's standard retry mode of 2026 has the same figure.
_CAPACITY = 500
_KEPT_KEYS = 1024
# The end of the delay may move by so many seconds before the calls in the queue are woken.
_TOLERANCE = 0.05


class StoreError(Exception):
    """The store of a shared window can't be used. The text names it and the reason, without a password.

    Args:
        text: The text.
        is_lasting: Whether waiting doesn't help, as when a password is wrong.
    """

    def __init__(self, text: str, *, is_lasting: bool = False) -> None:
        super().__init__(text)
        self.is_lasting: bool = is_lasting


class QueuedCall:
    """A call that sleeps: until the limiter admits it or, when it was refused, until it is sent again.

    Args:
        wake: Ends the sleep, from any thread. It raises a RuntimeError if the event loop of the call is closed.
        admission: What the limiter is to give.

    Attributes:
        is_closed: Whether its client was closed.
        is_reset: Whether the rate limit was reset.
    """

    def __init__(self, wake: Callable[[], None], admission: Admission) -> None:
        self.admission: Admission = admission
        self.is_closed: bool = False
        self.is_reset: bool = False
        self._wake = wake

    def wake(self) -> bool:
        """End the sleep, or return False if the event loop of the call is closed."""
        try:
            self._wake()
        except RuntimeError:
            return False
        return True

    def close(self) -> None:
        """End the call: its client is closed."""
        self.is_closed = True
        self.wake()


class SharedLimits:
    """The limits of one API key at one base URL. Safe to use from many threads and event loops.

    Calls that have to wait queue, and are admitted in their order. What changes the limits (a response, a canceled
    call, a reset) admits those that may be sent and wakes them. The others sleep until the end of their delay.

    The retry quota stops retry storms: each retry takes tokens that only a success returns. While a server is down the
    tokens run out, and calls fail at their first attempt instead of multiplying the load.

    None of the methods blocks, nor do those of `StoredLimits`, which several processes share.

    Args:
        is_enforced: Whether calls are delayed. Otherwise the limits are learned, and every request is admitted.
        window: The window of the rate limit, unless it belongs to this process alone.

    Attributes:
        last: The last rate limit that the server stated. None before the first.
        failure: Why no call can be admitted at present. Always None if the limits belong to this process alone.
        is_inherited: Whether this process is a fork, and the limits belong to its parent's calls.
    """

    def __init__(self, *, is_enforced: bool = True, window: Window | None = None) -> None:
        # Reentrant: a signal's handler, or the finalizer of a call, may run while this thread holds it. The state is
        # such that what they change between two lines, or an exception of theirs leaves undone, does no harm.
        self._lock = threading.RLock()
        self._window: Window = window or Window()
        self._admitted: WeakSet[Admission] = WeakSet()
        self._pollers: WeakSet[Admission] = WeakSet()
        self._queue: OrderedDict[QueuedCall, None] = OrderedDict()
        self._refused: OrderedDict[QueuedCall, None] = OrderedDict()
        self._told: tuple[float, bool] = (0.0, False)  # the end of the delay that the calls in the queue know
        self._tokens = _CAPACITY
        self._is_enforced = is_enforced
        self._warned_until = -float("inf")
        self.last: RateLimit | None = None
        self.failure: StoreError | None = None
        self.is_inherited: bool = False
        renew_in_children(self)

    @property
    def in_flight(self) -> int:
        """The number of requests that are admitted and have not ended."""
        return len(self._admitted)

    @property
    def queued(self) -> int:
        """The number of calls that wait."""
        return len(self._queue) + len(self._refused)

    @property
    def left(self) -> tuple[int, int] | None:
        """The requests that may still be sent in this window, and the limit. None if not known."""
        left = self._window.left
        return None if left is None else (left, self._window.limit)

    @property
    def pollers(self) -> int:
        """The number of calls that wait for an execution, and share what is left of the window."""
        return len(self._pollers)

    @contextmanager
    def poller(self) -> Generator[None]:
        """Count a call among the pollers while the block runs."""
        poller = Admission()
        self._pollers.add(poller)
        try:
            yield
        finally:
            self._pollers.discard(poller)

    def renew_in_child(self) -> None:
        """Let go of the lock, which a thread of the parent may hold. The child's calls get new limits."""
        self._lock = threading.RLock()
        self.is_inherited = True
        _shared.clear()  # here, where no other thread may have found its limits already

    def is_news(self, seconds: float, now: float) -> bool:
        """Whether to warn of a wait that begins now: it is long, and none that was warned of is under way."""
        if seconds <= LONGEST_SILENCE or now < self._warned_until:
            return False
        self._warned_until = now + seconds
        return True

    def remaining_window(self, now: float) -> tuple[float, int] | None:
        """Return the seconds and the requests left in the window, or None if they aren't known."""
        with self._lock:
            return self._window.remaining_at(now)

    def acquire(self, admission: Admission, now: float) -> Delay | None:
        """Admit a request, after which `settle` must follow, or return its delay."""
        with self._lock:
            if self._queue:
                self._admit_queued(now)
            return self._admit(admission, now)

    def queue(self, call: QueuedCall, now: float) -> Delay | None:
        """Queue a call, or ask for one that is in the queue: return None if it is admitted, or its delay.

        `leave` must follow in the end. The call may be woken before its delay is over.
        """
        with self._lock:
            if call.admission.at is None:
                self._queue.setdefault(call)
            self._admit_queued(now)
            if call.admission.at is not None:
                return None
            return self._window.delay(now) or Delay(0.0, is_fixed=False)

    def queue_refused(self, call: QueuedCall) -> None:
        """Have a reset of the rate limit wake a call that was refused. `leave` must follow."""
        self._refused.setdefault(call)

    def leave(self, call: QueuedCall) -> None:
        """Remove a call from the queue. An admission that it has is settled."""
        self._queue.pop(call, None)
        self._refused.pop(call, None)

    def settle(self, admission: Admission, attempt: Attempt | None, now: float) -> Retry | None:
        """Record the end of a request. It does nothing for one that isn't admitted, or was settled.

        Args:
            admission: The admission of the request.
            attempt: The attempt. None if it ended without a result, as by cancellation.
            now: Seconds on the monotonic clock.

        Returns:
            The retry that follows, paid for from the quota. None if the result is final.
        """
        if admission.at is None:
            return None
        with self._lock:
            self._end(admission, None if attempt is None else attempt.result, now)
            if self._queue:
                self._admit_queued(now)
            return None if attempt is None else self._pay(attempt)

    def reset(self, now: float) -> None:
        """Forget what the server stated, and wake all calls that wait."""
        if self.is_inherited:
            return
        with self._lock:
            self.last = None
            self._window.forget()
            self._admit_queued(now)
            for call in self._waiting():
                call.is_reset = True
                call.wake()

    def _admit(self, admission: Admission, now: float) -> Delay | None:
        """Admit a request, or return its delay."""
        delay = self._window.delay(now) if self._is_enforced else None
        if delay is None and admission.at is None:  # else a signal's handler has admitted it in the meantime
            self._admitted.add(admission)
            admission.at = self._window.add(now)
        return delay

    def _end(self, admission: Admission, result: object, now: float) -> None:
        """End a request, and take in what its response states."""
        response = result if isinstance(result, APIResponse) else None
        is_refused = response is not None and is_rate_limited(response)
        stated, has_passed = None, False
        if response is not None:
            has_passed = not is_refused and response.status < 500 and response.status != 429
            limit = response.rate_limit
            self.last = limit or self.last
            if limit is not None:
                reset = limit.reset_at.timestamp()
                stated = Statement(limit.limit, limit.remaining, reset, response.server_time)
        sent, admission.at = admission.at, None
        self._admitted.discard(admission)
        if sent is not None:
            self._window.end(sent, now, stated, has_passed=has_passed)
        seconds = response.retry_after if response is not None and is_refused else None
        if seconds is not None and seconds <= _LONGEST_PAUSE:
            self._window.pause(now, seconds)

    def _pay(self, attempt: Attempt) -> Retry | None:
        """Return the retry that follows an attempt, paid for from the retry quota."""
        if attempt.succeeded:
            self._tokens = min(_CAPACITY, self._tokens + (attempt.tokens_spent or 1))
            return None
        retry = decide(attempt)
        if retry is None or retry.cost > self._tokens:
            return None
        self._tokens -= retry.cost
        return retry

    def _admit_queued(self, now: float) -> None:
        """Admit the calls that may be sent, in order, and wake the others if the end of their delay has changed.

        Where no call can be admitted, this takes the same time however many there are.
        """
        while (calls := snapshot(self._queue.__iter__, 1)) and self._admit(calls[0].admission, now) is None:
            is_there = calls[0].wake()
            self.leave(calls[0])
            if not is_there:
                self._end(calls[0].admission, None, now)
        delay = self._window.delay(now)
        until, was_fixed = self._told
        if delay is not None and (abs(now + delay.seconds - until) > _TOLERANCE or delay.is_fixed != was_fixed):
            self._told = now + delay.seconds, delay.is_fixed
            for waiting in self._waiting():
                if not waiting.wake():
                    self.leave(waiting)

    def _waiting(self) -> list[QueuedCall]:
        return snapshot(self._queue.__iter__, None) + snapshot(self._refused.__iter__, None)


_shared: OrderedDict[tuple[str, int], SharedLimits] = OrderedDict()


def kept_limits(name: tuple[str, int], make: Callable[[], SharedLimits]) -> SharedLimits:
    """Return the limits of that name, made unless they are there: the same object for every client in the process.

    Args:
        name: The base URL, and a hash of the key, so that the registry holds no secrets.
        make: Makes them.
    """
    limits = _shared.get(name)
    if limits is None:
        limits = _shared.setdefault(name, make())
    with suppress(KeyError):  # another thread has dropped it
        _shared.move_to_end(name)
        if len(_shared) > _KEPT_KEYS:
            _shared.popitem(last=False)
    return limits


def shared_limits(base_url: str, api_key: str, own: SharedLimits | None = None) -> SharedLimits:
    """Return the limits of a key at a base URL: the same object for every client in the process.

    Args:
        base_url: The base URL.
        api_key: The key.
        own: The limits that the client has had until now.
    """
    return kept_limits((base_url, hash(api_key)), SharedLimits)


def unenforced_limits(base_url: str, api_key: str, own: SharedLimits | None = None) -> SharedLimits:
    """Return limits of a client and its clones that delay nothing: those that it has had until now, if any."""
    return SharedLimits(is_enforced=False) if own is None or own.is_inherited else own
