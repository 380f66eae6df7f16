"""The window that processes share: whatever is lost, killed or restarted, all is sent, and hardly anything refused."""

from __future__ import annotations

import json
import random
from collections import Counter
from functools import partial
from typing import Any, NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from fibonacci._core.stored_window import WindowMessage, exchange
from fibonacci._core.window import Statement, Window
from tests.core.simulated_processes import SimulatedProcess, SimulatedWorld
from tests.core.simulated_server import SimulatedServer
from tests.kit.assertions import each_row
from tests.kit.clock import START


class PlannedCall(NamedTuple):
    """A call that is planned: of which process, when, until the server receives it, until the response."""

    owner: int
    begin: float
    transit: float
    duration: float


CALLS = st.lists(
    st.builds(PlannedCall, st.integers(0, 3), st.floats(0.2, 100), st.floats(0, 0.9), st.floats(0, 100)), max_size=40
)


def ask(window: Window, now: float, wanted: int, *operations: list[Any]) -> int:
    """Return how many requests are granted."""
    return exchange(window, WindowMessage(list(operations), wanted), now).granted


def stated(remaining: int, *, at: float, ends_at: float = 60.0, now: float | None = None) -> list[Any]:
    """Return the end of a request that was sent at `at`, whose response states what remains of 3."""
    date = START + int(at if now is None else now)
    return ["end", at, at if now is None else now, Statement(3, remaining, START + ends_at, date)]


def known(remaining: int) -> Window:
    """Return a window of which so many requests are left for a minute from 0."""
    window = Window(is_shared=True)
    assert ask(window, 0.0, 1) == 1
    ask(window, 0.0, 0, stated(remaining, at=0.0))
    return window


class TestProcesses:
    @given(
        planned=CALLS,
        limit=st.integers(1, 9),
        length=st.sampled_from([5.0, 10.0, 60.0]),
        is_aligned=st.booleans(),
        lost=st.sampled_from([0.0, 0.0, 0.3]),
        kills=st.lists(st.tuples(st.integers(0, 3), st.floats(0.2, 100)), max_size=3),
        losses=st.lists(st.floats(0.2, 100), max_size=2),
        seed=st.integers(0, 1000),
    )
    def test_all_is_sent_whatever_is_lost_or_killed(
        self,
        planned: list[PlannedCall],
        limit: int,
        length: float,
        is_aligned: bool,
        lost: float,
        kills: list[tuple[int, float]],
        losses: list[float],
        seed: int,
    ) -> None:
        chance = random.Random(seed)
        world = SimulatedWorld(SimulatedServer(limit, length, is_aligned=is_aligned, skew=30.0))
        processes = [SimulatedProcess(world, chance.uniform(0, 0.02), lambda: chance.random() < lost) for _ in range(4)]
        for call in planned:
            processes[call.owner].plan(call.begin, call.transit, call.duration)
        for owner, time in kills:
            world.at(time, processes[owner].kill)
        for time in losses:
            world.at(time, world.lose_state)
        world.run(until=400 + 130.0 * len(planned))
        begun = Counter(call.owner for call in planned)
        assert all(len(process.sent) == begun[k] for k, process in enumerate(processes) if not process.is_killed)

    def test_clocks_that_are_an_hour_apart_change_nothing(self) -> None:
        world = SimulatedWorld(SimulatedServer(9, 60.0, is_aligned=True, skew=0.3))
        for number in range(4):
            process = SimulatedProcess(world, 0.001, ahead=3600.0 * number)
            process.at(0.1 * number, partial(process.call_again_and_again, lambda: (0.01, 0.05), until=240.0))
        world.run(until=500.0)
        assert world.server.refused == 0
        assert world.server.share_used == 1.0

    def test_nobody_starves(self) -> None:
        world = SimulatedWorld(SimulatedServer(20, 10.0, is_aligned=False))
        processes = [SimulatedProcess(world, 0.001 * (number + 1)) for number in range(16)]
        for process in processes:
            for _ in range(2):
                process.call_again_and_again(lambda: (0.001, 0.005), until=120.0)
        world.run(until=500.0)
        numbers = [sum(time < 120 for time in process.sent) for process in processes]
        assert world.server.refused == 0
        assert min(numbers) >= sum(numbers) / 16 / 2, numbers

    def test_a_state_that_is_lost_costs_one_window(self) -> None:
        world = SimulatedWorld(SimulatedServer(20, 10.0, is_aligned=True))
        for _ in range(4):
            process = SimulatedProcess(world, 0.001)
            for _ in range(4):
                process.call_again_and_again(lambda: (0.01, 0.3), until=70.0)
        world.at(23.0, world.lose_state)
        world.run(until=200.0)
        assert world.server.refused <= 1
        assert sorted(world.server.admitted.values())[1:] == [20] * (len(world.server.admitted) - 1)

    def test_nothing_is_sent_while_the_store_is_gone(self) -> None:
        world = SimulatedWorld(SimulatedServer(15, 10.0, is_aligned=False, skew=30.0))
        world.outage = begun, ended = 20.0, 40.0
        processes = [SimulatedProcess(world, 0.002) for _ in range(5)]
        for process in processes:
            process.call_again_and_again(lambda: (0.001, 0.1), until=80.0)
        world.run(until=400.0)
        assert world.server.refused == 0
        assert not [time for process in processes for time in process.sent if begun + 0.1 < time < ended]
        assert all(max(process.sent) > 60 for process in processes)

    def test_a_process_that_waits_asks_rarely(self) -> None:
        world = SimulatedWorld(SimulatedServer(1, 60.0, is_aligned=False))
        process = SimulatedProcess(world, 0.001)
        for _ in range(20):
            process.plan(0.0, 0.001, 0.005)
        world.run(until=1400.0)
        assert world.exchanges / 20 < 60 / 2 + 5


