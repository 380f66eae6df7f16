"""Keeping the calls of one API key within the plan's rate limit."""

from __future__ import annotations

from fibonacci._core.response import APIResponse
from fibonacci._core.window import LONGEST_WAIT, Admission, Delay, Window
from fibonacci.models.response import RateLimit

# The plans have windows of a minute: a longer `Retry-After` is about something else than the plan.
_LONGEST_PAUSE = 60.0
# Seconds after which another probe is sent, if there is no response: a refusal comes at once, the run of a workflow
# takes long.
_PROBE_INTERVAL = 5.0
_MOST_HELD = 1000


class _Hold:
    """Admits nothing until a time, and then one probe at a time, until one has shown that requests are admitted.

    Attributes:
        until: Seconds on the monotonic clock.
        probe: The probe that is under way.
    """

    __slots__ = ("probe", "until")

    def __init__(self, until: float) -> None:
        self.until: float = until
        self.probe: Admission | None = None

    def delay(self, now: float) -> Delay | None:
        """Return the delay of the next probe; None when it may be sent now."""
        if now < self.until:
            return Delay(self.until - now, is_fixed=True)
        wait = 0.0 if self.probe is None else self.probe.at + _PROBE_INTERVAL - now
        return Delay(wait, is_fixed=False) if wait > 0 else None


class RateLimiter:
    """Admits requests while the plan allows them, and returns a delay for the others.

    What the server states is trusted for 120 seconds at most: after that a probe asks it again, so that no single
    response stops a client for longer. Time is an argument everywhere: seconds on the monotonic clock. The caller holds
    the lock.

    Attributes:
        in_flight: Requests admitted and not yet released.
        last: The last rate limit that the server stated; None before the first.
        window: The present window.
    """

    def __init__(self) -> None:
        self.in_flight: int = 0
        self.window: Window = Window()
        self.forget()

    def forget(self) -> None:
        """Forget what the server stated; requests in flight stay counted."""
        self.last: RateLimit | None = None
        self.window.forget()
        self._paused_until = -float("inf")
        self._held: dict[tuple[str, str], _Hold] = {}
        self._is_in_doubt = False  # whether one endpoint is held up, and nothing is known of the others
        self._hold_of_all = _Hold(-float("inf"))

    def acquire(self, now: float, endpoint: tuple[str, str] = ("", "")) -> Admission | Delay:
        """Admit a request, after which `release` must follow, or return its delay."""
        self.window.advance(now)
        delay = self.delay(now, endpoint)
        return self.admit(now, endpoint) if delay is None else delay

    def admit(self, now: float, endpoint: tuple[str, str] = ("", "")) -> Admission:
        """Admit a request whatever is known."""
        held, is_probe = self._held.get(endpoint), self._must_probe()
        admission = Admission(now, endpoint, is_probe=is_probe or held is not None)
        if is_probe:
            self._hold_of_all.probe = admission
        if held is not None:
            held.probe = admission
        self.in_flight += 1
        self.window.add(admission)
        return admission

    def delay(self, now: float, endpoint: tuple[str, str] | None = None) -> Delay | None:
        """Return the delay of a request; without an endpoint, that of all requests."""
        if now < self._paused_until:
            return Delay(self._paused_until - now, is_fixed=True)
        delay = self.window.delay(now)
        if delay is None and self._must_probe():
            delay = self._hold_of_all.delay(now)
        if delay is None and endpoint in self._held:
            delay = self._held[endpoint].delay(now)
        return delay

    def release(
        self, admission: Admission, now: float, response: APIResponse | None = None, *, is_refused: bool = False
    ) -> None:
        """End the flight of a request, and learn from its response when there is one.

        Args:
            admission: The admission of the request.
            now: Seconds on the monotonic clock.
            response: Its response.
            is_refused: Whether the response refuses the request because of the rate limit.
        """
        self.in_flight -= 1
        self.window.remove(admission)
        stated = None if response is None else response.rate_limit
        if response is not None and stated is not None:
            self.last = stated
            self.window.learn(stated, response.server_time, now, admission)
        has_passed = response is not None and not is_refused and response.status < 500 and response.status != 429
        if admission.is_probe:
            self._end_probe(admission, now, has_passed=has_passed)
        if response is not None and is_refused:
            self._refuse(admission, response, now)

    def _must_probe(self) -> bool:
        """Whether requests are probes: an endpoint was refused for long, or no request is said to be left for long."""
        return self._is_in_doubt or self.window.is_exhausted()

    def _end_probe(self, admission: Admission, now: float, *, has_passed: bool) -> None:
        """Open what a probe has shown to be open; if it has shown nothing, the next one may be sent."""
        held = self._held.get(admission.endpoint)
        for hold in (self._hold_of_all, held):
            if hold is not None and hold.probe is admission:
                hold.probe = None
        if not has_passed:
            return
        self._is_in_doubt = False
        if held is not None and admission.at >= held.until:
            del self._held[admission.endpoint]
        if self.window.is_exhausted() and self.window.delay(now) is None:
            self.window.forget()

    def _refuse(self, admission: Admission, response: APIResponse, now: float) -> None:
        """Hold up what was refused: all requests for as long as a plan's window may take, else the endpoint alone."""
        seconds = response.retry_after
        if seconds is not None and seconds <= _LONGEST_PAUSE:
            self._paused_until = max(self._paused_until, now + seconds)
            return
        if seconds is None and (not admission.is_probe or self.window.delay(now) is not None):
            return  # the next window lifts it, or nobody knows what does
        self._held.pop(admission.endpoint, None)
        self._held[admission.endpoint] = _Hold(now + min(LONGEST_WAIT, LONGEST_WAIT if seconds is None else seconds))
        if len(self._held) > _MOST_HELD:
            del self._held[next(iter(self._held))]
        self._is_in_doubt = True
