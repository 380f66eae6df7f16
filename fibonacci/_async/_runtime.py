"""What has no mechanical counterpart in the other mode: the system's clock, event loops.

This file and its twin in the other half are written by hand. Everything else in the synchronous half is derived.
asyncio and trio are used directly, because anyio's backend takes a tenth of a cold script's time to load, and can't be
loaded without a free file descriptor.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Coroutine, Hashable
from importlib import import_module
from time import monotonic
from time import time as unix_time
from typing import TYPE_CHECKING, Any, TypeVar, cast

from fibonacci._texts.suggestions import HintedList

T = TypeVar("T")

# How often a shielded function may be called: the end of `asyncio.run` cancels every task once.
_ATTEMPTS = 2


class AsyncSystemClock:
    """The clock of the machine."""

    monotonic = staticmethod(monotonic)
    time = staticmethod(unix_time)

    async def sleep(self, seconds: float) -> None:
        """Wait for that many seconds."""
        await (running_trio() or asyncio).sleep(seconds)


def import_calls() -> None:
    """Import what calls may need, except for `run_many`, so that no call imports anything on the event loop."""
    groups = ("executions", "health", "memory", "organizations", "registry", "tools", "versions", "workflows")
    for name in (*groups, "run"):
        import_module(f"fibonacci._async.{name}")
    for name in ("json", "tenacity", "fibonacci.models._reading", "fibonacci.models.page"):
        import_module(name)


async def resolve(name: str, value: T | Awaitable[T]) -> T:
    """Return what a function of the user returned, awaited when it is awaitable.

    Args:
        name: What the function was passed as, for the messages of the other mode.
        value: What it returned.
    """
    if isinstance(value, Awaitable):
        return await cast("Awaitable[T]", value)
    return value


async def shielded(function: Callable[[], Coroutine[Any, Any, object]], seconds: float) -> None:
    """Await a function to its end, but no longer than that many seconds, even if the caller is canceled.

    When `asyncio.run` ends, it cancels every task, including that of the function, which is then called once more.

    Raises:
        asyncio.CancelledError: At the end, if the task was canceled in the meantime.
    """
    trio = running_trio()
    if trio is not None:
        with trio.CancelScope(deadline=trio.current_time() + seconds, shield=True):
            await function()
        return
    task = asyncio.create_task(function())  # a cancellation of the caller doesn't reach it
    ends = monotonic() + seconds
    cancellation: asyncio.CancelledError | None = None
    attempts = 1
    while (left := ends - monotonic()) > 0:
        try:
            await asyncio.wait({task}, timeout=left)
        except asyncio.CancelledError as error:
            cancellation = error
        if task.done():
            if not task.cancelled() or cancellation is None or attempts == _ATTEMPTS:
                break
            attempts += 1
            task = asyncio.create_task(function())
    task.cancel()
    if cancellation is not None:
        if task.done() and not task.cancelled():
            raise cancellation from task.exception()
        raise cancellation
    if task.done() and not task.cancelled():
        task.result()


async def checkpoint() -> None:
    """Let other tasks run, and notice a cancellation."""
    trio = running_trio()
    if trio is not None:
        await trio.lowlevel.checkpoint()
        return
    for _ in range(3):  # turns of the loop: a task that sleeps is woken in the third after its time
        await asyncio.sleep(0)


def call_later(seconds: float, function: Callable[[], object]) -> bool:
    """Have the running event loop call a function later, or return False if that needs a task, as under trio."""
    if running_trio() is not None:
        return False
    asyncio.get_running_loop().call_later(seconds, function)
    return True


def current_loop() -> Hashable:
    """Return what identifies the running event loop: connections can't be moved from one to another."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return cast("Hashable", running_trio().lowlevel.current_trio_token())


class AsyncIterationHints(HintedList):
    """Explains the words of the other mode, to who uses them on a list. Type checkers report them too."""

    __slots__ = ()

    if not TYPE_CHECKING:

        def __iter__(self):
            raise TypeError(f"{type(self).__name__} is asynchronous: write `async for`, not `for`")

        def __await__(self):
            raise TypeError(
                f"{type(self).__name__} cannot be awaited: write `async for item in ...` for every item, or"
                f" `await ....{self._as_list}` for a list"
            )


class WakeEvent:
    """Ends the sleep of one task. Any thread may set it."""

    def __init__(self) -> None:
        self._event = _new_event()
        self._call_soon = _call_soon()

    def set(self) -> None:
        """End the present sleep, or the next one.

        Raises:
            RuntimeError: If the event loop is closed.
        """
        self._call_soon(self._set)

    async def sleep(self, seconds: float) -> None:
        """Sleep until the event is set, but no longer than that many seconds."""
        await _wait(self._event, seconds)
        if self._event.is_set():
            self._event = _new_event()

    def _set(self) -> None:
        self._event.set()


def turn() -> WakeEvent:
    """Return what ends the wait of the current task for its turn."""
    return WakeEvent()


def running_trio() -> Any:
    """Return the module of trio when it runs the current task, or None under asyncio."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return sys.modules["trio"]  # it is running, so it is imported
    return None


async def _wait(event: asyncio.Event, seconds: float | None) -> None:
    """Wait until an event is set, or that many seconds have passed."""
    trio = running_trio()
    if seconds == float("inf"):
        seconds = None
    if trio is None:
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                await event.wait()
        except TimeoutError:
            if not limit.expired():  # a signal handler raised it
                raise
    else:
        with trio.move_on_after(float("inf") if seconds is None else seconds):
            await event.wait()


def _new_event() -> asyncio.Event:
    """Return an event of the running event loop."""
    event: asyncio.Event = (running_trio() or asyncio).Event()
    return event


def _call_soon() -> Callable[[Callable[[], None]], object]:
    """Return what lets the running event loop call a function, from any thread."""
    trio = running_trio()
    if trio is None:
        return asyncio.get_running_loop().call_soon_threadsafe
    run_sync_soon: Callable[[Callable[[], None]], object] = trio.lowlevel.current_trio_token().run_sync_soon
    return run_sync_soon
