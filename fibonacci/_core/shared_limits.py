"""What all clients of one API key share in a process: the rate limiter and the retry quota."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Generator
from contextlib import contextmanager

from fibonacci._core.limiter import RateLimiter
from fibonacci._core.response import APIResponse
from fibonacci._core.retry import Attempt, Retry, decide, is_rate_limited
from fibonacci._core.window import Admission, Delay, Window
from fibonacci.models.response import RateLimit

TYPE_CHECKING = False  # not imported from typing, for the reason in _lazy.py
if TYPE_CHECKING:
    from fibonacci._core.lease_messages import StoreError

# Tokens of the retry quota; AWS's standard retry mode of 2026 has the same figure.
_CAPACITY = 500
_KEPT_KEYS = 1024
# The end of the queue's delay may move by so many seconds before the calls are woken.
_TOLERANCE = 0.05


class QueuedCall:
    """A call that sleeps: until the limiter admits it or, when it was refused, until it is sent again.

    Args:
        wake: Ends the sleep, from any thread. It raises a RuntimeError if the event loop of the call is closed.
        endpoint: The method and the path template of the request; None for a call that the limiter need not admit.

    Attributes:
        admission: The admission that it was given and has not taken yet.
        is_closed: Whether its client was closed.
        is_reset: Whether the rate limit was reset.
    """

    def __init__(self, wake: Callable[[], None], endpoint: tuple[str, str] | None = None) -> None:
        self.endpoint = endpoint
        self.admission: Admission | None = None
        self.is_closed: bool = False
        self.is_reset: bool = False
        self._wake = wake

    def wake(self) -> bool:
        """End the sleep; return False if the event loop of the call is closed."""
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
    call, a reset) admits those that may be sent and wakes them; the others sleep until the end of their delay.

    The retry quota stops retry storms: each retry takes tokens that only a success returns. While a server is down the
    tokens run out, and calls fail at their first attempt instead of multiplying the load.

    None of the methods blocks, nor do those of `LeasedLimits`, which several processes share.

    Args:
        is_enforced: Whether calls are delayed. Otherwise the limits are learned, and every request is admitted.
        window: The window of the rate limit, where it is not one of this process alone.

    Attributes:
        failure: Why no call can be admitted at present; None in a process of its own.
    """

    def __init__(self, *, is_enforced: bool = True, window: Window | None = None) -> None:
        # Reentrant: garbage collection may end a call, and so settle it, while this thread holds the lock.
        self._lock = threading.RLock()
        self._pollers = 0
        self._limiter = RateLimiter(window)
        self.failure: StoreError | None = None
        self._tokens = _CAPACITY
        self._is_enforced = is_enforced
        self._process = os.getpid()
        self._queue: dict[QueuedCall, None] = {}
        self._common_delay: tuple[float, bool] = (0.0, False)  # the end of the queue's delay, and whether it is fixed

    @property
    def last(self) -> RateLimit | None:
        """The last rate limit that the server stated; None before the first."""
        return self._limiter.last

    @property
    def in_flight(self) -> int:
        """The number of requests that are admitted and not settled."""
        return self._limiter.in_flight

    @property
    def is_inherited(self) -> bool:
        """Whether this process is a fork: a lock that another thread held then stays locked."""
        return self._process != os.getpid()

    @property
    def queued(self) -> int:
        """The number of calls that wait."""
        return len(self._queue)

    @property
    def left(self) -> tuple[int, int] | None:
        """The requests that may still be sent in this window, and the limit; None when not known."""
        left = self._limiter.window.left
        return None if left is None else (left, self._limiter.window.limit)

    @property
    def pollers(self) -> int:
        """The number of calls that wait for an execution, and share what is left of the window."""
        return self._pollers

    @contextmanager
    def poller(self) -> Generator[None]:
        """Count a call among the pollers while the block runs."""
        with self._lock:
            self._pollers += 1
        try:
            yield
        finally:
            with self._lock:
                self._pollers -= 1

    def remaining_window(self, now: float) -> tuple[float, int] | None:
        """Return the seconds and the requests left in the window; None when they are not known."""
        with self._lock:
            return self._limiter.window.remaining(now)

    def acquire(self, now: float, endpoint: tuple[str, str]) -> Admission | Delay:
        """Admit a request, after which `settle` must follow, or return its delay.

        Args:
            now: Seconds on the monotonic clock.
            endpoint: The method and the path template of the request.
        """
        with self._lock:
            if not self._is_enforced:
                return self._limiter.admit(now, endpoint)
            if self._queue:
                self._admit_queued(now)
            return self._limiter.acquire(now, endpoint)

    def queue(self, call: QueuedCall, now: float) -> Admission | Delay:
        """Queue a call, or ask for one that is in the queue. `leave` must follow in the end.

        Returns:
            Its admission, after which `settle` must follow, or its delay. It may be woken before that is over.
        """
        with self._lock:
            if call.admission is None:
                self._queue.setdefault(call)
                self._admit_queued(now)
            admission, call.admission = call.admission, None
            return admission or self._limiter.delay(now, call.endpoint) or Delay(0.0, is_fixed=False)

    def leave(self, call: QueuedCall, now: float) -> None:
        """Remove a call from the queue, and release an admission that it has not taken."""
        with self._lock:
            self._queue.pop(call, None)
            admission, call.admission = call.admission, None
            if admission is not None:
                self._limiter.release(admission, now)
                self._admit_queued(now)

    def settle(self, admission: Admission, attempt: Attempt | None, now: float) -> Retry | None:
        """Record the end of an admitted request.

        Args:
            admission: The admission of the request.
            attempt: The attempt; None when it ended without a result, as by cancellation.
            now: Seconds on the monotonic clock.

        Returns:
            The retry that follows, paid for from the quota; None when the result is final.
        """
        with self._lock:
            response = attempt.result if attempt is not None and isinstance(attempt.result, APIResponse) else None
            is_refused = response is not None and is_rate_limited(response)
            self._limiter.release(admission, now, response, is_refused=is_refused)
            if self._queue:
                self._admit_queued(now)
            return None if attempt is None else self._pay(attempt)

    def reset(self, now: float) -> None:
        """Forget what the server stated, and wake all calls that wait."""
        if self.is_inherited:
            return
        with self._lock:
            self._limiter.forget()
            self._admit_queued(now)
            for call in list(self._queue):
                call.is_reset = True
                call.wake()

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
        """Admit the calls that may be sent, in order; wake the others when the end of their delay has changed."""
        self._limiter.window.advance(now)
        for call in list(self._queue):
            if self._limiter.delay(now) is not None:
                break
            outcome = None if call.endpoint is None else self._limiter.acquire(now, call.endpoint)
            if isinstance(outcome, Admission):
                self._queue.pop(call, None)
                call.admission = outcome
                if not call.wake():
                    call.admission = None
                    self._limiter.release(outcome, now)
        delay = self._limiter.delay(now)
        if delay is None:
            return
        ends_at, is_fixed = self._common_delay
        if abs(now + delay.seconds - ends_at) > _TOLERANCE or delay.is_fixed != is_fixed:
            self._common_delay = now + delay.seconds, delay.is_fixed
            for call in list(self._queue):
                if not call.wake():
                    self._queue.pop(call, None)