class TestWindow:
    def test_until_the_server_has_stated_a_limit_one_request_goes_and_then_twice_as_many(self) -> None:
        window = Window(is_shared=True)
        assert ask(window, 0.0, 9) == 1
        assert ask(window, 0.4, 9) == 0
        assert ask(window, 0.5, 9) == 1
        assert ask(window, 1.0, 9) == 2
        assert ask(window, 1.01, 9, stated(2, at=0.5)) == 0, "two may not be included"
        assert ask(window, 3.0, 9, stated(2, at=1.0)) == 1

    def test_a_server_that_states_none_is_slowed_down_for_seconds_alone(self) -> None:
        window = Window(is_shared=True)
        ask(window, 0.0, 1)
        for now in (0.125, 0.25, 0.375):
            assert ask(window, now, 1, ["end", now - 0.125, now, None]) == 1, "one after another is not delayed"
        assert ask(window, 4.0, 50) == 50

    def test_what_a_killed_process_was_granted_is_free_with_a_later_response(self) -> None:
        window = known(2)
        assert ask(window, 0.1, 1) == 1  # and it is killed
        assert ask(window, 1.5, 1) == 1
        assert ask(window, 2.0, 1) == 0
        assert ask(window, 2.5, 2, stated(1, at=1.5, now=2.5)) == 1

    def test_a_refusal_delays_all(self) -> None:
        window = known(2)
        assert ask(window, 1.0, 1) == 1
        assert ask(window, 1.0, 1, ["pause", 1.0, 30.0]) == 0
        assert ask(window, 30.9, 1) == 0
        assert ask(window, 31.0, 1) == 1

    def test_a_reset_forgets_what_was_stated(self) -> None:
        window = known(0)
        assert ask(window, 1.0, 1) == 0
        assert ask(window, 1.1, 1, ["forget"]) == 1

    def test_a_far_reset_is_believed_for_two_minutes(self) -> None:
        window = Window(is_shared=True)
        ask(window, 0.0, 1)
        ask(window, 0.0, 0, stated(0, at=0.0, ends_at=3600.0))
        assert ask(window, 119.9, 2) == 0
        assert ask(window, 120.0, 2) == 2

    @each_row("window", [Window(is_shared=True), known(2)])
    def test_all_that_is_known_of_a_window_is_stored(self, window: Window) -> None:
        assert json.loads(json.dumps(vars(window))) == vars(window)
