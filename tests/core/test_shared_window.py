"""The window that processes share: whatever is lost, killed or restarted, no more is sent than the server admits."""

from __future__ import annotations

import json
import random
from collections import Counter
from functools import partial
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fibonacci._core.shared_window import LeaseEnd, LeaseMessage, SharedWindow
from fibonacci._core.window import Window
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


LENGTHS = st.sampled_from([2.0, 5.0, 10.0, 60.0])


def calls(longest: float) -> st.SearchStrategy[list[PlannedCall]]:
    """Return calls of which none takes longer, and each reaches the server within the margin."""
    transit = st.floats(0, min(0.9, longest / 2))
    return st.lists(st.builds(PlannedCall, st.integers(0, 3), st.floats(0.2, 100), transit, st.floats(0, longest / 2)))


def ask(window: SharedWindow, now: float, *wanted: str, ended: list[LeaseEnd] | None = None) -> set[str]:
    """Return which of the leases that a process wants are granted."""
    reply = window.exchange(LeaseMessage("", False, [], 0.0, ended or [], list(wanted)), now)
    return {name for name, _ in reply.granted}


def stated(name: str, remaining: int, *, at: float, now: float | None = None, ends_at: float = 60.0) -> LeaseEnd:
    """Return the end of a request whose response states a limit of 3; the server's clock shows START at 0."""
    return LeaseEnd(name, at, 0.0, True, 0.0, 3, remaining, START + ends_at, START + (at if now is None else now))


def known(remaining: int) -> SharedWindow:
    """Return a window of which so many requests are left for a minute from 0."""
    window = SharedWindow(0.0)
    assert ask(window, 0.0, "first") == {"first"}
    ask(window, 0.0, ended=[stated("first", remaining, at=0.0)])
    return window


