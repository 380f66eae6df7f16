"""The window of a rate limit: how many requests are left in it, and when it ends."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

LONGEST_WAIT = 120.0
"""Seconds for which a statement of the server is trusted, and so the longest wait for one."""

# Servers round a reset to whole seconds, in any direction, so a window may end a second later than stated. And a
# request reaches the server within a second.
_MARGIN = 1.0
# If a reset is stated in seconds from now, those of one window differ by up to a second.
_SAME_RESET = 1.5
# Seconds in which the number of requests under way doubles while processes know nothing of their window.
_DOUBLING_TIME = 0.5
# Instead of an infinity, which JSON and Redis don't have.
_NEVER = -1e15


def _ignore() -> None:
    pass


class Admission:
    """The permission to send one request. The request counts as in flight as long as this object lives.

    Attributes:
        is_given: Whether the request may be sent. False again when it has ended.
        wake: Ends the sleep of the call, from any thread. It raises a RuntimeError if the call's event loop is closed.
    """

    __slots__ = ("__weakref__", "is_given", "wake")

    def __init__(self, wake: Callable[[], None] = _ignore) -> None:
        self.is_given: bool = False
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

    Each request that is sent takes one of those that are left, and a response lowers their number to what it states. It
    never raises the number, because requests under way may not be included. One that ends without a statement is given
    back: if it counts, the next response says so. When the window has passed, the next one is assumed to have the same
    limit and length until a response states it. `_net/redis_window.lua` follows the same rules in Redis.

    Args:
        is_shared: Whether processes share it. While they know nothing of it, they begin with one request.

    Attributes:
        limit: The requests that the plan allows in a window. 0 if not known.
        left: The requests that may still be sent. If the limit isn't known, the negative number of those under way.
        reset: The stated end in Unix seconds, which names the window. 0 until a response states this window.
        ends: The end on the clock of this window. If processes share it and know no limit: when the first was sent.
        length: The longest window seen, in seconds.
    """

    def __init__(self, *, is_shared: bool = False) -> None:
        self.is_shared: bool = is_shared
        self.forget()

    def forget(self, now: float = 0.0) -> None:
        """Forget what the server stated."""
        self.limit: int = 0
        self.left: int = 0
        self.reset: float = 0.0
        self.ends: float = _NEVER
        self.length: float = 0.0

    def remaining_at(self, now: float) -> tuple[float, int] | None:
        """Return the seconds and the requests left, or None if they aren't known."""
        return (self.ends - now, max(0, self.left)) if self.limit and now < self.ends else None

    def delay(self, now: float) -> Delay | None:
        """Return the delay of a request, or None if it may be sent."""
        seconds = self.ends - now
        if seconds > 0:
            return None if self.left > 0 else Delay(seconds, is_fixed=self.reset > 0 or not self.limit)
        if self.limit or not self.is_shared:
            return None
        seconds += _DOUBLING_TIME * math.log2(1 - self.left)
        return Delay(seconds, is_fixed=False) if seconds > 0 else None

    def add(self, now: float) -> None:
        """Count a request that is sent now."""
        if self.limit and now >= self.ends:
            self.left, self.reset, self.ends = self.limit, 0.0, now + self.length
        if self.is_shared and self.ends == _NEVER:
            self.ends = now
        self.left -= 1

    def end(self, stated: Statement | None, now: float) -> None:
        """Take in the end of a request, and what its response states. None if it states nothing, or there is none."""
        if stated is None:
            self.left = min(self.limit, self.left + 1)
        elif stated.reset > max(stated.date, self.reset - _SAME_RESET):  # else it is about a window that has passed
            self._update(*stated, now)

    def pause(self, seconds: float, now: float) -> None:
        """Delay all requests, as a refused one asks for."""
        self.ends = max(now + seconds, self.ends if self.left <= 0 else _NEVER)
        self.left = 0

    def _update(self, limit: int, remaining: int, reset: float, date: float, now: float) -> None:
        ends = now + min(reset - date + _MARGIN, LONGEST_WAIT)
        is_next = 0 < self.reset < reset - _SAME_RESET
        if is_next or not self.limit:  # those under way may not be included
            self.left = remaining + min(0, self.left + 1)
        else:
            self.left = min(self.left, remaining)
        self.ends = min(self.ends, ends) if self.reset and not is_next else ends
        self.limit, self.reset, self.length = limit, reset, max(self.length, ends - now)
