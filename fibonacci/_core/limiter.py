"""Keeping the calls of one API key within the plan's rate limit."""

from __future__ import annotations

from fibonacci._core.response import APIResponse
from fibonacci.models.response import RateLimit

# A reset further away than this is no plan's window (the longest is a day); it must not stop a client.
_LONGEST_WINDOW = 25 * 3600.0
# Seconds until a call asks again while responses under way may show that more requests remain.
_POLL_INTERVAL = 0.02


class RateLimiter:
    """Admits requests while the plan allows them, and returns a delay for the others.

    It counts requests in flight, so that many calls at once cannot all take the last one: what may still be sent is the
    lowest number of remaining requests that the server stated in this window, less the requests in flight. Time is an
    argument everywhere: seconds on the monotonic clock. The caller holds the lock.

    Attributes:
        in_flight: Requests admitted and not yet released.
        last: The last rate limit that the server stated; None before the first.
    """

    def __init__(self) -> None:
        self.in_flight: int = 0
        self.last: RateLimit | None = None
        self._window: float = 0.0  # the server's own name for the window: its reset in Unix seconds
        self._limit = 0
        self._remaining: int | None = None  # None: not known
        self._reset_at = 0.0
        self._clock_offset = -float("inf")  # the server's Unix clock less the monotonic one, as closely as is known
        self._paused_until = 0.0

    def acquire(self, now: float) -> float:
        """Admit a request, or return the seconds after which to ask again.

        Returns:
            0.0 when the request may be sent now; `release` must follow.
        """
        if now < self._paused_until:
            return self._paused_until - now
        if self._remaining is not None and now >= self._reset_at:
            # A new window has begun; its first response will state more.
            self._remaining = self._limit
            self._reset_at = float("inf")
        if self._remaining is None or self._remaining > self.in_flight:
            self.in_flight += 1
            return 0.0
        wait = self._reset_at - now
        return min(wait, _POLL_INTERVAL) if self._remaining > 0 else wait

    def release(self, now: float, response: APIResponse | None = None) -> None:
        """End the flight of a request, and learn from its response when there is one."""
        self.in_flight -= 1
        stated = None if response is None else response.rate_limit
        if response is not None and stated is not None:
            self.last = stated
            self._learn(stated, response.server_time, now)

    def pause(self, seconds: float, now: float) -> None:
        """Admit nothing for so many seconds, because the server refused a request; what no plan has is ignored."""
        if seconds <= _LONGEST_WINDOW:
            self._paused_until = max(self._paused_until, now + seconds)

    def remaining_window(self, now: float) -> tuple[float, int] | None:
        """Return the seconds and the requests left in the window; None when they are not known."""
        left = self._reset_at - now
        if self._remaining is None or not 0 < left < _LONGEST_WINDOW:
            return None
        return left, max(0, self._remaining - self.in_flight)

    def _learn(self, stated: RateLimit, server_now: float, now: float) -> None:
        # `Date` is cut to whole seconds, so it is never ahead of the server's clock: the largest offset seen is the
        # closest, and with it the reset is never taken to be earlier than it is.
        offset = server_now - now
        self._clock_offset = offset if abs(offset - self._clock_offset) > 2 else max(self._clock_offset, offset)
        window = stated.reset_at.timestamp()
        until = window - self._clock_offset - now
        if until > _LONGEST_WINDOW or (window < self._window and now < self._reset_at):
            return
        is_same = window == self._window and self._remaining is not None
        self._remaining = min(self._remaining or 0, stated.remaining) if is_same else stated.remaining
        self._window, self._limit, self._reset_at = window, stated.limit, now + until