class TestProcesses:
    @given(
        planned=calls(200.0),
        limit=st.integers(1, 9),
        length=LENGTHS,
        is_aligned=st.booleans(),
        lost=st.sampled_from([0.0, 0.0, 0.3]),
        kills=st.lists(st.tuples(st.integers(0, 3), st.floats(0.2, 100)), max_size=3),
        seed=st.integers(0, 1000),
    )
    def test_no_more_is_sent_than_the_server_admits_and_all_is_sent(
        self,
        planned: list[PlannedCall],
        limit: int,
        length: float,
        is_aligned: bool,
        lost: float,
        kills: list[tuple[int, float]],
        seed: int,
    ) -> None:
        chance = random.Random(seed)
        world = SimulatedWorld(SimulatedServer(limit, length, is_aligned=is_aligned, skew=30.0))
        first = SimulatedProcess(world, 0.01, lambda: False)
        first.call(0.0, 0.1)  # after its response the limit is known
        processes = [SimulatedProcess(world, chance.uniform(0, 0.02), lambda: chance.random() < lost) for _ in range(4)]
        for call in planned:
            processes[call.owner].plan(call.begin, call.transit, call.duration)
        for owner, time in kills:
            world.at(time, processes[owner].kill)
        world.run(until=400 + 130.0 * len(planned))
        assert world.server.refused == 0
        begun = Counter(call.owner for call in planned)
        assert all(len(process.sent) == begun[k] for k, process in enumerate(processes) if not process.is_killed)

    @given(
        planned=calls(0.2), limit=st.integers(1, 9), length=LENGTHS, losses=st.lists(st.floats(0.2, 100), max_size=3)
    )
    def test_a_state_that_is_lost_costs_one_refused_request_at_the_most(
        self, planned: list[PlannedCall], limit: int, length: float, losses: list[float]
    ) -> None:
        world = SimulatedWorld(SimulatedServer(limit, length, is_aligned=False))
        processes = [SimulatedProcess(world, 0.001, lambda: False) for _ in range(4)]
        processes[0].call(0.0, 0.0)
        for call in planned:
            processes[call.owner].plan(call.begin, call.transit, call.duration)
        for time in losses:
            world.at(time, world.lose_state)
        world.run(until=400 + 130.0 * len(planned))
        assert world.server.refused <= len(losses)
        assert sum(len(process.sent) for process in processes) == 1 + len(planned)

    def test_turns_are_fair(self) -> None:
        world = SimulatedWorld(SimulatedServer(5, 10.0, is_aligned=False))
        processes = [SimulatedProcess(world, 0.001 * (number + 1), lambda: False) for number in range(6)]
        for process in processes:
            for _ in range(2):
                process.call_again_and_again(0.001, 0.005, until=60.0)
        world.run(until=160.0)
        numbers = [sum(time < 60 for time in process.sent) for process in processes]
        assert world.server.refused == 0
        # In a queue of 12 and windows of 5, the turn of some is every second window and that of others every third.
        assert max(numbers) <= 1.5 * min(numbers), numbers

    @each_row("pause", [0.0, 300.0])
    def test_those_that_start_together_share_the_window_that_begins(self, pause: float) -> None:
        world = SimulatedWorld(SimulatedServer(60, 60.0, is_aligned=False))
        if pause:
            SimulatedProcess(world, 0.001, lambda: False).call(0.001, 0.005)
        processes = [SimulatedProcess(world, 0.001, lambda: False) for _ in range(5)]
        for number, process in enumerate(processes):
            for _ in range(3):
                begin = partial(process.call_again_and_again, 0.001, 0.005, until=pause + 50.0)
                process.at(pause + number * 0.06, begin)
        world.run(until=pause + 200.0)
        numbers = [sum(time < pause + 50 for time in process.sent) for process in processes]
        assert world.server.refused == 0
        assert sum(numbers) == 60
        assert max(numbers) <= 2 * min(numbers), numbers

    def test_one_that_is_alone_has_the_whole_window_soon(self) -> None:
        world = SimulatedWorld(SimulatedServer(80, 60.0, is_aligned=False))
        process = SimulatedProcess(world, 0.001, lambda: False)
        for _ in range(80):
            process.call(0.001, 0.005)
        world.run(until=100.0)
        assert len(process.sent) == 80
        assert max(process.sent) < 3.6
        assert sum(time < 0.5 for time in process.sent) >= 8, "a part of it at once"

    @each_row("seed", [0, 2])
    def test_kills_clocks_and_an_outage_of_the_store(self, seed: int) -> None:
        chance = random.Random(seed)
        world = SimulatedWorld(SimulatedServer(chance.choice([15, 40]), 10.0, is_aligned=False, skew=30.0))
        begin = chance.uniform(5, 60)
        world.outage = begin, begin + chance.uniform(1, 25)
        loss = chance.choice([0.0, 0.1])
        processes: list[SimulatedProcess] = []
        for _ in range(5):
            ahead = chance.uniform(0, 1e6)
            process = SimulatedProcess(world, chance.uniform(0, 0.01), lambda: chance.random() < loss, ahead)
            processes.append(process)
            for _ in range(2):
                begin_calls = partial(process.call_again_and_again, 0.001, chance.uniform(0.005, 0.3), until=80.0)
                process.at(chance.uniform(0, 0.5), begin_calls)
        killed = chance.sample(processes, chance.randint(1, 2))
        for process in killed:
            world.at(chance.uniform(1, 70), process.kill)
        world.run(until=400.0)
        assert world.server.refused == 0
        assert all(lease in world.granted for process in processes for lease in process.leases)
        unused = world.server.limit * 7 - sum(len(process.sent) for process in processes)
        begun, ended = world.outage
        assert unused <= world.server.limit * (2 + (ended - begun) / 10), "beside the outage, two windows at the most"
        rows = [len(process.sent) for process in processes if process not in killed]
        assert max(rows) <= (2.5 if loss else 2.0) * min(rows), rows
        late = [time for process in processes for time in process.sent if begun + 1 < time < ended]
        assert not late, "nothing is sent while the store is gone"

    def test_a_process_that_waits_asks_rarely(self) -> None:
        world = SimulatedWorld(SimulatedServer(1, 60.0, is_aligned=False))
        process = SimulatedProcess(world, 0.001, lambda: False)
        for _ in range(20):
            process.call(0.001, 0.005)
        world.run(until=1300.0)
        assert world.exchanges / 20 < 60 / 2 + 5


