"""The window of a rate limit: how many requests are left in it by the last statement, and when it ends."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right, insort
from typing import NamedTuple

LONGEST_WAIT = 120.0
"""Seconds for which a statement of the server is trusted, and so the longest wait for one."""

# Seconds by which a window may end after its stated reset, which is rounded to a whole second in any direction. And
# seconds within which a request reaches the server: a statement includes all those that were sent so long before.
_MARGIN = 1.0
# Resets of one window differ by up to a second where they are stated in seconds from now.
_SAME = 1.5
# Seconds without a response after which another request is sent to a server that stated for long that none is left.
_PROBE_INTERVAL = 5.0
# Seconds in which the requests that may be under way double while processes know nothing of their window.
_DOUBLED_IN = 0.5
_NEVER = float("-inf")


class Admission:
    """The permission to send one request.

    Attributes:
        at: When it was given, in seconds of the window's clock. None before, and after the end of the request.
    """

    __slots__ = ("__weakref__", "at")

    def __init__(self) -> None:
        self.at: float | None = None


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

    `_net/redis_window.lua` does the same in Redis. What may still be sent is the lowest number that the server has
    stated in the window, less the requests under way that this number may not include: those sent less than a second
    before the one whose response stated it. When a window has passed, the next is taken to have its limit and its
    length until a response states it: otherwise calls that take long would stop all others.

    Args:
        is_shared: Whether processes share it. As long as they know nothing of it, they begin with one request.

    Attributes:
        limit: The requests that the plan allows in a window. 0 if not known.
    """

    def __init__(self, *, is_shared: bool = False) -> None:
        self.is_shared: bool = is_shared
        self.flying: list[float] = []  # when the requests were sent that `remaining` may not include, in order
        self.forget()

    def forget(self) -> None:
        """Forget what the server stated."""
        self.limit: int = 0
        self.remaining: int | None = None
        self.reset: float = _NEVER  # in Unix seconds: the server's own name for the window
        self.ends: float = _NEVER
        self.newest: float = _NEVER  # when the newest request was sent whose response was taken in
        self.length: float = 0.0
        self.is_assumed: bool = False  # it is taken to be like the last one: no response has stated it
        self.trusted_until: float = math.inf
        self.paused_until: float = _NEVER
        self.states_nothing: bool = False  # the server admits requests, and states no rate limit

    @property
    def left(self) -> int | None:
        """The requests that may still be sent. None if not known."""
        return None if self.remaining is None else max(0, self.remaining - len(self.flying))

    def remaining_at(self, now: float) -> tuple[float, int] | None:
        """Return the seconds and the requests left, or None if they aren't known."""
        return None if self.left is None or now >= self.ends else (self.ends - now, self.left)

    def delay(self, now: float) -> Delay | None:
        """Return the delay of a request, or None if it may be sent."""
        if now < self.paused_until:
            return Delay(self.paused_until - now, is_fixed=True)
        if self.remaining is None:
            return self._scouts_delay(now) if self.is_shared and not self.states_nothing else None
        until = min(self.ends, self.trusted_until)
        return Delay(until - now, is_fixed=self.remaining == 0) if now < until and not self.left else None

    def add(self, now: float) -> float:
        """Count a request that is sent now, and return its time, by which it is known."""
        if self.remaining is None:
            self.newest = now if self.newest == _NEVER else self.newest
        elif now >= self.ends:
            self._drop(now - _MARGIN)
            self.remaining, self.ends, self.newest, self.is_assumed = self.limit, now + self.length, now, True
            self.trusted_until = math.inf
        elif not self.left:
            self.trusted_until = now + _PROBE_INTERVAL
        insort(self.flying, now)
        return now

    def end(self, sent: float, now: float, stated: Statement | None, *, has_passed: bool) -> None:
        """Take in the end of a request, and what its response states if there is one.

        Args:
            sent: Its time, as `add` has returned it.
            now: When its response was received.
            stated: What the response states.
            has_passed: Whether the response shows that requests are admitted.
        """
        place = bisect_left(self.flying, sent)
        if self.flying[place : place + 1] == [sent]:
            del self.flying[place]
        if stated is not None:
            self._update(sent, now, *stated)
        elif has_passed and self.remaining is None:
            self.states_nothing = True
        elif has_passed and sent >= self.newest + LONGEST_WAIT:
            self.forget()  # what was known is too old

    def pause(self, now: float, seconds: float) -> None:
        """Delay all requests."""
        self.paused_until = max(self.paused_until, now + seconds)

    def _update(self, sent: float, now: float, limit: int, remaining: int, reset: float, date: float) -> None:
        # `Date` is cut to whole seconds, so a window is never taken to end earlier than it does.
        ends = now + reset - date + _MARGIN
        is_next, is_same = reset > self.reset + _SAME, abs(reset - self.reset) <= _SAME
        is_newer = self.remaining is None or is_next or sent >= self.newest + (0.0 if self.is_assumed else _MARGIN)
        if not is_newer and (self.is_assumed or not is_same):
            return  # it is about a window that has passed
        if remaining == 0 and is_same:
            ends = max(ends, now + _MARGIN)  # the server's window goes on after its stated end
        if ends <= now:
            return
        if is_same and not self.is_assumed:
            ends = min(ends, self.ends) if now < self.ends else ends
            remaining = remaining if is_newer else min(remaining, self.remaining or 0)
        else:
            self.reset, self.length = reset, min(LONGEST_WAIT, max(self.length, ends - now))
        self.limit, self.remaining, self.ends, self.is_assumed = limit, remaining, ends, False
        self.newest, self.trusted_until = max(sent, self.newest), now + LONGEST_WAIT
        self._drop(sent - _MARGIN)

    def _scouts_delay(self, now: float) -> Delay | None:
        """Return the delay while nothing is known: one request goes alone, and each half second twice as many."""
        if self.newest == _NEVER:
            return None
        seconds = self.newest + _DOUBLED_IN * math.log2(len(self.flying) + 1) - now
        return Delay(seconds, is_fixed=False) if seconds > 0 else None

    def _drop(self, until: float) -> None:
        del self.flying[: bisect_right(self.flying, until)]
