"""The window of a rate limit: what the server states of it, and the requests that its statements don't include."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from fibonacci._concurrency import first
from fibonacci.models.response import RateLimit

LONGEST_WAIT = 120.0
"""Seconds for which a statement of the server is trusted, and so the longest wait for one."""

# Lengths of windows in seconds. That of a window is not stated: it is the shortest of these that is not contradicted.
# No two are less than 3 apart from 2 on, so that a window's begin and its believed end fit one of them, as a rule.
_LENGTHS = (2.0, 5.0, 10.0, 30.0, 60.0)
# Seconds by which a window may end before its believed end: the reset may be rounded up, `Date` is cut, and the clocks
# of the server may differ. And seconds after the end of a window within which the next one is entered at its begin.
_UNCERTAINTY = 3.0
_ENTERED_WITHIN = 2.0
# Seconds after a stated reset within which a request whose response still states it shows how late windows end: a
# clock that is 1.5 s off, and a fraction of a second cut. And seconds for which that is believed.
_LATEST = 2.5
_BELIEVED_FOR = 86_400.0
# Seconds for which the first request of a window goes alone: a refusal is immediate, the run of a workflow is not.
_SCOUTED = 0.5
_TOLERANCE = 0.001  # of comparisons with Unix times, which have seven decimals
_LONGEST_RESPONSE = 1.0
# Windows in a row that one length has to fit before it is relied on.
_FITTING_WINDOWS = 2
_ROUNDING = 1.5  # resets and the times of responses are rounded to seconds
_MARGIN = 1.0
_UNKNOWN = float("inf")
# What is known of a window, by its name in the files of processes that share one.
_STORED = {
    "limit": "limit",
    "remaining": "_remaining",
    "reset": "_reset",
    "resets_at": "_resets_at",
    "stated_at": "_stated_at",
    "clock_offset": "_clock_offset",
    "lateness": "_lateness",
    "late_at": "_late_at",
    "length": "_length",
    "fitting_length": "_fitting_length",
    "fitting_windows": "_fitting_windows",
    "fitted_at": "_fitted_at",
    "ends_by": "_ends_by",
    "ended_at": "_ended_at",
    "scouted_at": "_scouted_at",
    "paused_until": "paused_until",
    "counted_at_least": "_counted_at_least",
}


class Admission:
    """The permission to send one request.

    Args:
        at: When it was given, in seconds on the monotonic clock.
        endpoint: The method and the path template of the request.

    Attributes:
        is_probe: Whether the request finds out whether the server admits requests again.
        lease: The name of its lease and the time at which it was granted. Empty until it is admitted, and where no
            other process shares the window.
    """

    __slots__ = ("at", "endpoint", "is_probe", "lease")

    def __init__(self, at: float, endpoint: tuple[str, str] = ("", ""), *, is_probe: bool = False) -> None:
        self.at: float = at
        self.endpoint: tuple[str, str] = endpoint
        self.is_probe: bool = is_probe
        self.lease: tuple[str, float] = ("", 0.0)


class Delay(NamedTuple):
    """The delay of a request that isn't admitted.

    Attributes:
        seconds: Seconds until the server is expected to admit it.
        is_fixed: Whether only time ends the delay. If not, the response to another request may end it earlier.
    """

    seconds: float
    is_fixed: bool


if TYPE_CHECKING:

    class RequestWindow(Protocol):
        """What a rate limiter asks of a window: that of this process, or one that processes share.

        Attributes:
            limit: The requests that the plan allows in a window. 0 if not known.
        """

        limit: int

        @property
        def left(self) -> int | None:
            """The requests that may still be sent. None if not known."""
            ...

        def is_exhausted(self) -> bool:
            """Whether no request may be sent by the last statement."""
            ...

        def delay(self, now: float) -> Delay | None:
            """Return the delay of a request, or None if one is left, or when what is known is too old."""
            ...

        def remaining(self, now: float) -> tuple[float, int] | None:
            """Return the seconds and the requests left, or None if they aren't known."""
            ...

        def advance(self, now: float) -> None:
            """Begin the next window when the present one has passed."""
            ...

        def add(self, admission: Admission) -> None:
            """Count an admitted request until the server counts it."""
            ...

        def remove(self, admission: Admission, *, has_passed: bool) -> None:
            """Stop counting a request that has ended. `has_passed` if its response shows that others are admitted."""
            ...

        def update(self, stated: RateLimit, server_now: float, now: float, admission: Admission) -> None:
            """Take in the rate limit that the response to a request states, and its `Date` in Unix seconds."""
            ...

        def pause(self, now: float, seconds: float) -> None:
            """Delay all requests."""
            ...

        def forget(self) -> None:
            """Forget what the server stated, but keep counting requests in flight."""
            ...


