"""A server with a rate limit and a limiter in front of it, over simulated time: no sleep, no socket."""

from __future__ import annotations

import heapq
import math
from collections import Counter, deque
from collections.abc import Callable
from itertools import count

from fibonacci._core.response import APIResponse
from fibonacci._core.retry import Attempt
from fibonacci._core.shared_limits import SharedLimits
from fibonacci._core.window import Admission
from tests.core.responses import api_response
from tests.kit.clock import START
from tests.kit.steps import http_date


class SimulatedServer:
    """A fixed window per key: aligned to the clock, or begun by the first request after the last one.

    Args:
        limit: Requests in a window.
        length: Seconds of a window.
        is_aligned: Whether windows begin at multiples of their length.
        skew: How far the server's clock is ahead.
        rounding: How the server rounds the resets that it states to whole seconds.
        reset_skew: How much later than the true resets the stated ones are, before they are rounded.
        has_retry_after: Whether refusals state a `Retry-After`.

    Attributes:
        admitted: The requests that were let through, by the end of their window.
        refusals: When the others were refused.
    """

    def __init__(
        self,
        limit: int,
        length: float,
        *,
        is_aligned: bool,
        skew: float = 0.0,
        rounding: Callable[[float], int] = math.ceil,
        reset_skew: float = 0.0,
        has_retry_after: bool = True,
    ) -> None:
        self.limit = limit
        self.admitted: Counter[float] = Counter()
        self.refusals: list[float] = []
        self._length = length
        self._is_aligned = is_aligned
        self._skew = skew
        self._rounding = rounding
        self._reset_skew = reset_skew
        self._has_retry_after = has_retry_after
        self._ends = 0.0

    @property
    def refused(self) -> int:
        """The number of refused requests."""
        return len(self.refusals)

    @property
    def share_used(self) -> float:
        """The part of what the server would have let through that was used, up to the begin of the last window."""
        ends = sorted(self.admitted)
        used = sum(self.admitted[end] for end in ends[:-1])
        return used / (self.limit * (ends[-1] - ends[0]) / self._length)

    @property
    def places_used(self) -> float:
        """The part of the requests of the windows that was used, without the last window."""
        ends = sorted(self.admitted)[:-1]
        return sum(self.admitted[end] for end in ends) / (self.limit * len(ends))

    def receive(self, now: float) -> Callable[[float], APIResponse]:
        """Count a request; return what makes its response at the time that it is sent."""
        if now >= self._ends:
            self._ends = (now // self._length + 1) * self._length if self._is_aligned else now + self._length
        fits = self.admitted[self._ends] < self.limit
        self.admitted[self._ends] += fits
        if not fits:
            self.refusals.append(now)
        headers = {
            "x-ratelimit-limit": str(self.limit),
            "x-ratelimit-remaining": str(self.limit - self.admitted[self._ends]),
            "x-ratelimit-reset": str(self._rounding(self._ends + START + self._skew + self._reset_skew)),
        }
        if not fits and self._has_retry_after:
            headers["retry-after"] = str(math.ceil(self._ends - now))

        def response(at: float) -> APIResponse:
            date = {"date": http_date(math.floor(START + self._skew + at))}
            return api_response(b"{}", 200 if fits else 429, headers | date)

        return response


class Simulation:
    """Calls that queue for limits, and the server that answers them.

    Args:
        server: The server.
        limits: The limits.
    """

    def __init__(self, server: SimulatedServer, limits: SharedLimits) -> None:
        self.now = 0.0
        self.sent: list[float] = []
        self._server = server
        self._limits = limits
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._queue: deque[tuple[float, float]] = deque()
        self._first = Admission()  # of the first call in the queue

    def call(self, at: float, transit: float, duration: float) -> None:
        """Plan a call: `transit` seconds to the server, `duration` to its response."""
        self._at(at, lambda: self._queue.append((transit, duration)))

    def run(self) -> None:
        """Let time pass until nothing is left to happen."""
        while self._events:
            self.now, _, event = heapq.heappop(self._events)
            event()
            self._admit()

    def _at(self, time: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (time, next(self._order), event))

    def _admit(self) -> None:
        while self._queue:
            delay = self._limits.acquire(self._first, self.now)
            if delay is not None:
                assert 0 < delay.seconds <= 122
                self._at(self.now + delay.seconds, lambda: None)
                return
            self.sent.append(self.now)
            self._send(self._first, *self._queue.popleft())
            self._first = Admission()

    def _send(self, admission: Admission, transit: float, duration: float) -> None:
        def arrive() -> None:
            response = self._server.receive(self.now)
            self._at(self.now + duration, lambda: self._end(admission, response(self.now)))

        self._at(self.now + transit, arrive)

    def _end(self, admission: Admission, response: APIResponse) -> None:
        attempt = Attempt(response, response.status == 200, "GET", number=1, remaining=None, max_retries=0)
        self._limits.settle(admission, attempt, self.now)
