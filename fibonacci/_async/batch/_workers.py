"""What `run_many` needs of a mode: work in the background, and reading rows from either kind of iterable.

This file and its twin in the other half are written by hand, as `_runtime.py` is.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Callable, Coroutine, Generator, Iterable, Iterator
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from typing import Any

from fibonacci._async._runtime import WakeEvent, running_trio


class Inbox:
    """Functions to be called by the one task that waits for them. Workers and signal handlers put them in."""

    def __init__(self) -> None:
        self._functions: deque[Callable[[], object]] = deque()
        self._event = WakeEvent()

    def put(self, function: Callable[[], object]) -> None:
        """Add a function, from any thread or signal handler."""
        self._functions.append(function)
        if len(self._functions) == 1:
            with suppress(RuntimeError):  # the event loop is closed: nobody waits any more
                self._event.set()

    @property
    def is_empty(self) -> bool:
        """Whether there is no function now."""
        return not self._functions

    async def get(self, seconds: float | None) -> list[Callable[[], object]]:
        """Return the functions that were put in, waiting for the first no longer than that many seconds."""
        if not self._functions:
            await self._event.sleep(float("inf") if seconds is None else seconds)
        return [self._functions.popleft() for _ in range(len(self._functions))]


Work = Callable[[], Coroutine[Any, Any, Any]]
"""A piece of work without arguments."""

Report = Callable[[Any, BaseException | None], object]
"""Takes the value or the error of a piece of work."""

Steps = Generator[Work | None, tuple[Any, BaseException | None], None]
"""A generator that yields pieces of work, one after the other, and is resumed with the value or the error of each. It
yields None to wait until somebody resumes it."""


class Workers:
    """Carries out work in the background."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, work: Work, report: Report) -> None:
        """Start a piece of work, and report how it ends, even if it is canceled before it begins."""
        trio = running_trio()
        if trio is not None:

            async def carry_out() -> None:
                try:
                    value = await work()
                except BaseException as error:
                    report(None, error)
                    if not isinstance(error, Exception):
                        raise
                else:
                    report(value, None)

            trio.lowlevel.spawn_system_task(carry_out, context=copy_context())
            return
        task = asyncio.create_task(work())
        self._tasks.add(task)  # the event loop holds tasks weakly
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(partial(_report, report))


def _report(report: Report, task: asyncio.Task[Any]) -> None:
    error = asyncio.CancelledError() if task.cancelled() else task.exception()
    report(None if error is not None else task.result(), error)


AsyncRows = Iterable[Any] | AsyncIterable[Any]
"""What `run_many` can read rows from."""

ROW_METHODS = ("__iter__", "__aiter__")
"""The methods that make a value iterable here. One of them is enough."""


class RowSource:
    """Reads rows, one after the other, from an iterable of either kind.

    Args:
        rows: The iterable.

    Attributes:
        may_wait: Whether reading a row may have to wait, so that it must happen in the background.
    """

    def __init__(self, rows: AsyncRows) -> None:
        self.may_wait: bool = not isinstance(rows, Iterable)
        self._iterator: Iterator[Any] | AsyncIterator[Any] = iter(rows) if isinstance(rows, Iterable) else aiter(rows)

    async def read(self, default: Any) -> Any:
        """Return the next row, or a default when there is none."""
        if isinstance(self._iterator, Iterator):
            return next(self._iterator, default)
        return await anext(self._iterator, default)


LOOP_ENDS = (StopIteration, StopAsyncIteration)
"""Errors that would silently end a loop if a function of the user's raised them."""