_shared: OrderedDict[tuple[str, int, int], SharedLimits] = OrderedDict()


def kept_limits(name: tuple[str, int, int], make: Callable[[], SharedLimits]) -> SharedLimits:
    """Return the limits of that name, made unless they are there: the same object for every client in the process.

    Args:
        name: The base URL, a hash that stands for the key, so that the registry holds no secrets, and the process: a
            lock that another thread held at a fork stays locked forever in the child.
        make: Makes them.
    """
    found = _shared.get(name)
    if found is None:
        found = _shared.setdefault(name, make())
        while len(_shared) > _KEPT_KEYS:
            _shared.popitem(last=False)
    return found


def shared_limits(base_url: str, api_key: str, own: SharedLimits | None = None) -> SharedLimits:
    """Return the limits of a key at a base URL: the same object for every client in the process.

    Args:
        base_url: The base URL.
        api_key: The key.
        own: The limits that the client has had until now.
    """
    return kept_limits((base_url, hash(api_key), os.getpid()), SharedLimits)


def unenforced_limits(base_url: str, api_key: str, own: SharedLimits | None = None) -> SharedLimits:
    """Return limits of a client and its clones that delay nothing: those that it has had until now, if any."""
    return SharedLimits(is_enforced=False) if own is None or own.is_inherited else own
