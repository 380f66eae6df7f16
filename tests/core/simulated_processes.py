"""Processes that share a window, over simulated time: lost messages, killed processes, a store that loses its state."""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable
from functools import partial
from itertools import count

from fibonacci._core.leased_window import LeasedLimits
from fibonacci._core.response import APIResponse
from fibonacci._core.retry import Attempt
from fibonacci._core.shared_limits import QueuedCall
from fibonacci._core.shared_window import LeaseMessage, LeaseReply, SharedWindow, StoreError
from fibonacci._core.window import Admission
from tests.core.simulated_server import ENDPOINT, SimulatedServer

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
        granted: The leases that the store has granted.
    """

    def __init__(self, server: SimulatedServer) -> None:
        self.now = 0.0
        self.server = server
        self.exchanges = 0
        self.outage = 0.0, 0.0
        self.granted: set[str] = set()
        self._window = SharedWindow(0.0)
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

    def exchange(self, message: LeaseMessage) -> LeaseReply:
        """Carry out a message, on a state that is written and read again after some of them, which costs much."""
        self.exchanges += 1
        if self.exchanges % _REREAD_AFTER == 0:
            self._window = SharedWindow.load(json.loads(json.dumps(self._window.dump())))
        reply = self._window.exchange(message, self.now)
        self.granted.update(name for name, _ in reply.granted)
        return reply

    @property
    def is_out(self) -> bool:
        """Whether the store is not reachable now."""
        begin, end = self.outage
        return begin <= self.now < end

    def lose_state(self) -> None:
        """Begin the state again, as after a restart of the store."""
        self._window = SharedWindow(self.now)


class SimulatedProcess:
    """A process with calls, and its thread that carries messages.

    Args:
        world: What it shares with others.
        latency: Seconds of a message, and of its reply.
        is_lost: Whether the next message or its reply is lost: called before each.
        ahead: Seconds by which its clock is ahead of that of the store.

    Attributes:
        sent: When each of its requests was admitted, on the clock of the store.
        leases: The leases of its requests.
    """

    def __init__(self, world: SimulatedWorld, latency: float, is_lost: Callable[[], bool], ahead: float = 0.0) -> None:
        self.sent: list[float] = []
        self.leases: list[str] = []
        self._ahead = ahead
        self.is_killed = False
        self._world = world
        self._latency = latency
        self._is_lost = is_lost
        self._is_sending = False
        self._looks = 0
        self._limits = LeasedLimits(self._notify)

    def kill(self) -> None:
        """End it at once: what it has sent stays sent."""
        self.is_killed = True

    def call(self, transit: float, duration: float) -> None:
        """Begin a call now: `transit` seconds to the server, `duration` to its response."""
        _SimulatedCall(self, self._limits, transit, duration).ask()

    def plan(self, begin: float, transit: float, duration: float) -> None:
        """Plan a call."""
        self.at(begin, lambda: self.call(transit, duration))

    def call_again_and_again(self, transit: float, duration: float, *, until: float) -> None:
        """Begin a call now, and another one when it has ended, until that time."""

        def again() -> None:
            if self._world.now < until:
                _SimulatedCall(self, self._limits, transit, duration, again).ask()

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

    def _look(self) -> None:
        seconds = self._limits.schedule(self.now)
        if self._is_sending or seconds is None:
            return
        if seconds > 0:
            self._looks += 1
            self.at(self._world.now + seconds, partial(self._look_unless_later, self._looks))
            return
        self._is_sending = True
        message = self._limits.message(self.now)
        if self._world.is_out or self._is_lost():
            self.at(self._world.now + RESENT_AFTER, self._fail)
        else:
            self._world.at(self._world.now + self._latency, lambda: self._deliver(message))

    def _look_unless_later(self, look: int) -> None:
        if look == self._looks:  # else another one was planned since
            self._look()

    def _deliver(self, message: LeaseMessage) -> None:
        reply = self._world.exchange(message)
        if self._is_lost():
            self.at(self._world.now + RESENT_AFTER, self._fail)
        else:
            self.at(self._world.now + self._latency, lambda: self._receive(message, reply))

    def _receive(self, message: LeaseMessage, reply: LeaseReply) -> None:
        self._is_sending = False
        self._limits.receive(message, reply, self.now)
        self._look()

    def _fail(self) -> None:
        self._is_sending = False
        self._limits.fail(StoreError("lost"), self.now)
        self._look()


class _SimulatedCall:
    def __init__(
        self,
        process: SimulatedProcess,
        limits: LeasedLimits,
        transit: float,
        duration: float,
        then: Callable[[], None] = lambda: None,
    ) -> None:
        self._process = process
        self._limits = limits
        self._transit = transit
        self._duration = duration
        self._then = then
        self._queued = QueuedCall(self._wake, Admission(0.0, ENDPOINT))
        self._is_sent = False
        self._sleeps = 0

    def ask(self) -> None:
        """Ask the limiter, as a call does that begins, is woken, or has slept."""
        world = self._process.world
        if self._is_sent:
            return
        outcome = self._limits.queue(self._queued, self._process.now)
        if not isinstance(outcome, Admission):
            assert 0 <= outcome.seconds <= 120
            self._sleeps += 1
            self._process.at(world.now + outcome.seconds, partial(self._ask_unless_woken, self._sleeps))
            return
        self._is_sent = True
        self._process.sent.append(world.now)
        self._process.leases.append(outcome.lease[0])
        world.at(world.now + self._transit, lambda: self._arrive(outcome))

    def _ask_unless_woken(self, sleep: int) -> None:
        if sleep == self._sleeps:
            self.ask()

    def _wake(self) -> None:
        self._process.at(self._process.world.now, self.ask)

    def _arrive(self, admission: Admission) -> None:
        world = self._process.world
        respond = world.server.receive(world.now)
        self._process.at(world.now + self._duration, lambda: self._end(admission, respond(world.now)))

    def _end(self, admission: Admission, response: APIResponse) -> None:
        is_success = response.status == 200
        attempt = Attempt(response, is_success, "GET", number=1, remaining=None, max_retries=0)
        self._limits.settle(admission, attempt, self._process.now)
        self._then()
