"""An event loop of asyncio without sockets and threads: its time is simulated, and its order is drawn from a seed."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import Executor
from contextlib import contextmanager
from contextvars import Context, ContextVar, copy_context
from itertools import count
from random import Random
from typing import Any, NamedTuple, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

# Seconds that a turn takes: on a clock that stands still, a wait for the rest of a window would never end.
_TURN = 1e-6

_process: ContextVar[object] = ContextVar("process", default=None)

_set_running_loop = asyncio._set_running_loop  # pyright: ignore[reportPrivateUsage]  # documented for event loops


class _Timer(NamedTuple):
    when: float
    order: int
    handle: asyncio.Handle
    callback: Callable[..., object]
    args: tuple[Any, ...]
    context: Context


class SimulatedEventLoop(asyncio.BaseEventLoop):
    """Runs tasks over simulated time: it advances to the next timer when no task is ready.

    What is ready in one turn runs in an order that the seed determines, for no program may rely on another order than
    that of its own awaits. Tasks can belong to a process, which can be killed: none of its tasks runs again, as after a
    SIGKILL, and no `finally` of theirs is reached.

    Args:
        random: The source of the order; None for that in which tasks became ready.
        most_turns: How many turns it may make.

    Attributes:
        turns: How many turns there were.
    """

    def __init__(self, random: Random | None = None, most_turns: float = float("inf")) -> None:
        super().__init__()
        self.turns = 0
        self._random = random
        self._most_turns = most_turns
        self._now = 0.0
        self._numbers = count()
        self._ready: list[_Timer] = []
        self._timers: list[_Timer] = []
        self._killed: set[object] = set()
        self._of_killed: list[_Timer] = []
        self._tasks: dict[asyncio.Task[Any], None] = {}  # in the order of their begin
        self._is_ending = False

    def time(self) -> float:
        return self._now

    def run(self, main: Coroutine[Any, Any, T], *, process: object = None) -> asyncio.Task[T]:
        """Begin a task of a process; what it begins belongs to that process too."""
        context = copy_context()
        context.run(_process.set, process)
        return context.run(self.create_task, main)

    def kill(self, process: object) -> None:
        """End a process at once."""
        self._killed.add(process)

    def advance(self) -> None:
        """Make one turn.

        Raises:
            AssertionError: If nothing will ever happen, or something is tried again and again without a wait.
        """
        self.turns += 1
        assert self.turns < self._most_turns, "tasks do not wait"
        assert self._ready or self._timers, "tasks wait, and nothing will ever happen"
        self._pass_time(to_timer=not self._ready)
        batch, self._ready = self._ready, []
        if self._random is not None:
            self._random.shuffle(batch)
        for timer in batch:
            if timer.context.get(_process) in self._killed:
                self._of_killed.append(timer)
            elif not timer.handle.cancelled():
                timer.context.run(timer.callback, *timer.args)

    def run_until(self, is_over: Callable[[], bool]) -> None:
        """Make turns until something is so."""
        with self._running():
            while not is_over():
                self.advance()

    def end(self) -> None:
        """Cancel the tasks of all processes, so that none is left to the garbage collector."""
        self._is_ending = True
        self._killed.clear()
        self._ready += self._of_killed  # a task whose turn was withheld cannot be canceled before it has had it
        with self._running():
            while self._tasks:
                for task in list(self._tasks):
                    task.cancel()
                self.advance()
        self._timers.clear()
        self.close()

    def _pass_time(self, *, to_timer: bool) -> None:
        """Let the time of a turn pass, or that until the next timer. The timers whose time has come are ready then."""
        self._now += _TURN
        if to_timer:
            self._now = max(self._now, self._timers[0].when)
        while self._timers and self._timers[0].when <= self._now:
            self._ready.append(heapq.heappop(self._timers))

    @contextmanager
    def _running(self) -> Generator[None]:
        _set_running_loop(self)
        try:
            yield
        finally:
            _set_running_loop(None)

    # What asyncio needs of a loop, apart from what its base has.

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        context = copy_context() if context is None else context
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(_Timer(self._now, next(self._numbers), handle, callback, args, context))
        return handle

    def call_soon_threadsafe(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        return self.call_soon(callback, *args, context=context)

    def call_later(
        self, delay: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        context = copy_context() if context is None else context
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        timer = _Timer(when, next(self._numbers), handle, callback, args, context)
        heapq.heappush(self._timers, timer)
        return handle

    def run_in_executor(self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        """Call a function now: while a real thread worked, the loop would have nothing to wait for."""
        result: asyncio.Future[T] = self.create_future()
        try:
            result.set_result(func(*args))
        except Exception as error:
            result.set_exception(error)
        return result

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(
        self,
        coro: Generator[Any, None, T] | Coroutine[Any, Any, T],
        *,
        name: object = None,
        context: Context | None = None,
    ) -> asyncio.Task[T]:
        task = super().create_task(coro, name=name, context=context)
        self._tasks[task] = None
        task.add_done_callback(self._forget)
        return task

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        if not self._is_ending:
            raise context.get("exception") or AssertionError(context["message"])

    def _forget(self, task: asyncio.Task[Any]) -> None:
        del self._tasks[task]

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Do nothing: a canceled timer is skipped when its time has come."""
