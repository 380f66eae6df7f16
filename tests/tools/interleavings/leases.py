"""The messages about leases, in every order: exchanged, delivered twice or late, with lost replies and lost state.

Two processes with two calls each share a window in which two requests are left. However their messages fare, no more
than two are sent in it, and once messages arrive again, every call gets its lease in time.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from fibonacci._core.leased_window import LeasedWindow
from fibonacci._core.shared_window import LeaseMessage, SharedWindow
from fibonacci._core.window import Admission
from fibonacci.models.response import RateLimit
from tests.kit.clock import START

LEFT = 2
_CALLS = 2
_NOW = 1000.0
_WINDOW = 60.0
_HEALTHY = 400  # seconds within which every call has its lease


class LeaseState:
    """Two processes, their store, and the messages on their way."""

    def __init__(self) -> None:
        self.store: SharedWindow = SharedWindow(_NOW)
        self.windows: list[LeasedWindow] = [LeasedWindow(_nothing) for _ in range(2)]
        self.late: list[LeaseMessage] = []
        self.sent = 0
        self._learn()

    def copy(self) -> LeaseState:
        """Return a copy, with the same counters for names: `itertools.count` has no copies from Python 3.14 on."""
        counters = [vars(window)["_numbers"] for window in self.windows]
        return copy.deepcopy(self, {id(counter): counter for counter in counters})

    def _learn(self) -> None:
        """Send the first request, whose response states what is left."""
        first = self.windows[0]
        first.want(1)
        message = first.message(_NOW)
        first.receive(message, self.store.exchange(message, _NOW), _NOW)
        admission = Admission(_NOW)
        first.add(admission)
        first.remove(admission, has_passed=True)
        reset_at = datetime.fromtimestamp(START + _WINDOW, UTC)
        first.update(RateLimit(limit=LEFT + 1, remaining=LEFT, reset_at=reset_at), START, _NOW, admission)
        for number, window in enumerate(self.windows):
            self.exchange(number, _NOW)
            window.want(_CALLS)
        assert (self.sent, self.windows[1].left) == (0, LEFT)

    def exchange(self, number: int, now: float = _NOW, *, deliveries: int = 1, is_received: bool = True) -> None:
        """Deliver a message, once or twice, and perhaps its reply."""
        message = self.windows[number].message(now)
        reply = [self.store.exchange(message, now) for _ in range(deliveries)][-1]
        if is_received:
            self.windows[number].receive(message, reply, now)
            self.send(number)

    def send(self, number: int) -> None:
        """Send the requests that have leases."""
        while self.windows[number].delay(_NOW) is None:
            self.windows[number].add(Admission(_NOW))
            self.sent += 1

    def delay_message(self, number: int) -> None:
        """Let a message be on its way."""
        self.late.append(self.windows[number].message(_NOW))

    def deliver_late(self) -> None:
        """Deliver the message that has been on its way for longest; nobody waits for the reply any more."""
        self.store.exchange(self.late.pop(0), _NOW)

    def lose_state(self) -> None:
        """Lose what the store knows."""
        self.store = SharedWindow(_NOW + 0.001)


def _nothing() -> None: ...


Step = Callable[[LeaseState], None]


def _steps(state: LeaseState) -> dict[str, Step]:
    steps: dict[str, Step] = {"the state is lost": LeaseState.lose_state}
    for number in range(2):
        steps[f"{number} exchanges"] = partial(_exchange, number=number)
        steps[f"{number}: the reply is lost"] = partial(_exchange, number=number, is_received=False)
        steps[f"{number}: delivered twice"] = partial(_exchange, number=number, deliveries=2)
        if len(state.late) < 2:
            steps[f"{number}: the message is late"] = partial(_delay, number=number)
    if state.late:
        steps["a late message is delivered"] = LeaseState.deliver_late
    return steps


def _exchange(state: LeaseState, number: int, deliveries: int = 1, is_received: bool = True) -> None:
    state.exchange(number, deliveries=deliveries, is_received=is_received)


def _delay(state: LeaseState, number: int) -> None:
    state.delay_message(number)


def explore_leases(depth: int) -> int:
    """Carry out every order of so many steps; return how many orders there were.

    Raises:
        AssertionError: If too much is sent, or a call gets no lease; it has the steps.
    """
    orders = 0
    waiting: list[tuple[LeaseState, tuple[str, ...]]] = [(LeaseState(), ())]
    while waiting:
        state, done = waiting.pop()
        assert state.sent <= LEFT, f"{state.sent} of {LEFT} are sent: {done}"
        if len(done) == depth:
            orders += 1
            _check_healthy(state, done)
            continue
        for name, step in _steps(state).items():
            following = state.copy()
            step(following)
            waiting.append((following, (*done, name)))
    return orders


def _check_healthy(state: LeaseState, done: tuple[str, ...]) -> None:
    """Check that every call gets its lease once all messages arrive."""
    now = _NOW
    while state.sent < 2 * _CALLS:
        now += 1.0
        assert now < _NOW + _HEALTHY, f"a call gets no lease: {done}"
        for number in range(2):
            state.exchange(number, now)
