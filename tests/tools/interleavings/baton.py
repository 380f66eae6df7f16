"""Threads of which exactly one runs at a time: the one that has the baton. Who gets it next is a choice that is given.

A thread may lose the baton before every line of the files that are explored, and wherever it would wait: the locks,
events, queues and clocks of the modules are replaced by those below, which hand the baton over in place of blocking.
Time passes only when a wait ends by its timeout.
"""

from __future__ import annotations

import _thread
import importlib
import queue
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from types import FrameType, ModuleType, SimpleNamespace
from typing import Any
from unittest import mock

from tests.kit.clock import START

MOST_POINTS = 20_000
_LONGEST_STALL = 10.0  # seconds for which a thread that could go on may stand still: shorter waits may end meanwhile
_ONE_TURN = 1e-6  # seconds by which time passes at each wait, so that a loop over a clock ends


class RunAbandoned(BaseException):
    """Ends the threads of a run in which a fault was found."""


class BadRun(Exception):
    """A run did what must not happen."""


class _Thread:
    """A thread of the run.

    Attributes:
        is_free: Whether what it waits for has happened; None when it waits for nothing.
        wakes_at: When its wait ends at the latest.
        is_late: Whether its wait ended by its timeout.
    """

    def __init__(self, number: int, body: Callable[[], object]) -> None:
        self.number = number
        self.body = body
        self.gate = _thread.allocate_lock()
        self.gate.acquire()
        self.is_free: Callable[[], bool] | None = None
        self.wakes_at: float | None = None
        self.is_late = False
        self.has_ended = False
        self.ident = 0


