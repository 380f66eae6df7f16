"""Tasks in an event loop in which every order of turns can be had, and a cancellation of one task before each turn.

The turns are those of the simulation's event loop, taken one by one: the first that became ready, unless the choice is
another one, or that time passes until the next timer, as when other tasks take long.
"""

from __future__ import annotations

import asyncio
import heapq
import traceback
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any
from unittest import mock

from tests.tools.interleavings.baton import MOST_POINTS, BadRun, short
from tests.tools.simulation.event_loop import SimulatedEventLoop

_START = 1000.0
_LONGEST_STALL = 5.0  # seconds for which the event loop may stand still: a shielded cancellation has no more than 6


class TaskRun(SimulatedEventLoop):
    """One run of several tasks.

    Args:
        files: The files of which a report names the lines.
        choices: Which option is taken at which turn, by its number; at the others it is the first.
        may_preempt: Whether turns out of order may follow the last of these; they are listed in any case.
        has_trail: Whether to record the turns.

    Attributes:
        decisions: What the options cost at each turn behind the last choice: 1 for a turn out of order, nothing for a
            cancellation, of one task or of all, of which a run has one.
        points: How many turns there were.
    """

    def __init__(
        self, files: frozenset[str], choices: Mapping[int, int], *, may_preempt: bool = True, has_trail: bool = False
    ) -> None:
        super().__init__()
        self.decisions: dict[int, list[int]] = {}
        self.points = 0
        self._now = _START
        self._patches = ExitStack()
        self._files = files
        self._choices = choices
        self._last = max(choices, default=0)
        self._has_trail = has_trail
        self._trail: list[str] = []
        self._has_begun = False
        self._canceled: list[asyncio.Task[Any]] = []
        self._bodies: list[asyncio.Task[Any]] = []
        self._names: dict[asyncio.Task[Any], int] = {}

    @property
    def now(self) -> float:
        """The time."""
        return self._now

    def patches(self) -> ExitStack:
        """Return what ends the replacements, and the tasks that are left; the loop is the running one until then."""
        self._patches.enter_context(self._running())
        self._patches.callback(self.end)
        return self._patches

    def replace(self, owner: Any, name: str, value: Any) -> None:
        """Replace an attribute of an object, a class or a module for the time of the run."""
        self._patches.enter_context(mock.patch.object(owner, name, value))

    def complete(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Carry out a coroutine before the run, or after it: there are no choices."""
        has_begun, self._has_begun = self._has_begun, False
        task = self.create_task(coroutine)
        while not task.done():
            self.advance()
        self._has_begun = has_begun
        return task.result()

    def run_all(self, functions: Sequence[Callable[[], Coroutine[Any, Any, object]]]) -> None:
        """Await what each function returns, each in a task, until nothing is ready or timed any more.

        Raises:
            BadRun: If one failed, a cancellation was lost, none can have a turn any more, or they never end.
        """
        self._bodies = tasks = [self.create_task(function()) for function in functions]
        self._has_begun = True
        try:
            while self._options()[0]:
                self.advance()
        except Exception as error:
            raise BadRun("".join(traceback.format_exception(error)).strip()) from None
        self._has_begun = False
        if waiting := [self._place(task) for task in self._tasks if not task.done()]:
            raise BadRun(f"a deadlock: {'; '.join(waiting)}")
        for number, task in enumerate(tasks):
            if task in self._canceled and not task.cancelled() and task.exception() is None:
                raise BadRun(f"the cancellation of task {number} was lost")
            if task.cancelled():
                if task not in self._canceled:
                    raise BadRun(f"task {number} was canceled, which nobody has asked for")
            elif (failure := task.exception()) is not None:
                raise BadRun("".join(traceback.format_exception(failure)).strip())

    def point(self) -> None:
        """Do nothing: no task loses its turn between two awaits."""

    def wait(self, is_free: Callable[[], bool], seconds: float | None = None) -> bool:
        """Raise an error: nothing that blocks the event loop may be waited for.

        Raises:
            BadRun: In any case.
        """
        raise BadRun("the event loop is blocked")

    def ident(self) -> int:
        """Return the number of the one thread."""
        return 0

    def report(self) -> str:
        """Return where each task was at its turns."""
        return "\n".join(self._trail)

    def advance(self) -> None:
        """Take the turn that is chosen."""
        options, costs = self._options()
        if not self._has_begun:
            options[0]()
            return
        self.points += 1
        if self.points > MOST_POINTS:
            raise BadRun("the tasks never end")
        if self.points > self._last:
            self.decisions[self.points] = costs
        options[self._choices.get(self.points, 0)]()

    def _options(self) -> tuple[list[Callable[[], object]], list[int]]:
        """Return what may happen now, what happens by default first, and what each costs; nothing at the end."""
        while self._timers and self._timers[0].handle.cancelled():
            heapq.heappop(self._timers)
        self._ready = [each for each in self._ready if not each.handle.cancelled()]
        options: list[Callable[[], object]] = [partial(self._take, number) for number in range(len(self._ready))]
        costs = [1 if number else 0 for number in range(len(options))]
        if self._timers and (not options or self._timers[0].when - self._now < _LONGEST_STALL):
            costs.append(1 if options else 0)
            options.append(partial(self._pass_time, to_timer=True))
        if options and self._has_begun and not self._canceled:
            alive = [task for task in self._tasks if not task.done()]  # also those that the package began
            groups = [[task] for task in self._bodies if not task.done()]
            groups += [alive] if len(alive) > 1 else []  # as at the end of `asyncio.run`
            options += [partial(self._cancel, group) for group in groups]
            costs += [0] * len(groups)
        return options, costs

    def _take(self, number: int) -> None:
        turn = self._ready.pop(number)
        if self._has_trail and self._has_begun:
            owner = getattr(turn.callback, "__self__", None)  # what gives a task its turn is a method of it
            self._trail += [f"  {self._place(task)}" for task in self._tasks if task is owner]
        self._pass_time(to_timer=False)
        turn.context.run(turn.callback, *turn.args)

    def _cancel(self, tasks: list[asyncio.Task[Any]]) -> None:
        if self._has_trail:
            self._trail.append(f"  canceled: {', '.join(map(self._place, tasks))}")
        self._canceled = tasks
        for task in tasks:
            task.cancel()

    def _place(self, task: asyncio.Task[Any]) -> str:
        """Return the line of the package in which a task is."""
        number = self._names.setdefault(task, list(self._tasks).index(task))
        place = "its begin"
        inner: Any = task.get_coro()
        while (frame := getattr(inner, "cr_frame", None)) is not None:
            if frame.f_code.co_filename in self._files:
                place = f"{short(frame.f_code.co_filename)}:{frame.f_lineno}"
            inner = inner.cr_await
        return f"task {number}: {place}"