class TestWindow:
    def test_until_the_server_has_stated_a_limit_one_request_at_a_time_asks_for_it(self) -> None:
        window = SharedWindow(0.0)
        assert ask(window, 0.0, "a", "b") == {"a"}
        assert ask(window, 0.1, "b", "c") == set()
        assert ask(window, 0.25, "b", "c") == {"b"}  # the first takes long
        assert ask(window, 0.26, "c", "d", "e", ended=[stated("b", 2, at=0.25)]) == {"c"}

    def test_a_server_that_states_none_is_not_slowed_down(self) -> None:
        window = SharedWindow(0.0)
        ask(window, 0.0, "a")
        names = [str(number) for number in range(50)]
        assert ask(window, 0.1, *names, ended=[LeaseEnd("a", has_passed=True)]) == set(names)

    def test_the_same_message_twice_grants_the_same(self) -> None:
        window = known(2)
        assert ask(window, 1.0, "a", "b") == ask(window, 1.1, "a", "b") == {"a", "b"}
        assert ask(window, 1.2, "c") == set()
        window = known(2)
        assert ask(window, 1.0, "a") == ask(window, 1.1, "a") == {"a"}
        assert ask(window, 1.2, "b") == {"b"}, "who asks again is not before it"

    def test_who_asked_first_is_first(self) -> None:
        window = known(0)
        assert ask(window, 58.5, "a", "b", "c") == ask(window, 58.6, "d") == set()
        assert ask(window, 60.5, "d") == set()  # three are left, and three are before it
        assert ask(window, 60.6, "a", "b", "c") == {"a"}  # which finds out whether the window has begun
        assert ask(window, 61.1, "d") == set()
        assert ask(window, 61.1, "a", "b", "c") == {"a", "b", "c"}

    def test_the_place_of_who_was_killed_lapses(self) -> None:
        window = known(0)
        ask(window, 58.5, "a", "b", "c")
        ask(window, 58.6, "d")
        ask(window, 60.5, "d")
        assert ask(window, 61.6, "d") == {"d"}

    def test_the_lease_of_who_was_killed_lapses_with_a_later_response(self) -> None:
        window = known(2)
        assert ask(window, 0.1, "killed", "other") == {"killed", "other"}
        assert ask(window, 5.0, "next", ended=[stated("other", 1, at=0.1, now=5.0)]) == set()  # it may be under way
        assert ask(window, 60.5, "next") == {"next"}
        assert ask(window, 62.0, "last", ended=[stated("next", 2, at=60.5, now=62.0, ends_at=120.5)]) == {"last"}

    def test_a_refusal_delays_all(self) -> None:
        window = known(2)
        assert ask(window, 1.0, "a") == {"a"}
        assert ask(window, 1.0, "b", ended=[LeaseEnd("a", 1.0, pause=30.0)]) == set()
        assert ask(window, 30.9, "b") == set()
        assert ask(window, 31.0, "b") == {"b"}

    def test_the_delay_that_a_process_knows_of_is_that_of_all(self) -> None:
        window = known(2)
        window.exchange(LeaseMessage("", False, [], 30.0, [], []), 1.0)
        assert ask(window, 30.9, "a") == set()
        assert ask(window, 31.0, "a") == {"a"}

    def test_a_reset_forgets_what_was_stated(self) -> None:
        window = known(0)
        assert ask(window, 1.0, "a") == set()
        reply = window.exchange(LeaseMessage("", True, [], 0.0, [], ["a"]), 1.1)
        assert [name for name, _ in reply.granted] == ["a"]

    def test_a_far_reset_is_believed_for_two_minutes_and_then_probed(self) -> None:
        window = SharedWindow(0.0)
        ask(window, 0.0, "first")
        ask(window, 0.0, ended=[stated("first", 0, at=0.0, ends_at=3600.0)])
        assert ask(window, 119.9, "a", "b") == set()
        assert ask(window, 120.0, "a", "b") == {"a"}
        assert ask(window, 124.9, "b") == set()
        assert ask(window, 125.0, "b") == {"b"}

    def test_a_lost_state_is_told_before_anything_is_granted(self) -> None:
        window = SharedWindow(5.0)
        reply = window.exchange(LeaseMessage("another", False, [], 0.0, [], ["a"]), 6.0)
        assert (reply.epoch, reply.granted) == (window.epoch, [])
        held = [("x", 5.5), ("y", 4.0)]
        reply = window.exchange(LeaseMessage("", False, held, 0.0, [], ["a"]), 6.5)
        assert not reply.granted  # what others have sent may still be under way
        reply = window.exchange(LeaseMessage("", False, held, 0.0, [], ["a", "x"]), 7.0)
        assert reply.granted == [("a", 7.0), ("x", 7.0)]

    def test_what_was_stated_before_the_state_was_lost_does_not_count(self) -> None:
        window = SharedWindow(5.5)
        ended = [stated("x", 2, at=5.0)]
        assert ask(window, 6.0, "a", ended=ended) == {"a"}  # to learn what is left: another may have been in flight
        assert ask(window, 6.0, "b") == set()

    def test_a_lease_whose_reply_was_lost_counts_from_the_time_of_its_next_reply(self) -> None:
        window = known(2)
        assert ask(window, 4.0, "b") == {"b"}  # the reply is lost
        assert ask(window, 8.0, "a") == {"a"}
        assert ask(window, 8.1, "b") == {"b"}  # only now it is sent
        assert ask(window, 8.2, "c", ended=[stated("a", 1, at=8.0, now=8.2)]) == set()

    def test_all_that_is_known_of_a_window_is_stored(self) -> None:
        window, again = Window(sees_ends=False), Window(sees_ends=False)
        attributes: dict[str, Any] = vars(window)
        numbers = {name: float(n) for n, (name, value) in enumerate(attributes.items()) if isinstance(value, float)}
        attributes.update(numbers, _margin=vars(again)["_margin"])
        again.load(json.loads(json.dumps(window.dump())))
        assert vars(again) == attributes

    @each_row("state", [{}, {"epoch": "1"}, {"window": 3}])
    def test_a_damaged_state_is_no_state(self, state: dict[str, object]) -> None:
        with pytest.raises((KeyError, TypeError, ValueError)):
            SharedWindow.load(state)