class Baton:
    """One run of several threads.

    Args:
        files: The files before whose lines another thread may run.
        choices: Which option is taken at which point, by its number; at the others it is the first.
        may_preempt: Whether a thread that could go on may be preempted behind the last of these points.
        has_trail: Whether to record the turns.

    Attributes:
        decisions: What the options cost at each point, behind the last choice, that has several: 1 for those by which a
            thread is preempted.
        trail: The number of the thread, the file and the line of each turn.
        points: How many points were passed.
        now: The time.
        is_explored: Whether what the threads do now is to be tried in other orders too. A body may leave out what only
            leads to what it is about.
    """

    def __init__(
        self, files: frozenset[str], choices: Mapping[int, int], *, may_preempt: bool = True, has_trail: bool = False
    ) -> None:
        self.decisions: dict[int, list[int]] = {}
        self.trail: list[tuple[int, str, int]] = []
        self.points = 0
        self.now = 1000.0
        self.is_explored = True
        self._patches = ExitStack()
        self._files = files
        self._choices = choices
        self._last = max(choices, default=-1)
        self._may_preempt = may_preempt
        self._has_trail = has_trail
        self._threads: list[_Thread] = []
        self._current: _Thread | None = None
        self._end = _thread.allocate_lock()
        self._fault: BaseException | None = None
        self._is_abandoned = False

    def run_all(self, bodies: Sequence[Callable[[], object]]) -> None:
        """Run functions, each in a thread, and wait until all threads have ended.

        Raises:
            BadRun: If a function failed, no thread can run any more, or they never end.
        """
        self._end.acquire()
        for body in bodies:
            self.spawn(body)
        self._hand_over(None)
        self._end.acquire()
        if self._fault is not None:
            raise BadRun("".join(traceback.format_exception(self._fault)).strip()) from None

    def spawn(self, body: Callable[[], object]) -> _Thread:
        """Begin a thread, which runs when it is given the baton."""
        thread = _Thread(len(self._threads), body)
        self._threads.append(thread)
        thread.ident = _thread.start_new_thread(self._carry, (thread,))
        return thread

    def replace(self, owner: Any, name: str, value: Any) -> None:
        """Replace an attribute of an object, a class or a module for the time of the run."""
        self._patches.enter_context(mock.patch.object(owner, name, value))

    def report(self) -> str:
        """Return where each thread ran between two changes."""
        lines: list[str] = []
        last = -1
        for number, file, line in self.trail:
            if number == last:
                lines[-1] = (
                    f"{lines[-1].partition(' to ')[0]} to {line}"
                    if short(file) in lines[-1]
                    else f"{lines[-1]}, {short(file)}:{line}"
                )
            else:
                lines.append(f"  thread {number}: {short(file)}:{line}")
            last = number
        return "\n".join(lines)

    def patches(self) -> ExitStack:
        """Return what ends the replacements."""
        return self._patches

    def point(self) -> None:
        """Let another thread run, if that is the choice."""
        current = self._own()
        if current is not None:
            self.points = number = self.points + 1
            if number > MOST_POINTS:
                self._abandon(BadRun("the threads never end"))
            if number in self._choices or (self._may_preempt and number > self._last):
                self._hand_over(current)

    def wait(self, is_free: Callable[[], bool], seconds: float | None = None) -> bool:
        """Wait until something is so; return False if the time was up before."""
        current = self._own()
        if current is None:
            if not is_free() and seconds is None:
                raise BadRun("what no thread holds any more is waited for without an end")
            return is_free()
        self.points += 1
        self.now += _ONE_TURN
        current.is_free, current.is_late = is_free, False
        current.wakes_at = None if seconds is None else self.now + max(0.0, seconds)
        try:
            self._hand_over(current)
            return is_free()
        finally:
            current.is_free = current.wakes_at = None

    def ident(self) -> int:
        """Return the number of the running thread; -1 outside the run."""
        return -1 if self._current is None else self._current.number

    def _own(self) -> _Thread | None:
        """Return the running thread; None when the caller is not of the run."""
        current = self._current
        if current is None or current.ident != _thread.get_ident():
            return None
        if self._is_abandoned:
            raise RunAbandoned
        return current

    def _carry(self, thread: _Thread) -> None:
        thread.gate.acquire()
        thread.ident = _thread.get_ident()
        try:
            if not self._is_abandoned:
                sys.settrace(self._trace)
                try:
                    thread.body()
                finally:
                    sys.settrace(None)
        except RunAbandoned:
            pass
        except BaseException as error:
            self._fault, self._is_abandoned = error, True
        thread.has_ended = True
        thread.body = _thread.get_ident  # what it refers to ends with the thread
        self.points += 1
        with suppress(RunAbandoned):
            self._hand_over(None)
        if self._is_abandoned:
            self._end_next()

    def _trace(self, frame: FrameType, event: str, argument: Any) -> Callable[..., Any] | None:
        return self._trace_lines if frame.f_code.co_filename in self._files else None

    def _trace_lines(self, frame: FrameType, event: str, argument: Any) -> Callable[..., Any]:
        if event == "line":
            if self._has_trail and self._current is not None:
                self.trail.append((self._current.number, frame.f_code.co_filename, frame.f_lineno))
            self.point()
        return self._trace_lines

    def _options(self, current: _Thread | None) -> tuple[list[_Thread], list[int]]:
        """Return the threads that may run now, the one that is to run by default first, and what each costs."""
        ready: list[_Thread] = []
        late: list[_Thread] = []
        for thread in self._threads:
            if thread.has_ended:
                continue
            if thread.is_free is None or thread.is_free() or (thread.wakes_at or self.now + 1) <= self.now:
                ready.append(thread)
            elif thread.wakes_at is not None:
                late.append(thread)
        late.sort(key=lambda thread: thread.wakes_at or 0.0)
        if ready and late and (late[0].wakes_at or 0.0) - self.now > _LONGEST_STALL:
            late.clear()
        costs = [0] * len(ready)
        if current in ready:
            ready.remove(current)
            ready.insert(0, current)
            costs = [0] + [1] * (len(ready) - 1)
        costs += [1 if ready else 0] * len(late[:1])
        return ready + late[:1], costs

    def _hand_over(self, current: _Thread | None) -> None:
        """Give the baton to the thread that is chosen, and wait until it comes back."""
        if self._is_abandoned:
            raise RunAbandoned
        options, costs = self._options(current)
        if not options:
            if not all(thread.has_ended for thread in self._threads):
                self._abandon(BadRun(f"a deadlock: {self._places()}"))
            self._end.release()
            return
        chosen = options[self._choices.get(self.points, 0)]
        if len(options) > 1 and self.points > self._last and self.is_explored:
            self.decisions[self.points] = costs
        if chosen.wakes_at is not None and chosen.is_free is not None and not chosen.is_free():
            self.now = max(self.now, chosen.wakes_at)
        if chosen is not current:
            self._current = chosen
            chosen.gate.release()
            if current is not None:
                current.gate.acquire()
                if self._is_abandoned:
                    raise RunAbandoned

    def _abandon(self, fault: BadRun) -> None:
        self._fault, self._is_abandoned = fault, True
        raise RunAbandoned

    def _end_next(self) -> None:
        """Let the threads of a run that is abandoned end one after the other."""
        left = next((thread for thread in self._threads if not thread.has_ended), None)
        if left is None:
            self._end.release()
        else:
            self._current = left
            left.gate.release()

    def _places(self) -> str:
        frames = sys._current_frames()  # pyright: ignore[reportPrivateUsage]  # documented
        places: list[str] = []
        for thread in self._threads:
            frame = frames.get(thread.ident)
            while frame is not None and frame.f_code.co_filename not in self._files:
                frame = frame.f_back
            if frame is not None and not thread.has_ended:
                places.append(f"thread {thread.number} waits in {short(frame.f_code.co_filename)}:{frame.f_lineno}")
        return "; ".join(places)


