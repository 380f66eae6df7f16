"""Waiting for the rate limit: a call sleeps until it may be sent, its time is up, or its client is closed."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Literal

from fibonacci._async import _runtime
from fibonacci._async.shared_state import AsyncSharedState
from fibonacci._core.call import Call, closed_error, left_text, limiter_error, rate_limit_error
from fibonacci._core.logs import log_wait
from fibonacci._core.messages import allows
from fibonacci._core.shared_limits import SharedLimits
from fibonacci._core.window import Admission, Delay

if TYPE_CHECKING:
    from fibonacci._async.clock import AsyncClock

# How many seconds a call waits for an unusable limiter, such as a Redis server that restarts.
_PATIENCE = 30.0
# Shorter waits aren't reported.
_SHORTEST_REPORTED = 1.0
# A user's clock can't be interrupted, so a delay that other calls may end is slept in steps of this length.
_POLL_INTERVAL = 0.02


async def report_wait(
    call: Call,
    seconds: float,
    reason: Literal["rate_limit", "connection"],
    text: str,
    *,
    is_long: bool = False,
) -> None:
    """Log a wait, and call the user's `on_wait`."""
    # A wait for the rate limit comes before its attempt, one for a connection within it.
    log_wait(call, call.attempts + (reason == "rate_limit"), text, is_long=is_long)
    if call.config.on_wait is not None:
        from fibonacci._core.option_types import WaitEvent

        event = WaitEvent(method=call.request.method, path=call.request.path, seconds=seconds, reason=reason)
        await _runtime.resolve("on_wait", call.config.on_wait(event))


class AsyncRateLimitWait:
    """One wait of a call for the rate limit.

    Args:
        call: The call.
        limits: The limits of its key.
        shared: What its client shares with clones. Closing it ends the wait.
        clock: The client's source of time.
    """

    def __init__(self, call: Call, limits: SharedLimits, shared: AsyncSharedState, clock: AsyncClock) -> None:
        self._call = call
        self._limits = limits
        self._shared = shared
        self._clock = clock
        self._event = _runtime.WakeEvent()
        self._began = clock.monotonic()
        self._is_closed = self._is_reported = self._has_slept = False

    def close(self) -> None:
        """End the wait, because the client is closed."""
        self._is_closed = True
        with suppress(RuntimeError):  # the event loop of the call is closed
            self._event.set()

    async def admit(self, admission: Admission) -> None:
        """Wait in the queue until the request is admitted.

        Raises:
            RateLimitError: If that doesn't fit into the time of the call.
            APIConnectionError: If the client is closed.
        """
        admission.wake = self._event.set
        with self._waiting():
            while (delay := self._limits.acquire(admission, self._clock.monotonic())) is not None:
                self._check(delay)
                await self._sleep(delay)

    async def retry(self, seconds: float) -> None:
        """Wait until a refused request may be sent again, or the rate limit is reset.

        Raises:
            APIConnectionError: If the client is closed.
        """
        refused, ends = Admission(self._event.set), self._began + seconds
        self._limits.refused.add(refused)
        with self._waiting():
            try:
                while seconds > 0 and refused in self._limits.refused:
                    await self._sleep(Delay(seconds, is_fixed=True))
                    seconds = ends - self._clock.monotonic()
            finally:
                self._limits.refused.discard(refused)

    @contextmanager
    def _waiting(self) -> Generator[None]:
        """Let the closing of the client end the block, and record how long the block takes."""
        self._shared.waits.add(self.close)
        try:
            yield
        finally:
            self._shared.waits.discard(self.close)
            record: Callable[[float], object] | None = getattr(self._call.span, "add_rate_limit_wait", None)
            if record is not None and self._has_slept:  # a user's tracer need not have it
                record(self._clock.monotonic() - self._began)

    def _check(self, delay: Delay) -> None:
        """Raise an error if the delay doesn't fit into the time of the call, or the limiter can't be used."""
        deadline, failure = self._call.deadline, self._limits.failure
        is_over = not allows(deadline, 0.0)
        if failure is not None:
            has_waited = self._clock.monotonic() - self._began >= _PATIENCE
            if failure.is_lasting or has_waited or is_over:
                raise limiter_error(self._call, str(failure))
        if is_over or (delay.is_fixed and not allows(deadline, delay.seconds)):
            raise rate_limit_error(self._call, delay.seconds, left=self._limits.left, last=self._limits.last)

    async def _sleep(self, delay: Delay) -> None:
        """Sleep until the end of the delay or of the call's time, unless woken."""
        self._has_slept = True
        await self._report(delay.seconds)
        seconds = self._call.deadline.cap(delay.seconds) or 0.0
        if self._call.config.clock is None:
            await self._event.sleep(seconds)
        else:
            await self._clock.sleep(seconds if delay.is_fixed else min(seconds, _POLL_INTERVAL))
        if self._is_closed:
            raise closed_error(self._call)

    async def _report(self, seconds: float) -> None:
        """Report the wait once, and a long one at WARNING, unless another call of the key has."""
        failure = self._limits.failure
        text = f"{seconds:.0f} s for the rate limit{left_text(self._limits.left)}"
        if failure is not None:
            seconds, text = _PATIENCE, f"up to {_PATIENCE:.0f} s: {failure}"
        is_news = self._limits.is_news(seconds, self._clock.monotonic())
        if is_news or (not self._is_reported and seconds >= _SHORTEST_REPORTED):
            self._is_reported = True
            await report_wait(self._call, seconds, "rate_limit", text, is_long=is_news)
