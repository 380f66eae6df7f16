"""The gate that keeps all calls of a key within the plan's pace."""

from __future__ import annotations

import threading
import time

from fibonacci._core.rate_limit_headers import server_time
from fibonacci._core.response import APIResponse, AttemptResult
from fibonacci.models.response import RateLimit

# A reset further away than this is not a plan's window (the longest is a day); it must not stop a client.
_LONGEST_WINDOW = 25 * 3600.0
# How soon to look again while answers that may free a place are under way.
_LOOK_AGAIN = 0.02


class RateLimiter:
    """Lets calls pass while the plan allows, and tells the others how long to wait.

    One gate serves all threads, tasks, clients and clones of one key. It counts what is under way, so that many
    calls at once cannot all take the last place: places left = the lowest number the server told in this window, less
    what has been sent and not been answered.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._in_flight = 0
        self._window: float = 0.0  # the server's own name for the window: its reset in Unix seconds
        self._limit = 0
        self._remaining: int | None = None  # None: not known
        self._reset_at = 0.0  # on the monotonic clock
        self._server_ahead = -float("inf")  # the server's clock less the monotonic one, as closely as is known
        self._paused_until = 0.0
        self.last: RateLimit | None = None

    def enter(self) -> float:
        """Take a place: 0 when the call may be sent now (`leave` must follow), else seconds until asking again."""
        with self._lock:
            now = time.monotonic()
            if now < self._paused_until:
                return self._paused_until - now
            if self._remaining is not None and now >= self._reset_at:
                # A new window has begun; its first answer will say more.
                self._remaining = self._limit
                self._reset_at = float("inf")
            if self._remaining is None or self._remaining > self._in_flight:
                self._in_flight += 1
                return 0.0
            wait = self._reset_at - now
            return min(wait, _LOOK_AGAIN) if self._remaining > 0 else wait

    def leave(self, attempted: AttemptResult | None = None) -> None:
        """Give the place back, with what came of the attempt: an answer says more of the pace."""
        answer = attempted if isinstance(attempted, APIResponse) else None
        told = None if answer is None else answer.rate_limit
        with self._lock:
            self._in_flight -= 1
            if answer is not None and told is not None:
                self.last = told
                self._learn(told, server_time(answer.headers))

    def pause(self, seconds: float) -> None:
        """Let nothing pass for so long: the server has refused a call. What no plan has is not believed."""
        if seconds <= _LONGEST_WINDOW:
            with self._lock:
                self._paused_until = max(self._paused_until, time.monotonic() + seconds)

    def spread(self) -> tuple[float, int] | None:
        """Seconds left in the window and requests left in it; None when not known."""
        with self._lock:
            left = self._reset_at - time.monotonic()
            if self._remaining is None or not 0 < left < _LONGEST_WINDOW:
                return None
            return left, max(0, self._remaining - self._in_flight)

    def _learn(self, told: RateLimit, server_now: float) -> None:
        now = time.monotonic()
        # `Date` is cut to whole seconds, so it is never ahead of the server's clock: the largest difference seen is
        # the closest, and with it the reset is never taken to be earlier than it is.
        ahead = server_now - now
        self._server_ahead = ahead if abs(ahead - self._server_ahead) > 2 else max(self._server_ahead, ahead)
        window = told.reset_at.timestamp()
        until = window - self._server_ahead - now
        if until > _LONGEST_WINDOW or (window < self._window and now < self._reset_at):
            return
        same = window == self._window and self._remaining is not None
        self._remaining = min(self._remaining or 0, told.remaining) if same else told.remaining
        self._window, self._limit, self._reset_at = window, told.limit, now + until
