"""What all clients of one API key share in a process: the rate limiter and the retry quota."""

from __future__ import annotations

import sys
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager, suppress
from itertools import count
from typing import TYPE_CHECKING

from fibonacci._concurrency import first, renew_in_children
from fibonacci._core.messages import TimeSource
from fibonacci._core.response import APIResponse
from fibonacci._core.retry import Attempt, Retry, decide, is_rate_limited
from fibonacci._core.window import LONGEST_WAIT, Admission, Delay, Window
from fibonacci.models.response import RateLimit

if TYPE_CHECKING:
    from fibonacci._core.shared_window import StoreError
    from fibonacci._core.window import RequestWindow


LONGEST_SILENCE = 5.0
"""Seconds: who waits longer for a limit or a quota is told at WARNING."""

# The plans have windows of a minute: a longer `Retry-After` is about something else than the plan.
_LONGEST_PAUSE = 60.0
# Seconds without a response after which another probe is sent: a refusal is immediate, the run of a workflow is not.
_PROBE_INTERVAL = 5.0
_MAX_BREAKERS = 1000


class _CircuitBreaker:
    """Admits nothing while it is open, and then one probe at a time until a response shows that requests are admitted.

    Attributes:
        open_until: Seconds on the monotonic clock.
        probe: The probe in flight.
    """

    __slots__ = ("open_until", "probe")

    def __init__(self, open_until: float) -> None:
        self.open_until: float = open_until
        self.probe: Admission | None = None

    def delay(self, now: float) -> Delay | None:
        """Return the delay of the next probe, or None if it may be sent now."""
        if now < self.open_until:
            return Delay(self.open_until - now, is_fixed=True)
        wait = 0.0 if self.probe is None else self.probe.at + _PROBE_INTERVAL - now
        return Delay(wait, is_fixed=False) if wait > 0 else None


