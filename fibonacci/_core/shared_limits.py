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
        refused: The calls that the server refused, and that wait to be sent again. A reset wakes and removes them.
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
        self._queue: OrderedDict[Admission, None] = OrderedDict()
        self._announced_end, self._is_fixed = 0.0, False  # of the delay that the calls in the queue know of
        self._tokens = _CAPACITY
        self._is_enforced = is_enforced
        self._warned_until = -float("inf")
        self.refused: WeakSet[Admission] = WeakSet()
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
        return len(self._queue) + len(self.refused)

    @property
    def left(self) -> tuple[int, int] | None:
        """The requests that may still be sent in this window, and the limit. None if not known."""
        left = self._window.left
        return None if left is None or not self._window.limit else (left, self._window.limit)

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
        """Admit a request and return None, or queue it and return its delay. In the end, `settle` must follow.

        The call of a queued request asks again after its delay, or when it is woken.
        """
        with self._lock:
            if not self._queue and admission.at is None and self._delay(now) is None:
                self._admit(admission, now)
                return None
            if admission.at is None and admission not in self._queue:
                self._queue[admission] = None
                self._notify()
            self._admit_queued(now)
            return None if admission.at is not None else self._window.delay(now) or Delay(0.0, is_fixed=False)

    def settle(self, admission: Admission, attempt: Attempt | None, now: float) -> Retry | None:
        """Record the end of a request. A second call does nothing.

        Args:
            admission: The admission of the request. If it is in the queue, it leaves.
            attempt: The attempt. None if it ended without a result, as by cancellation.
            now: Seconds on the monotonic clock.

        Returns:
            The retry that follows, paid for from the quota. None if the result is final.
        """
        self._queue.pop(admission, None)
        sent, admission.at = admission.at, None
        if sent is None:
            return None
        with self._lock:
            self._admitted.discard(admission)
            self._end(sent, None if attempt is None else attempt.result, now)
            if self._queue:
                self._admit_queued(now)
            self._notify()
            return None if attempt is None else self._pay(attempt)

    def reset(self, now: float) -> None:
        """Forget what the server stated, and wake all calls that wait."""
        with self._lock:
            self.last = None
            self._window.forget()
            self._admit_queued(now)
            refused = snapshot(self.refused.__iter__, None)
            self.refused.clear()  # first: who is woken looks whether it is still there, and would sleep again
            self._wake_all()
            for waiting in refused:
                self._wake(waiting)
            self._notify()

    def _notify(self) -> None:
        """Take note that a call has queued, a request has ended, or the rate limit was reset. It must not block."""

    def _end(self, sent: float, result: object, now: float) -> None:
        """End a request, and take in what its response states."""
        response = result if isinstance(result, APIResponse) else None
        limit = None if response is None else response.rate_limit
        stated = None
        if response is not None and limit is not None:
            self.last = limit
            stated = Statement(limit.limit, limit.remaining, limit.reset_at.timestamp(), response.server_time)
        self._window.end(sent, now, stated)
        seconds = response.retry_after if response is not None and is_rate_limited(response) else None
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
        """Admit the calls that may be sent, in order, and wake the others if the end of their delay has changed."""
        while calls := snapshot(self._queue.__iter__, 1):
            delay = self._delay(now)
            if delay is not None:
                if delay.is_fixed != self._is_fixed or abs(now + delay.seconds - self._announced_end) > _TOLERANCE:
                    self._announced_end, self._is_fixed = now + delay.seconds, delay.is_fixed
                    self._wake_all()
                return
            if self._wake(calls[0]):
                self._queue.pop(calls[0], None)
                self._admit(calls[0], now)

    def _delay(self, now: float) -> Delay | None:
        return self._window.delay(now) if self._is_enforced else None

    def _admit(self, admission: Admission, now: float) -> None:
        self._admitted.add(admission)
        admission.at = self._window.add(now)

    def _wake(self, admission: Admission) -> bool:
        """Wake a call, or remove it from the queue if its event loop is closed."""
        try:
            admission.wake()
        except RuntimeError:
            self._queue.pop(admission, None)
            return False
        return True

    def _wake_all(self) -> None:
        for waiting in snapshot(self._queue.__iter__, None):
            self._wake(waiting)


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
