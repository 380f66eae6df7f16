"""The plan's pace: what the headers say, and the gate that keeps all calls of a key within it."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import isfinite

from fibonacci.models.response import RateLimit

# A reset further away than this is not a plan's window (the longest is a day); it must not stop a client.
_LONGEST_WINDOW = 25 * 3600.0
# How soon to look again while answers that may free a place are under way.
_LOOK_AGAIN = 0.02


def parse_rate_limit(headers: Mapping[str, str]) -> RateLimit | None:
    """What the three `X-RateLimit-*` headers say; None unless all three make sense."""
    try:
        limit = int(headers["x-ratelimit-limit"])
        remaining = int(headers["x-ratelimit-remaining"])
        reset_at = datetime.fromtimestamp(float(headers["x-ratelimit-reset"]), UTC)
    except (KeyError, ValueError, OverflowError, OSError):
        return None
    return RateLimit(limit, remaining, reset_at) if limit > 0 and remaining >= 0 else None


def parse_retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait by the `Retry-After` header, a number or an HTTP date; None when there is none that makes sense.

    A date is compared with the answer's own `Date`, so that a wrong clock on either side does no harm.
    """
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        moment = parse_date(text)
        return None if moment is None else max(0.0, moment - server_time(headers))
    return seconds if isfinite(seconds) and seconds >= 0 else None


def parse_date(text: str) -> float | None:
    """The Unix time of an HTTP date; None when it is none."""
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def server_time(headers: Mapping[str, str]) -> float:
    """The Unix time at which the server says it answered; the local time when it does not say."""
    moment = parse_date(headers["date"]) if "date" in headers else None
    return time.time() if moment is None else moment


class RateGate:
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

    def leave(self, rate_limit: RateLimit | None = None, headers: Mapping[str, str] | None = None) -> None:
        """Give the place back, with what the answer said of the pace."""
        with self._lock:
            self._in_flight -= 1
            if rate_limit is not None and headers is not None:
                self.last = rate_limit
                self._learn(rate_limit, server_time(headers))

    def pause(self, seconds: float) -> None:
        """Let nothing pass for so long: the server has refused a call."""
        with self._lock:
            self._paused_until = max(self._paused_until, time.monotonic() + min(seconds, _LONGEST_WINDOW))

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
