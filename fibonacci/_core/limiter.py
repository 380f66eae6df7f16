"""Keeping the calls of one API key within the plan's rate limit."""

from __future__ import annotations

from collections.abc import Iterable

from fibonacci._core.response import APIResponse
from fibonacci._core.window import LONGEST_WAIT, Admission, Delay, Window
from fibonacci.models.response import RateLimit

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
        """Return the delay of the next probe; None when it may be sent now."""
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
        window: The window, where it is not one of this process alone.

    Attributes:
        last: The last rate limit that the server stated; None before the first.
        window: The present window.
    """

    def __init__(self, window: Window | None = None) -> None:
        self._in_flight: set[Admission] = set()
        self.window: Window = Window() if window is None else window
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
        """Forget what the server stated; requests in flight stay counted."""
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
        delay = self.delay(now, endpoint)
        return self.admit(now, endpoint, admission) if delay is None else delay

    def admit(self, now: float, endpoint: tuple[str, str] = ("", ""), admission: Admission | None = None) -> Admission:
        """Admit a request whatever is known."""
        admission = admission or Admission(now, endpoint)
        if admission in self._in_flight:  # by a signal's handler, in the midst of admitting it
            return admission
        breaker, must_probe = self._breakers.get(endpoint), self._must_probe()
        admission.at, admission.is_probe = now, must_probe or breaker is not None
        self._in_flight.add(admission)
        if must_probe:
            self._common_breaker.probe = admission
        if breaker is not None:
            breaker.probe = admission
        self.window.add(admission)
        return admission

    def delay(self, now: float, endpoint: tuple[str, str] | None = None) -> Delay | None:
        """Return the delay of a request; without an endpoint, that of all requests."""
        delay = self.window.delay(now)
        if delay is None and self._must_probe():
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
        """Pause all requests when a plan's window may be the cause; else open the breaker of the endpoint."""
        seconds = response.retry_after
        if seconds is not None and seconds <= _LONGEST_PAUSE:
            self.window.pause(now, seconds)
            return
        if seconds is None and (not admission.is_probe or self.window.delay(now) is not None):
            return  # the next window ends it, or its end is not known
        seconds = LONGEST_WAIT if seconds is None else min(seconds, LONGEST_WAIT)
        self._breakers.pop(admission.endpoint, None)
        self._breakers[admission.endpoint] = _CircuitBreaker(now + seconds)
        if len(self._breakers) > _MAX_BREAKERS:
            self._breakers.pop(next(iter(self._breakers)), None)
        self._is_probing = True