class Window:
    """The current window, as far as it is known.

    What may still be sent is the number of remaining requests that the server stated last, less the requests in flight
    that this number may not include yet. A request leaves their count when it ends, when a response states the number
    whose own request was admitted a second later, and when its window has passed.

    A request may need more than that second to arrive: it waits for a connection, or the machine is busy. So it stays
    counted after all while the server has counted fewer requests than it must have, had all of them arrived.

    A reset is stated in whole seconds, and how it is rounded isn't stated: it is believed to be rounded up until a
    window turns out to last longer. From then on all windows are believed to end so many whole seconds after their
    stated reset as that one needed. To find that out costs one request: the first one of a window is sent alone, and
    the others follow its response, or half a second later.

    Where the windows begin with their first request, and one length has fitted two of them, the end is known better:
    that length after the response to the first request.

    Args:
        margin: Seconds within which a request is taken to have reached the server: requests may arrive out of order.
        sees_ends: Whether the end of every request is recorded, which it isn't for a process that is killed.

    Attributes:
        limit: The requests that the plan allows in a window. 0 if not known.
        uncounted: The requests that the number of remaining ones may not include, in order of admission.
        paused_until: When the last `Retry-After` ends that concerns all requests.
    """

    def __init__(self, margin: float = _MARGIN, *, sees_ends: bool = True) -> None:
        self.limit: int = 0
        self._margin = margin
        self._sees_ends = sees_ends
        self.paused_until: float = -_UNKNOWN
        self._remaining: int | None = None  # by the last statement, or None if not known
        self._reset = 0.0  # the stated reset in Unix seconds: the server's own name for the window
        self._lateness = 0.0  # seconds after their stated reset that windows are believed to end
        self._late_at = -_UNKNOWN  # when a response showed that last
        self._scouted_at = -_UNKNOWN  # when the first request was admitted after the last end of a window
        self._resets_at = _UNKNOWN
        self._stated_at = -float("inf")
        self._length = 0.0  # of a window, or 0 if not known
        self._clock_offset = -float("inf")  # the server's Unix clock less the monotonic one, as closely as is known
        self._fitting_length: float = 0.0  # that the latest windows have, or 0 if none of _LENGTHS fits
        self._fitting_windows = 0  # how many in a row, or -1 once one has ended later
        self._fitted_at = -_UNKNOWN  # when the first request of the last of them was admitted
        self._ends_by = _UNKNOWN  # when the present window ends by that length
        self._ended_at = -_UNKNOWN  # when the last window was taken to have ended
        self.uncounted: OrderedDict[Admission, None] = OrderedDict()
        self._arrived: dict[Admission, None] = {}  # requests in flight that the server is taken to have counted
        self._counted_at_least = 0  # requests that it has counted in the present window, without those in flight

    @property
    def left(self) -> int | None:
        """The requests that may still be sent. None if not known."""
        if self._remaining is None:
            return None
        counted = self.limit - self._remaining
        missing = max(0, self._counted_at_least + len(self._arrived) - counted)
        return max(0, self._remaining - len(self.uncounted) - min(missing, len(self._arrived)))

    def is_exhausted(self) -> bool:
        """Whether no request may be sent by the last statement."""
        return self.left == 0

    def delay(self, now: float) -> Delay | None:
        """Return the delay of a request, or None if one is left, or when what is known is too old."""
        if now < self.paused_until:
            return Delay(self.paused_until - now, is_fixed=True)
        if self._is_scouted(now):
            return Delay(self._scouted_at + _SCOUTED - now, is_fixed=False)
        if not self.is_exhausted():
            return None
        if self._resets_at == _UNKNOWN:
            oldest = first(self.uncounted.__iter__, 1)  # none when a signal's handler has just ended the last
            ends = oldest[0].at + self._longest_length if oldest else now
        else:
            ends = min(self._resets_at, self._stated_at + LONGEST_WAIT)
        return Delay(ends - now, is_fixed=self._remaining == 0) if now < ends else None

    def remaining(self, now: float) -> tuple[float, int] | None:
        """Return the seconds and the requests left, or None if they aren't known."""
        left = self.left
        if left is None or not now < self._resets_at < _UNKNOWN or (left == 0 and self.delay(now) is None):
            return None
        return self._resets_at - now, left

    def is_over(self, now: float) -> bool:
        """Whether the window that was stated last has ended."""
        return self._remaining is not None and now >= self._resets_at

    def advance(self, now: float) -> None:
        """Begin the next window when the current one has passed. Its first response will state more."""
        if self._remaining is not None and now >= self._resets_at:
            self._stop_counting(self._resets_at - self._margin)
            self._ended_at = self._resets_at
            self._remaining, self._resets_at, self._scouted_at = self.limit, _UNKNOWN, -_UNKNOWN
            self._forget_counted()
        if self._resets_at == _UNKNOWN:
            self._stop_counting(now - self._longest_length)

    def add(self, admission: Admission) -> None:
        """Count an admitted request until the server counts it."""
        self.uncounted[admission] = None
        if self._scouted_at == -_UNKNOWN:
            self._scouted_at = admission.at

    def dump(self) -> dict[str, Any]:
        """Return what is known of the window as plain values, without the requests that are counted."""
        return {key: getattr(self, name) for key, name in _STORED.items()}

    def load(self, state: Mapping[str, Any]) -> None:
        """Know what `dump` returned.

        Raises:
            KeyError: If something is missing.
        """
        for key, name in _STORED.items():
            setattr(self, name, state[key])

    def restore(self, admissions: Iterable[Admission]) -> None:
        """Count requests that were admitted before."""
        known = {**self.uncounted, **dict.fromkeys(admissions)}
        if len(known) > len(self.uncounted):
            self.uncounted = OrderedDict.fromkeys(sorted(known, key=lambda admission: admission.at))

    def remove(self, admission: Admission, *, has_passed: bool) -> None:
        """Stop counting a request that has ended.

        Args:
            admission: The admission of the request.
            has_passed: Whether its response shows that requests are admitted. `SharedWindow` uses it.
        """
        self.uncounted.pop(admission, None)
        self._arrived.pop(admission, None)

    def pause(self, now: float, seconds: float) -> None:
        """Delay all requests."""
        self.paused_until = max(self.paused_until, now + seconds)

    def update(self, stated: RateLimit, server_now: float, now: float, admission: Admission) -> None:
        """Update the window with what a response states.

        Args:
            stated: The rate limit in its headers.
            server_now: Its `Date` in Unix seconds.
            now: Seconds on the monotonic clock.
            admission: The admission of its request.
        """
        # `Date` is cut to whole seconds, so it is never ahead of the server's clock: the largest offset seen is the
        # closest, and with it the reset is never taken to be earlier than it is.
        offset = server_now - now
        self._clock_offset = offset if abs(offset - self._clock_offset) > 2 else max(self._clock_offset, offset)
        reset = stated.reset_at.timestamp()
        # Seconds from now, rounded, name the same window a little differently each time.
        is_same = self._remaining is not None and abs(reset - self._reset) < min(2.0, self._length / 2)
        reset = max(reset, self._reset) if is_same else reset
        if is_same:
            self._find_lateness(admission.at - (reset - self._clock_offset), now)
        ends_in = reset + self._lateness - self._clock_offset - now
        # A request that was sent after the last statement has the newer response. Other responses may be out of order.
        is_newer = admission.is_probe or admission.at > self._stated_at
        is_older = not is_newer and not is_same and reset < self._reset and now < self._resets_at
        if ends_in <= 0 or is_older or (is_same and self._ends_by < self._resets_at and self._is_late(admission)):
            if is_same and stated.remaining == 0 and admission.at >= self._ended_at:
                # For the server it hasn't passed, and its end isn't known.
                self.pause(now, _SCOUTED)
                self._scouted_at = -_UNKNOWN
            return  # it is about a window that has passed
        earliest = -_UNKNOWN  # a request admitted before was counted in the last window
        if not is_same:
            self._forget_counted()
            if self._resets_at < _UNKNOWN:
                earliest = self._resets_at - _UNCERTAINTY - self._margin
        if stated.remaining == stated.limit - 1 or (not is_same and self._ends_by < _UNKNOWN):
            self._find_end(stated, admission.at, now, now + ends_in, is_same=is_same)
        self._remaining = min(self._remaining or 0, stated.remaining) if is_same and not is_newer else stated.remaining
        # Where several processes share the window, what was received first may be told last.
        self.limit, self._reset, self._stated_at = stated.limit, reset, max(now, self._stated_at)
        self._resets_at = min(now + ends_in, self._ends_by)
        if self._length < max(ends_in - _ROUNDING, 1.0) and ends_in <= LONGEST_WAIT:
            self._length = next((length for length in _LENGTHS if ends_in - _ROUNDING <= length), LONGEST_WAIT)
        arrived = self._stop_counting(admission.at - self._margin)
        if self._sees_ends:
            self._arrived.update((request, None) for request in arrived if request.at > earliest)
        counted = stated.limit - stated.remaining - len(self.uncounted) - len(self._arrived)
        self._counted_at_least = max(self._counted_at_least + 1, counted)

    def forget(self) -> None:
        """Forget what the server stated, but keep counting requests in flight."""
        self.limit = 0
        self._remaining = None
        self._forget_counted()
        self._length = self._fitting_length = 0.0
        self._fitting_windows = 0
        self._resets_at = self._ends_by = _UNKNOWN
        self._lateness = 0.0
        self._stated_at = self._clock_offset = self._ended_at = self.paused_until = -_UNKNOWN

    @property
    def length(self) -> float:
        """Seconds of a window, as far as is known. 0 if not known."""
        return self._length

    @property
    def _longest_length(self) -> float:
        """Seconds after which the window that a request was admitted in has certainly passed."""
        return min(LONGEST_WAIT, (self._length or LONGEST_WAIT) + self._margin)

    def _is_scouted(self, now: float) -> bool:
        """Whether a request is in flight that finds out whether the window has begun, and the others wait for it."""
        if self._remaining is None or self._resets_at < _UNKNOWN or now >= self._scouted_at + _SCOUTED:
            return False
        return any(admission.at >= self._scouted_at for admission in first(self.uncounted.__reversed__, 1))

    def _find_lateness(self, since_reset: float, now: float) -> None:
        """Find how late resets are: a window is stated as the present one by the response to a request after its reset.

        Args:
            since_reset: Seconds from the stated reset to the admission of the request. Negative before the reset.
            now: Seconds on the monotonic clock.
        """
        if now >= self._late_at + _BELIEVED_FOR:
            self._lateness = 0.0
        # In whole seconds, since resets are stated in them: in the next window, more may have been cut off.
        lateness = math.floor(since_reset) + 1.0
        if since_reset <= _LATEST and lateness >= max(1.0, self._lateness):
            self._lateness, self._late_at = lateness, now

    def _is_late(self, admission: Admission) -> bool:
        """Whether what a response states of the last window is late, after its end by the length of windows.

        If the server counts in it what was admitted after that end, the length is wrong, and not relied on any more.
        """
        if admission.at < self._ended_at:
            return True
        self._fitting_windows, self._ends_by = -1, _UNKNOWN
        return False

    def _find_end(
        self, stated: RateLimit, sent_at: float, received_at: float, ends_at: float, *, is_same: bool
    ) -> None:
        """Find the end of a window by the length of those before, if its first request was sent by this client.

        Args:
            stated: What the response states.
            sent_at: Before the begin of the window.
            received_at: After it.
            ends_at: The believed end of the window.
            is_same: Whether the window is known.
        """
        self._ends_by = self._ends_by if is_same else _UNKNOWN
        # Only a window that was entered when the one before ended is known to be seen from its begin: those of a server
        # whose windows begin by the clock may be entered at any time. And a slow response does not tell the begin.
        is_late = self._ended_at != -_UNKNOWN and sent_at > self._ended_at + _ENTERED_WITHIN
        is_slow = received_at > sent_at + _LONGEST_RESPONSE
        is_first = stated.remaining == stated.limit - 1 and sent_at > self._fitted_at
        if self._fitting_windows < 0 or is_late or is_slow or not is_first:
            return
        self._fitted_at = sent_at
        lengths = (  # the longer one of two: nothing is refused when a window has ended for long
            length
            for length in reversed(_LENGTHS)
            if sent_at + length < ends_at + _TOLERANCE and ends_at < received_at + length + _UNCERTAINTY
        )
        length = next(lengths, 0.0)
        self._fitting_windows = self._fitting_windows + 1 if length == self._fitting_length else 1
        self._fitting_length = length
        if length and self._fitting_windows >= _FITTING_WINDOWS:
            self._ends_by = received_at + length

    def _stop_counting(self, until: float) -> list[Admission]:
        """Stop counting the requests admitted by then, and return them: the number that the server states has them."""
        stopped: list[Admission] = []
        while (first := next(iter(self.uncounted), None)) is not None and first.at <= until:
            self.uncounted.pop(first, None)
            stopped.append(first)
        return stopped

    def _forget_counted(self) -> None:
        """Forget what the server has counted in the window before."""
        self._arrived.clear()
        self._counted_at_least = 0
