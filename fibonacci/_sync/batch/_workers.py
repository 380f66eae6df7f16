"""What `run_many` needs of a mode: work in the background, and reading rows.

This file and its twin in the other half are written by hand, as `_runtime.py` is.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import suppress
from contextvars import copy_context
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any, TypeVar

from fibonacci._sync._runtime import LONGEST_SLEEP

# Seconds for which an idle thread waits for more work.
_IDLE = 5.0


T = TypeVar("T")


class Inbox:
    """Functions to be called by the one thread that waits for them. Workers and signal handlers put them in."""

    def __init__(self) -> None:
        self._functions: SimpleQueue[Callable[[], object]] = SimpleQueue()  # which signal handlers may use

    def put(self, function: Callable[[], object]) -> None:
        """Add a function, from any thread or signal handler."""
        self._functions.put(function)

    @property
    def is_empty(self) -> bool:
        """Whether there is no function now."""
        return self._functions.empty()

    def get(self, seconds: float | None) -> list[Callable[[], object]]:
        """Return the functions that were put in, waiting for the first no longer than so many seconds."""
        ends = monotonic() + (threading.TIMEOUT_MAX if seconds is None else min(seconds, threading.TIMEOUT_MAX))
        found: list[Callable[[], object]] = []
        while not found:
            with suppress(Empty):
                found.append(self._functions.get(timeout=min(max(0.0, ends - monotonic()), LONGEST_SLEEP)))
            if monotonic() >= ends:
                break
        with suppress(Empty):
            while True:
                found.append(self._functions.get_nowait())
        return found


Work = Callable[[], Any]
"""A piece of work without arguments."""

Report = Callable[[Any, BaseException | None], object]
"""Takes the value or the error of a piece of work."""

Steps = Generator[Work | None, tuple[Any, BaseException | None], None]
"""A generator that yields pieces of work, one after the other, and is resumed with the value or the error of each. It
yields None to wait until somebody resumes it."""


class Workers:
    """Carries out work in threads, as many as there is work at a time.

    They are daemon threads, so a program that is interrupted twice doesn't wait for their requests.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle = 0  # negative where work waits for a thread that is at work
        self._threads: set[threading.Thread] = set()
        self._work: SimpleQueue[Callable[[], object]] = SimpleQueue()

    def start(self, work: Work, report: Report) -> None:
        """Start a piece of work, and report how it ends. If no thread can be started, it waits for one.

        Raises:
            RuntimeError: If no thread can be started, and there is none to wait for. The work isn't carried out.
        """
        context = copy_context()

        def carry_out() -> None:
            try:
                value = context.run(work)
            except BaseException as error:  # which ends the row or the batch, not this thread
                report(None, error)
            else:
                report(value, None)

        with self._lock:
            has_idle = self._idle > 0
            self._idle -= has_idle
        if has_idle or not self._start_thread(carry_out):
            self._work.put(carry_out)

    def _start_thread(self, first: Callable[[], object]) -> bool:
        """Start a thread that begins with a piece of work, or return False if it has to wait for another thread."""
        thread = threading.Thread(target=self._run, args=(first,), name="fibonacci-run-many", daemon=True)
        self._threads.add(thread)
        try:
            thread.start()
        except RuntimeError:  # the system has no thread left for the process, or no memory for one
            with self._lock:
                self._threads.discard(thread)
                if not any(each.is_alive() for each in self._threads):
                    raise
                self._idle -= 1
            return False
        return True

    def _run(self, work: Callable[[], object]) -> None:
        while True:
            work()
            del work
            with self._lock:
                self._idle += 1
            while True:
                try:
                    work = self._work.get(timeout=_IDLE)
                    break
                except Empty:
                    with self._lock:
                        if self._idle > 0:
                            self._idle -= 1
                            self._threads.discard(threading.current_thread())
                            return
                    # work was given to this thread meanwhile


Rows = Iterable[Any]
"""What `run_many` can read rows from."""

ROW_METHODS = ("__iter__",)
"""The methods that make a value iterable here. One of them is enough."""


class RowSource:
    """Reads rows, one after the other.

    Args:
        rows: The iterable.

    Attributes:
        may_wait: Whether reading a row may have to wait, so that it must happen in the background.
    """

    def __init__(self, rows: Rows) -> None:
        self.may_wait: bool = False
        self._iterator: Iterator[Any] = iter(rows)

    def read(self, default: Any) -> Any:
        """Return the next row, or a default when there is none."""
        return next(self._iterator, default)


LOOP_ENDS = (StopIteration, StopAsyncIteration)
"""Errors that would silently end a loop if a function of the user's raised them."""