def short(file: str) -> str:
    """Return the path of a file within the package."""
    return file.rpartition("/fibonacci/")[2]


class Replacements:
    """What blocks in some modules, and their clocks: what it is replaced by while a run lasts."""

    def __init__(self, modules: Sequence[ModuleType]) -> None:
        originals = {**_originals(threading, _of_threading(None)), **_originals(time, _of_time(None))}
        originals |= {id(threading): "threading", id(time): "clocks", id(queue.SimpleQueue): "SimpleQueue"}
        self._places = [
            (vars(module), name, value, originals[id(value)])
            for module in modules
            for name, value in vars(module).items()
            if id(value) in originals
        ]

    @contextmanager
    def of(self, baton: Any) -> Generator[None]:
        """Replace them while the block lasts."""
        found = {**_of_threading(baton), **_of_time(baton), "SimpleQueue": partial(_SimpleQueue, baton)}
        found["threading"] = SimpleNamespace(**{**vars(threading), **_of_threading(baton)})
        found["clocks"] = SimpleNamespace(**{**vars(time), **_of_time(baton)})
        with baton.patches():
            try:
                for variables, name, _, original in self._places:
                    variables[name] = found[original]
                yield
            finally:
                for variables, name, value, _ in self._places:
                    variables[name] = value


def _originals(module: ModuleType, names: Iterable[str]) -> dict[int, str]:
    return {id(getattr(module, name)): name for name in names}


def _of_threading(baton: Any) -> dict[str, Any]:
    return {
        "Lock": partial(_Lock, baton, is_reentrant=False),
        "RLock": partial(_Lock, baton, is_reentrant=True),
        "Event": partial(_Event, baton),
        "Condition": partial(_Condition, baton),
        "Thread": partial(_ThreadOfModule, baton),
        "get_ident": lambda: baton.ident(),
    }


def _of_time(baton: Any) -> dict[str, Any]:
    def sleep(seconds: float) -> None:
        baton.wait(lambda: False, seconds)

    return {
        "monotonic": lambda: baton.now,
        "time": lambda: START + baton.now,
        "sleep": sleep,
    }