class RateLimiter:
    """Admits requests while the plan allows them, and returns a delay for the others.

    What the server states is trusted for 120 seconds at most: after that a probe asks it again, so that no single
    response stops a client for longer. Time is an argument everywhere: seconds on the monotonic clock. The caller holds
    the lock.

    Args:
        window: The window, where it isn't one of this process alone.

    Attributes:
        last: The last rate limit that the server stated. None before the first.
        window: The present window.
    """

    def __init__(self, window: RequestWindow | None = None) -> None:
        self._in_flight: set[Admission] = set()
        self.window: RequestWindow = Window() if window is None else window
        self.last: RateLimit | None = None
        self._reset_breakers()

    @property
    def in_flight(self) -> int:
        """The number of requests admitted and not yet released."""
        return len(self._in_flight)

    def is_in_flight(self, admission: Admission) -> bool:
        """Whether a request is admitted and not yet released."""
        return admission in self._in_flight

    def forget(self) -> None:
        """Forget what the server stated, but keep counting requests in flight."""
        self.last = None
        self.window.forget()
        self._reset_breakers()

    def _reset_breakers(self) -> None:
        self._breakers: dict[tuple[str, str], _CircuitBreaker] = {}  # by endpoint
        self._is_probing = False  # an endpoint was refused for long, and no other has been admitted since
        self._common_breaker = _CircuitBreaker(-float("inf"))  # of all endpoints, while every request is a probe

    def acquire(
        self, now: float, endpoint: tuple[str, str] = ("", ""), admission: Admission | None = None
    ) -> Admission | Delay:
        """Admit a request, after which `release` must follow, or return its delay.

        Args:
            now: Seconds on the monotonic clock.
            endpoint: The method and the path template of the request.
            admission: The admission to give, for a caller that may be interrupted before it has what is returned.
        """
        self.window.advance(now)
        must_probe = self._must_probe()
        delay = self._delay(now, endpoint, must_probe=must_probe)
        return self._admit(now, endpoint, admission, must_probe=must_probe) if delay is None else delay

    def admit(self, now: float, endpoint: tuple[str, str] = ("", ""), admission: Admission | None = None) -> Admission:
        """Admit a request whatever is known."""
        return self._admit(now, endpoint, admission, must_probe=self._must_probe())

    def _admit(
        self, now: float, endpoint: tuple[str, str], admission: Admission | None, *, must_probe: bool
    ) -> Admission:
        admission = admission or Admission(now, endpoint)
        if admission in self._in_flight:  # by a signal's handler, in the midst of admitting it
            return admission
        breaker = self._breakers.get(endpoint)
        admission.at, admission.is_probe = now, must_probe or breaker is not None
        self._in_flight.add(admission)
        if must_probe:
            self._common_breaker.probe = admission
        if breaker is not None:
            breaker.probe = admission
        self.window.add(admission)
        return admission

    def delay(self, now: float, endpoint: tuple[str, str] | None = None) -> Delay | None:
        """Return the delay of a request or, without an endpoint, of all requests."""
        return self._delay(now, endpoint, must_probe=self._must_probe())

    def _delay(self, now: float, endpoint: tuple[str, str] | None, *, must_probe: bool) -> Delay | None:
        delay = self.window.delay(now)
        if delay is None and must_probe:
            delay = self._common_breaker.delay(now)
        breaker = None if endpoint is None else self._breakers.get(endpoint)
        if breaker is not None and (delay is None or not delay.is_fixed):
            delay = breaker.delay(now) or delay
        return delay

    def is_in_force(self, now: float) -> bool:
        """Whether a request to some endpoint would have to wait."""
        return self.delay(now) is not None or any(
            breaker.delay(now) is not None for breaker in [*self._breakers.values()]
        )

    def count_sendable(self, now: float, endpoints: Iterable[tuple[str, str]]) -> int:
        """Count the requests, given by their endpoints, that could be sent now if the window allowed it."""
        breakers = (self._breakers.get(endpoint) for endpoint in endpoints)
        number = sum(breaker is None or breaker.delay(now) is None for breaker in breakers)
        if self._must_probe():
            return min(number, 1) if self._common_breaker.delay(now) is None else 0
        return number

    def release(
        self, admission: Admission, now: float, response: APIResponse | None = None, *, is_refused: bool = False
    ) -> None:
        """Record the end of a request, and what its response states when there is one.

        Args:
            admission: The admission of the request.
            now: Seconds on the monotonic clock.
            response: Its response.
            is_refused: Whether the response refuses the request because of the rate limit.
        """
        has_passed = response is not None and not is_refused and response.status < 500 and response.status != 429
        self.window.remove(admission, has_passed=has_passed)
        if response is not None:
            stated = response.rate_limit
            self.last = stated or self.last
            if stated is None and is_refused:
                stated = self._implied(response)
            if stated is not None:
                self.window.update(stated, response.server_time, now, admission)
        if admission.is_probe:
            self._end_probe(admission, now, has_passed=has_passed)
        if response is not None and is_refused:
            self._refuse(admission, response, now)
        self._in_flight.discard(admission)  # last: what an interrupt leaves undone, a second release does

    def _implied(self, response: APIResponse) -> RateLimit | None:
        """Return what a refusal says that states no rate limit: the last window goes on, if its reset has passed."""
        last = self.last
        if last is None or last.reset_at.timestamp() > response.server_time:
            return None
        return RateLimit(limit=last.limit, remaining=0, reset_at=last.reset_at)

    def _must_probe(self) -> bool:
        """Whether every request is a probe: an endpoint was refused for long, or no request is left for long."""
        return self._is_probing or self.window.is_exhausted()

    def _end_probe(self, admission: Admission, now: float, *, has_passed: bool) -> None:
        """End a probe: one that has passed closes its breakers, after any other the next one may be sent."""
        breaker = self._breakers.get(admission.endpoint)
        for either in (self._common_breaker, breaker):
            if either is not None and either.probe is admission:
                either.probe = None
        if not has_passed:
            return
        self._is_probing = False
        if breaker is not None and admission.at >= breaker.open_until:
            self._breakers.pop(admission.endpoint, None)
        if self.window.is_exhausted() and self.window.delay(now) is None:
            self.window.forget()

    def _refuse(self, admission: Admission, response: APIResponse, now: float) -> None:
        """Pause all requests when a plan's window may be the cause, otherwise open the breaker of the endpoint."""
        seconds = response.retry_after
        if seconds is not None and seconds <= _LONGEST_PAUSE:
            self.window.pause(now, seconds)
            return
        if seconds is None and (not admission.is_probe or self.window.delay(now) is not None):
            return  # the next window ends it, or its end isn't known
        seconds = LONGEST_WAIT if seconds is None else min(seconds, LONGEST_WAIT)
        self._breakers.pop(admission.endpoint, None)
        self._breakers[admission.endpoint] = _CircuitBreaker(now + seconds)
        if len(self._breakers) > _MAX_BREAKERS:
            self._breakers.pop(next(iter(self._breakers)), None)
        self._is_probing = True


# Tokens of the retry quota. AWS's standard retry mode of 2026 has the same figure.
_CAPACITY = 500
# Keys whose limits are kept although none is in use, and how many are looked at for each that is added beyond.
_KEPT_KEYS = 1024
_LOOKED_AT = 2
# The end of the queue's delay may move by so many seconds before the calls are woken.
_TOLERANCE = 0.05


