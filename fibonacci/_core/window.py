"""The window of a rate limit: how many requests are left in it, and when it ends."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable
from typing import NamedTuple

LONGEST_WAIT = 120.0
"""Seconds for which a statement of the server is trusted, and so the longest wait for one."""

# Servers round a reset to whole seconds, in any direction, so a window may end a second later than stated. And a
# request reaches the server within a second: a statement includes all that were sent so long before its own request.
_MARGIN = 1.0
# If a reset is stated in seconds from now, those of one window differ by up to a second.
_SAME_RESET = 1.5
# Seconds in which the number of requests under way doubles while processes know nothing of their window.
_DOUBLING_TIME = 0.5
# Instead of infinities, which JSON and Redis don't have.
_NEVER, _FOREVER = -1e15, 1e15


def _ignore() -> None:
    pass


class Admission:
    """The permission to send one request. The request counts as in flight as long as this object lives.

    Attributes:
        at: When it was given, in seconds of the window's clock. None before, and after the end of the request.
        wake: Ends the sleep of the call, from any thread. It raises a RuntimeError if the call's event loop is closed.
    """

    __slots__ = ("__weakref__", "at", "wake")

    def __init__(self, wake: Callable[[], None] = _ignore) -> None:
        self.at: float | None = None
        self.wake: Callable[[], None] = wake


class Delay(NamedTuple):
    """The delay of a request that isn't admitted.

    Attributes:
        seconds: Seconds until the server is expected to admit it.
        is_fixed: Whether only time ends the delay. If not, the response to another request may end it earlier.
    """

    seconds: float
    is_fixed: bool


class Statement(NamedTuple):
    """What a response states of the rate limit.

    Attributes:
        limit: The requests that the plan allows in a window.
        remaining: The requests that are left.
        reset: The end of the window in Unix seconds.
        date: The time of the response on the same clock.
    """

    limit: int
    remaining: int
    reset: float
    date: float


class Window:
    """The current window, as far as it is known. Its state is plain values, so that it can be kept in a file.

    What may still be sent is the lowest number that the server has stated in the window, minus the requests under way
    that this number may not include. When the window has passed, the next one is assumed to have the same limit and
    length until a response states it. `_net/redis_window.lua` follows the same rules in Redis.

    Args:
        is_shared: Whether processes share it. While they know nothing of it, they begin with one request.

    Attributes:
        limit: The requests that the plan allows in a window. 0 if not known.
        remaining: The requests that were left by the newest statement. None if not known.
        reset: The stated end in Unix seconds, which names the window. None until a response states this window.
        ends: The end on the clock of this window.
        newest: When the newest request was sent whose response counts. Or else, when the window began.
        length: The longest window seen, in seconds.
        flying: When the requests were sent that `remaining` may not include, in order.
    """

    def __init__(self, *, is_shared: bool = False) -> None:
        self.is_shared: bool = is_shared
        self.flying: list[float] = []
        self.forget()

    def forget(self) -> None:
        """Forget what the server stated."""
        self.limit: int = 0
        self.remaining: int | None = None
        self.reset: float | None = None
        self.ends: float = _NEVER
        self.newest: float = _NEVER
        self.length: float = _FOREVER

    @property
    def left(self) -> int | None:
        """The requests that may still be sent. None if not known."""
        return None if self.remaining is None else max(0, self.remaining - len(self.flying))

    def remaining_at(self, now: float) -> tuple[float, int] | None:
        """Return the seconds and the requests left, or None if they aren't known."""
        return None if self.left is None or now >= self.ends else (self.ends - now, self.left)

    def delay(self, now: float) -> Delay | None:
        """Return the delay of a request, or None if it may be sent."""
        if self.left or now >= self.ends:
            return None
        if self.remaining is not None:
            return Delay(self.ends - now, is_fixed=self.remaining == 0)
        seconds = self.newest + _DOUBLING_TIME * math.log2(len(self.flying) + 1) - now
        return Delay(seconds, is_fixed=False) if self.is_shared and seconds > 0 else None

    def add(self, now: float) -> float:
        """Count a request that is sent now, and return the time by which it is known."""
        if now >= self.ends:
            self.reset, self.remaining = None, self.limit or None
            self.ends, self.newest = now + self.length, now
            self._drop(now - _MARGIN)
        insort(self.flying, now)
        return now

    def end(self, sent: float, now: float, stated: Statement | None) -> None:
        """Take in the end of a request.

        Args:
            sent: The time that `add` has returned.
            now: When its response was received.
            stated: What the response states. None if it states nothing, or there is none.
        """
        place = bisect_left(self.flying, sent)
        if self.flying[place : place + 1] == [sent]:
            del self.flying[place]
        if stated is not None:
            self._update(sent, now, *stated)

    def pause(self, now: float, seconds: float) -> None:
        """Delay all requests, as a refused one asks for."""
        self.ends = max(now + seconds, self.ends if self.remaining == 0 else _NEVER)
        self.remaining, self.newest = 0, now

    def _update(self, sent: float, now: float, limit: int, remaining: int, reset: float, date: float) -> None:
        ends = min(now + reset - date, now + LONGEST_WAIT - _MARGIN) + _MARGIN
        ahead = math.inf if self.reset is None else reset - self.reset
        is_same, is_next = abs(ahead) <= _SAME_RESET, _SAME_RESET < ahead < math.inf
        is_newer = is_next or sent >= self.newest + (0.0 if self.reset is None else _MARGIN)
        if ends <= now or not (is_newer or is_same):
            return  # it is about a window that has passed
        name, length = self.reset, self.length
        if is_same:
            ends, remaining = min(ends, self.ends), remaining if is_newer else min(remaining, self.remaining or 0)
        else:
            name, length = reset, max(self.length, ends - now) if self.limit else ends - now
        # At once: Ctrl-C may raise an exception between two lines, and a window with a name has a number of requests.
        self.limit, self.remaining, self.reset, self.ends, self.length = limit, remaining, name, ends, length
        self.newest = max(sent, self.newest)
        self._drop(sent - _MARGIN)

    def _drop(self, until: float) -> None:
        del self.flying[: bisect_right(self.flying, until)]
