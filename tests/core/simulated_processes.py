"""Processes that share a window, over simulated time: lost messages, killed processes, a store that loses its state."""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable
from functools import partial
from itertools import count

from fibonacci._core.response import APIResponse
from fibonacci._core.retry import Attempt
from fibonacci._core.shared_limits import StoreError
from fibonacci._core.stored_window import StoredLimits, WindowMessage, WindowReply, exchange
from fibonacci._core.window import Admission, Window
from tests.core.simulated_server import SimulatedServer

RESENT_AFTER = 0.1
_REREAD_AFTER = 4


class SimulatedWorld:
    """Simulated time, the server, and the store of the window.

    Args:
        server: The server.

    Attributes:
        now: Seconds on the clock of the store.
        exchanges: How many messages reached the store.
        outage: When the store is not reachable, from and until.
    """

    def __init__(self, server: SimulatedServer) -> None:
        self.now = 0.0
        self.server = server
        self.exchanges = 0
        self.outage = 0.0, 0.0
        self._window = Window(is_shared=True)
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()

    def at(self, time: float, event: Callable[[], None]) -> None:
        """Plan an event."""
        heapq.heappush(self._events, (time, next(self._order), event))

    def run(self, until: float) -> None:
        """Let time pass until nothing is left to happen, which must be before that time."""
        while self._events:
            self.now, _, event = heapq.heappop(self._events)
            assert self.now < until, "something waits forever"
            event()

    def exchange(self, message: WindowMessage) -> WindowReply:
        """Carry out a message, on a state that is written and read again after some of them, which costs much."""
        self.exchanges += 1
        if self.exchanges % _REREAD_AFTER == 0:
            vars(self._window).update(json.loads(json.dumps(vars(self._window))))
        reply = exchange(self._window, message, self.now)
        return reply._replace(state=reply.state | {"flying": list(self._window.flying)})

    @property
    def is_out(self) -> bool:
        """Whether the store is not reachable now."""
        begin, end = self.outage
        return begin <= self.now < end

    def lose_state(self) -> None:
        """Begin the state again, as after a restart of the store."""
        self._window = Window(is_shared=True)


class _SimulatedLimits(StoredLimits):
    def __init__(self, notify: Callable[[], None]) -> None:
        self._tell = notify
        super().__init__()

    def _notify(self) -> None:
        self._tell()


class SimulatedProcess:
    """A process with calls, and its thread that carries messages.

    Args:
        world: What it shares with others.
        latency: Seconds of a message, and of its reply.
        is_lost: Whether the next message or its reply is lost: called before each.
        ahead: Seconds by which its clock is ahead of that of the store.

    Attributes:
        sent: When each of its requests was admitted, on the clock of the store.
        ended: How many of its calls have succeeded.
    """

    def __init__(
        self, world: SimulatedWorld, latency: float, is_lost: Callable[[], bool] = lambda: False, ahead: float = 0.0
    ) -> None:
        self.sent: list[float] = []
        self.ended = 0
        self._ahead = ahead
        self.is_killed = False
        self._world = world
        self._latency = latency
        self._is_lost = is_lost
        self._is_sending = False
        self._looks = 0
        self.limits: StoredLimits = _SimulatedLimits(self._notify)

    def kill(self) -> None:
        """End it at once: what it has sent stays sent."""
        self.is_killed = True

    def plan(self, begin: float, transit: float, duration: float) -> None:
        """Plan a call: `transit` seconds to the server, `duration` to its response."""
        self.at(begin, _SimulatedCall(self, transit, duration).ask)

    def call_again_and_again(self, times: Callable[[], tuple[float, float]], *, until: float) -> None:
        """Begin a call now, and another one when it has ended, until that time.

        Args:
            times: Returns the seconds to the server, and to the response.
            until: The time.
        """

        def again() -> None:
            if self._world.now < until:
                _SimulatedCall(self, *times(), again).ask()

        again()

    def at(self, time: float, event: Callable[[], None]) -> None:
        """Plan something that happens unless the process is killed before."""
        self._world.at(time, lambda: None if self.is_killed else event())

    @property
    def world(self) -> SimulatedWorld:
        return self._world

    @property
    def now(self) -> float:
        """Seconds on its monotonic clock."""
        return self._world.now + self._ahead

    def _notify(self) -> None:
        self.at(self._world.now, self._look)

    def _look(self, *, is_due: bool = False) -> None:
        seconds = self.limits.schedule(self.now)
        if self._is_sending or seconds is None:
            return
        if seconds > 0 and not is_due:
            self._looks += 1
            self.at(self._world.now + seconds, partial(self._look_unless_later, self._looks))
            return
        self._is_sending = True
        message = self.limits.message()
        if self._world.is_out or self._is_lost():
            self.at(self._world.now + RESENT_AFTER, self._fail)
        else:
            self._world.at(self._world.now + self._latency, lambda: self._deliver(message))

    def _look_unless_later(self, look: int) -> None:
        if look == self._looks:  # else another one was planned since
            self._look(is_due=True)

    def _deliver(self, message: WindowMessage) -> None:
        reply = self._world.exchange(message)
        if self._is_lost():
            self.at(self._world.now + RESENT_AFTER, self._fail)
        else:
            self.at(self._world.now + self._latency, lambda: self._receive(message, reply))

    def _receive(self, message: WindowMessage, reply: WindowReply) -> None:
        self._is_sending = False
        self.limits.receive(message, reply, self.now)
        self._look()

    def _fail(self) -> None:
        self._is_sending = False
        self.limits.fail(StoreError("lost"))
        self._look()


class _SimulatedCall:
    def __init__(
        self, process: SimulatedProcess, transit: float, duration: float, then: Callable[[], None] = lambda: None
    ) -> None:
        self._process = process
        self._transit = transit
        self._duration = duration
        self._then = then
        self._admission = Admission(self._wake)
        self._is_sent = False
        self._sleeps = 0

    def ask(self) -> None:
        """Ask the limiter, as a call does that begins, is woken, or has slept."""
        world = self._process.world
        if self._is_sent:
            return
        delay = self._process.limits.acquire(self._admission, self._process.now)
        if delay is not None:
            assert 0 <= delay.seconds <= 120
            self._sleeps += 1
            self._process.at(world.now + delay.seconds, partial(self._ask_unless_woken, self._sleeps))
            return
        self._is_sent = True
        self._process.sent.append(world.now)
        world.at(world.now + self._transit, self._arrive)

    def _ask_unless_woken(self, sleep: int) -> None:
        if sleep == self._sleeps:
            self.ask()

    def _wake(self) -> None:
        self._process.at(self._process.world.now, self.ask)

    def _arrive(self) -> None:
        world = self._process.world
        respond = world.server.receive(world.now)
        self._process.at(world.now + self._duration, lambda: self._end(respond(world.now)))

    def _end(self, response: APIResponse) -> None:
        is_success = response.status == 200
        attempt = Attempt(response, is_success, "GET", number=1, remaining=None, max_retries=0)
        self._process.limits.settle(self._admission, attempt, self._process.now)
        self._process.ended += is_success
        self._then()
