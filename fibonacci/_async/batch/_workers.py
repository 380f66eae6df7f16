"""What running many rows needs of a mode: work beside the iteration, and the iteration over rows of either kind.

This file and its twin in the other half are written by hand, as `_runtime.py` is.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Callable, Coroutine, Generator, Iterable, Iterator
from contextlib import suppress
from contextvars import copy_context
from typing import Any, TypeVar

from fibonacci._async._runtime import WakeEvent, running_trio

T = TypeVar("T")


async def run_in_thread(function: Callable[[], T]) -> T:
    """Carry out a function that may wait, in a thread. A cancellation comes after its end, and after its result."""
    trio = running_trio()
    if trio is not None:
        with trio.CancelScope(shield=True):
            result: T = await trio.to_thread.run_sync(function)
        return result
    task = asyncio.current_task()
    future = asyncio.get_running_loop().run_in_executor(None, function)
    cancellations = 0
    while not future.done():
        try:
            await asyncio.wait([future])
        except asyncio.CancelledError:
            cancellations += 1
    if task is not None:  # which is canceled at its next wait
        for _ in range(cancellations):
            task.uncancel()
            task.cancel()
    return future.result()


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

    async def get(self, seconds: float | None) -> list[Callable[[], object]]:
        """Return the functions that were put in, waiting for the first no longer than that many seconds."""
        if not self._functions:
            await self._event.sleep(float("inf") if seconds is None else seconds)
        return [self._functions.popleft() for _ in range(len(self._functions))]


Work = Callable[[], Coroutine[Any, Any, Any]]
"""A piece of work without arguments."""

Steps = Generator[Work | None, tuple[Any, BaseException | None], None]
"""What yields pieces of work, one after the other, and goes on with the value or the error of each. With None, it waits
until it is told to go on."""


class Workers:
    """Carries out work beside the task that gives it out. The work handles its own exceptions."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, work: Work, ended: Callable[[], object]) -> None:
        """Start a piece of work, and call `ended` when it is over, even if it was canceled before it began."""
        trio = running_trio()
        if trio is not None:

            async def carry_out() -> None:
                try:
                    await work()
                finally:
                    ended()

            trio.lowlevel.spawn_system_task(carry_out, context=copy_context())
            return
        task = asyncio.create_task(work())
        self._tasks.add(task)  # the event loop holds tasks weakly
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: ended())


AsyncRows = Iterable[Any] | AsyncIterable[Any]
"""What `run_many` can read rows from."""

ROW_METHODS = ("__iter__", "__aiter__")
"""The methods of which such an object has one."""


class RowSource:
    """Reads rows, one after the other, from an iterable of either kind.

    Args:
        rows: The iterable.

    Attributes:
        may_wait: Whether reading a row may wait, so that it has to be done beside everything else.
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
"""The errors that, raised by a function of the user's, would end a loop in silence."""