class _Lock:
    def __init__(self, baton: Baton, *, is_reentrant: bool) -> None:
        self._baton = baton
        self._is_reentrant = is_reentrant
        self._owner: int | None = None
        self._depth = 0

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        self._baton.point()
        if self._owner is not None and not (self._is_reentrant and self._owner == self._baton.ident()):
            seconds = 0.0 if not blocking else None if timeout < 0 else timeout
            if seconds == 0.0 or not self._baton.wait(lambda: self._owner is None, seconds):
                return False
        self._owner = self._baton.ident()
        self._depth += 1
        return True

    def release(self) -> None:
        if self._depth == 0:
            raise RuntimeError("release unlocked lock")
        self._depth -= 1
        if self._depth == 0:
            self._owner = None

    def locked(self) -> bool:
        return self._owner is not None

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *error: object) -> None:
        self.release()


class _Event:
    def __init__(self, baton: Baton) -> None:
        self._baton = baton
        self._is_set = False

    def is_set(self) -> bool:
        return self._is_set

    def set(self) -> None:
        self._baton.point()
        self._is_set = True

    def clear(self) -> None:
        self._is_set = False

    def wait(self, timeout: float | None = None) -> bool:
        self._baton.point()
        return self._is_set or self._baton.wait(self.is_set, timeout)


class _Condition:
    def __init__(self, baton: Baton, lock: _Lock | None = None) -> None:
        self._baton = baton
        self._lock = lock or _Lock(baton, is_reentrant=True)
        self._waiters: deque[_Event] = deque()
        self.acquire = self._lock.acquire
        self.release = self._lock.release

    def __enter__(self) -> bool:
        return self._lock.acquire()

    def __exit__(self, *error: object) -> None:
        self._lock.release()

    def wait(self, timeout: float | None = None) -> bool:
        turn = _Event(self._baton)
        self._waiters.append(turn)
        self._lock.release()
        try:
            was_notified = self._baton.wait(turn.is_set, timeout)
            if not was_notified:
                self._waiters.remove(turn)
            return was_notified
        finally:
            self._lock.acquire()

    def wait_for(self, predicate: Callable[[], bool], timeout: float | None = None) -> bool:
        ends = None if timeout is None else self._baton.now + timeout
        while not predicate() and (ends is None or self._baton.now < ends):
            self.wait(None if ends is None else ends - self._baton.now)
        return predicate()

    def notify(self, n: int = 1) -> None:
        for _ in range(min(n, len(self._waiters))):
            self._waiters.popleft().set()

    def notify_all(self) -> None:
        self.notify(len(self._waiters))


class _SimpleQueue:
    def __init__(self, baton: Baton) -> None:
        self._baton = baton
        self._items: deque[Any] = deque()

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        self._baton.point()
        self._items.append(item)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        self._baton.point()
        if not self._items and not (block and self._baton.wait(lambda: bool(self._items), timeout)):
            raise queue.Empty
        return self._items.popleft()

    def get_nowait(self) -> Any:
        return self.get(block=False)

    def empty(self) -> bool:
        return not self._items

    def qsize(self) -> int:
        return len(self._items)


class _ThreadOfModule:
    def __init__(
        self,
        baton: Baton,
        *,
        target: Callable[..., object],
        name: str = "",
        args: Sequence[Any] = (),
        daemon: bool | None = None,
    ) -> None:
        self._baton = baton
        self._target = target
        self._arguments = args
        self.name = name
        self._thread: _Thread | None = None

    def start(self) -> None:
        self._baton.point()
        self._thread = self._baton.spawn(lambda: self._target(*self._arguments))

    def is_alive(self) -> bool:
        return self._thread is not None and not self._thread.has_ended

    def join(self, timeout: float | None = None) -> None:
        self._baton.wait(lambda: not self.is_alive(), timeout)


def modules_of(names: Sequence[str]) -> list[ModuleType]:
    """Import modules of the package, named without it."""
    return [importlib.import_module(f"fibonacci.{name}") for name in names]