_numbers = count()


class QueuedCall:
    """A call that sleeps: until the limiter admits it or, when it was refused, until it is sent again.

    Args:
        wake: Ends the sleep, from any thread. It raises a RuntimeError if the event loop of the call is closed.
        admission: What the limiter is to give. None for a call that it need not admit.

    Attributes:
        is_closed: Whether its client was closed.
        is_reset: Whether the rate limit was reset.
        number: Its place in the order of all calls.
    """

    def __init__(self, wake: Callable[[], None], admission: Admission | None = None) -> None:
        self.admission = admission
        self.endpoint: tuple[str, str] | None = None if admission is None else admission.endpoint
        self.number: int = next(_numbers)
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

    None of the methods blocks, nor do those of `LeasedLimits`, which several processes share.

    Args:
        is_enforced: Whether calls are delayed. Otherwise the limits are learned, and every request is admitted.
        window: The window of the rate limit, unless it belongs to this process alone.

    Attributes:
        failure: Why no call can be admitted at present. Always None if the limits belong to this process alone.
        is_inherited: Whether this process is a fork, and the limits belong to its parent's calls.
    """

    def __init__(self, *, is_enforced: bool = True, window: RequestWindow | None = None) -> None:
        # Reentrant: a signal's handler may make a call while this thread holds it. The state is such that what the
        # handler changes between two lines, or an exception of it leaves undone, does no harm. The collector takes no
        # lock: `_abandoned` has the calls that it has ended.
        self._lock = threading.RLock()
        self._pollers: set[object] = set()
        self._limiter = RateLimiter(window)
        self._abandoned: deque[Admission] = deque()
        self.failure: StoreError | None = None
        self._tokens = _CAPACITY
        self._is_enforced = is_enforced
        self.is_inherited: bool = False
        self._warned_until = -float("inf")
        # By endpoint, so that one that is stopped holds nobody up; by None those that need not be admitted.
        self._queues: dict[tuple[str, str] | None, OrderedDict[QueuedCall, None]] = {}
        self._common_delay: tuple[float, bool] = (0.0, False)  # the end of the queue's delay, and whether it is fixed
        renew_in_children(self)

    @property
    def last(self) -> RateLimit | None:
        """The last rate limit that the server stated. None before the first."""
        return self._limiter.last

    @property
    def in_flight(self) -> int:
        """The number of requests that are admitted and not settled."""
        return self._limiter.in_flight

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

    @property
    def queued(self) -> int:
        """The number of calls that wait."""
        return sum(map(len, list(self._queues.values())))

    @property
    def left(self) -> tuple[int, int] | None:
        """The requests that may still be sent in this window, and the limit. None if not known."""
        left = self._limiter.window.left
        return None if left is None else (left, self._limiter.window.limit)

    @property
    def pollers(self) -> int:
        """The number of calls that wait for an execution, and share what is left of the window."""
        return len(self._pollers)

    @contextmanager
    def poller(self) -> Generator[None]:
        """Count a call among the pollers while the block runs."""
        poller = object()
        try:
            try:
                self._pollers.add(poller)
                yield
            finally:
                self._pollers.discard(poller)
        finally:
            self._pollers.discard(poller)  # again: a signal may have interrupted the first time

    def is_in_use(self, now: float) -> bool:
        """Whether they delay a request, or will know more of one: otherwise they may be forgotten."""
        with self._lock:
            return self.in_flight + self.queued > 0 or self._limiter.is_in_force(now)

    def remaining_window(self, now: float) -> tuple[float, int] | None:
        """Return the seconds and the requests left in the window, or None if they aren't known."""
        with self._lock:
            return self._limiter.window.remaining(now)

    def acquire(self, now: float, endpoint: tuple[str, str], admission: Admission | None = None) -> Admission | Delay:
        """Admit a request, after which `settle` or `abandon` must follow, or return its delay.

        Args:
            now: Seconds on the monotonic clock.
            endpoint: The method and the path template of the request.
            admission: The admission to give, so that a caller that is interrupted can abandon it.
        """
        with self._lock:
            self._settle_abandoned(now)
            if not self._is_enforced:
                return self._limiter.admit(now, endpoint, admission)
            if self.queued:
                self._admit_queued(now)
            return self._limiter.acquire(now, endpoint, admission)

    def queue(self, call: QueuedCall, now: float) -> Admission | Delay:
        """Queue a call, or ask for one that is in the queue. `leave` must follow in the end.

        Returns:
            Its admission, after which `settle` or `abandon` must follow, or its delay. It may be woken before that is
            over.
        """
        admission, endpoint = call.admission, call.endpoint
        with self._lock:
            if admission is None or not self._limiter.is_in_flight(admission):
                self._queues.setdefault(endpoint, OrderedDict()).setdefault(call)
            self._admit_queued(now)
            if admission is not None and self._limiter.is_in_flight(admission):
                return admission
            return self._limiter.delay(now, endpoint) or Delay(0.0, is_fixed=False)

    def leave(self, call: QueuedCall, now: float) -> None:
        """Remove a call from the queue. An admission that it has is settled or abandoned."""
        calls = self._queues.get(call.endpoint)
        if calls is not None:
            calls.pop(call, None)

    def settle(self, admission: Admission, attempt: Attempt | None, now: float) -> Retry | None:
        """Record the end of an admitted request.

        Args:
            admission: The admission of the request.
            attempt: The attempt. None if it ended without a result, as by cancellation.
            now: Seconds on the monotonic clock.

        Returns:
            The retry that follows, paid for from the quota. None if the result is final.
        """
        with self._lock:
            response = attempt.result if attempt is not None and isinstance(attempt.result, APIResponse) else None
            is_refused = response is not None and is_rate_limited(response)
            self._limiter.release(admission, now, response, is_refused=is_refused)
            if self.queued:
                self._admit_queued(now)
            return None if attempt is None else self._pay(attempt)

    def abandon(self, admission: Admission, clock: TimeSource) -> None:
        """Settle what wasn't settled: the request has ended without a result, or was never sent."""
        if not self._limiter.is_in_flight(admission):
            return
        if is_collected():
            self._abandoned.append(admission)
        else:
            self.settle(admission, None, clock.monotonic())

    def reset(self, now: float) -> None:
        """Forget what the server stated, and wake all calls that wait."""
        if self.is_inherited:
            return
        with self._lock:
            self._limiter.forget()
            self._admit_queued(now)
            for call in self._queued_calls():
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

    def _settle_abandoned(self, now: float) -> None:
        """Release the admissions of the calls that the collector has ended."""
        while self._abandoned:
            admission = self._abandoned.pop()
            if self._limiter.is_in_flight(admission):
                self._limiter.release(admission, now)

    def _admit_queued(self, now: float) -> None:
        """Admit the calls that may be sent, in order, and wake the others if the end of their delay has changed.

        Where no call can be admitted, this takes the same time however many there are.
        """
        self._settle_abandoned(now)
        self._limiter.window.advance(now)
        stopped: list[tuple[str, str]] = []
        while (call := self._first_queued(stopped)) is not None and call.admission is not None:
            if not self._limiter.is_in_flight(call.admission):  # else its admission was interrupted
                if self._limiter.delay(now) is not None:
                    break
                if isinstance(self._limiter.acquire(now, call.admission.endpoint, call.admission), Delay):
                    stopped.append(call.admission.endpoint)
                    continue
            is_there = call.wake()
            self.leave(call, now)
            if not is_there:
                self._limiter.release(call.admission, now)
        delay = self._limiter.delay(now)
        if delay is None:
            return
        ends_at, is_fixed = self._common_delay
        if abs(now + delay.seconds - ends_at) > _TOLERANCE or delay.is_fixed != is_fixed:
            self._common_delay = now + delay.seconds, delay.is_fixed
            for call in self._queued_calls():
                if not call.wake():
                    self.leave(call, now)

    def _first_queued(self, stopped: list[tuple[str, str]]) -> QueuedCall | None:
        """Return the first call to be admitted whose endpoint is none of those."""
        # A copy, because listing makes objects, so that the collector may finalize a call, which leaves its queue:
        queues = [calls for endpoint, calls in self._queues.copy().items() if endpoint not in (None, *stopped)]
        heads = [head for calls in queues for head in first(calls.__iter__, 1)]
        return min(heads, key=lambda call: call.number, default=None)

    def _queued_calls(self) -> list[QueuedCall]:
        return [call for calls in list(self._queues.values()) for call in list(calls)]


def is_collected() -> bool:
    """Whether the coroutine that ends at present is closed, as the collector closes one at any line of a program.

    Nothing may take a lock then: the program may hold it, or one that the holder waits for.
    """
    return isinstance(sys.exception(), GeneratorExit)


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
        for oldest in first(_shared.__iter__, _LOOKED_AT if len(_shared) > _KEPT_KEYS else 0):
            with suppress(KeyError):  # another thread has forgotten it
                if _shared[oldest].is_in_use(time.monotonic()):
                    _shared.move_to_end(oldest)  # never absent in between, or its next call wouldn't find its limits
                else:
                    del _shared[oldest]
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
