"""Runs a scenario in every interleaving with at most so many preemptions, or in some that a seed determines."""

from __future__ import annotations

import gc
import random
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from tests.tools.interleavings.baton import BadRun, Baton, Replacements, modules_of
from tests.tools.interleavings.turns import TaskRun

PREEMPTIONS = 2

Run = Baton | TaskRun
"""One run of a scenario: of threads, or of tasks."""


class Bodies(NamedTuple):
    """What the threads or tasks of a scenario do, and what has to be so when all have ended."""

    functions: Sequence[Callable[[], Any]]
    check: Callable[[], object]


@dataclass(frozen=True)
class SharedScenario:
    """Some threads or tasks around one object.

    Attributes:
        name: The object.
        modules: Those of the package whose lines are points of threads, and in which what blocks is replaced.
        beside: Others in which it is replaced too.
        build: Makes the object and returns what to do with it.
        kind: Whether they are threads or tasks.
        preemptions: How often, at most, a thread is stopped that could go on, or a task has its turn before another one
            whose turn it is.
    """

    name: str
    modules: tuple[str, ...]
    beside: tuple[str, ...]
    build: Callable[[Any], Bodies]
    kind: type[Run] = Baton
    preemptions: int = PREEMPTIONS

    def run(self, choices: Mapping[int, int], *, may_preempt: bool = True, has_trail: bool = False) -> Run:
        """Run it once.

        Raises:
            Found: If it does what must not happen.
        """
        files, replacements = _explored(self.modules, self.beside)
        run = self.kind(files, choices, may_preempt=may_preempt, has_trail=has_trail)
        with replacements.of(run):
            bodies = self.build(run)
            try:
                run.run_all(bodies.functions)
                bodies.check()
            except (BadRun, AssertionError) as error:
                text = str(error)
                if has_trail:
                    raise Found(self.name, choices, text, run) from error
            else:
                return run
        self.run(choices, may_preempt=may_preempt, has_trail=True)
        raise AssertionError(f"{self.name} is not the same at each run: {text}")


@cache
def _explored(modules: tuple[str, ...], beside: tuple[str, ...]) -> tuple[frozenset[str], Replacements]:
    found = modules_of(modules)
    return frozenset(str(module.__file__) for module in found), Replacements([*found, *modules_of(beside)])


class Found(Exception):
    """A fault, with the schedule that shows it again.

    Attributes:
        text: What is wrong.
    """

    def __init__(self, name: str, choices: Mapping[int, int], text: str, run: Run) -> None:
        self.text: str = text
        schedule = ",".join(f"{number}:{choice}" for number, choice in sorted(choices.items())) or "0:0"
        super().__init__(
            f"{text}\n\nagain: python -m tests.tools.interleavings {name!r} --schedule {schedule}\n{run.report()}"
        )


_Upcoming = tuple[dict[int, int], int]
"""The choices of a run, and how many preemptions they are."""


class Counts(NamedTuple):
    """How much of a scenario was run."""

    schedules: int
    points: int


def explore(scenario: SharedScenario) -> Counts:
    """Run every interleaving, those with fewer preemptions first.

    Raises:
        Found: At the first fault.
    """
    schedules = points = 0
    with _without_collections() as collect:
        for preemptions in range(scenario.preemptions + 1):
            schedules = points = 0
            waiting: list[_Upcoming] = [({}, 0)]
            while waiting:
                choices, spent = waiting.pop()
                run = scenario.run(choices, may_preempt=spent < preemptions)
                schedules += 1
                points += run.points
                waiting += _next(run, choices, spent, preemptions)
                collect(schedules)
    return Counts(schedules, points)


def sample(scenario: SharedScenario, schedules: int, seed: object) -> Counts:
    """Run some interleavings, which the seed determines; each has as many preemptions as it may have.

    Raises:
        Found: At the first fault.
    """
    drawn = random.Random(f"{seed} {scenario.name}")
    tried = points = 0
    with _without_collections() as collect:
        while tried < schedules:
            following: list[_Upcoming] = [({}, 0)]
            while following and tried < schedules:
                choices, spent = drawn.choice(following)
                run = scenario.run(choices, may_preempt=spent < scenario.preemptions)
                tried += 1
                points += run.points
                following = list(_next(run, choices, spent, scenario.preemptions))
            collect(tried)
    return Counts(tried, points)


def _next(run: Run, choices: Mapping[int, int], spent: int, preemptions: int) -> Iterator[_Upcoming]:
    """Return the choices that differ from a run's in one more, behind those that they have, and what they cost."""
    for number, costs in run.decisions.items():
        for choice, cost in enumerate(costs):
            if choice and spent + cost <= preemptions:
                yield {**choices, number: choice}, spent + cost


@contextmanager
def _without_collections() -> Generator[Callable[[int], object]]:
    """Collect garbage between runs only: within one it would be a turn that no schedule has."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield lambda number: number % 500 or gc.collect()
    finally:
        if was_enabled:
            gc.enable()
