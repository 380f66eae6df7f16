"""One test for every mode: a `Mode` makes clients and transports, and carries out what their methods return."""

from __future__ import annotations

import inspect
import threading
import time
from collections.abc import Awaitable, Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Protocol, Self, cast

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal

from fibonacci import APIError, AsyncFibonacci, Fibonacci, Pager
from fibonacci.transports import AsyncSocketTransport, SocketTransport
from tests.kit.clock import FakeClock
from tests.kit.transport import ScriptedTransport

ModeName = Literal["sync", "asyncio", "trio"]
MODES: tuple[ModeName, ...] = ("sync", "asyncio", "trio")
TWO_MODES: tuple[ModeName, ...] = ("sync", "asyncio")
"""Enough where the event loop makes no difference."""

both_modes = pytest.mark.parametrize("mode", TWO_MODES, indirect=True)
"""For tests in which threads or the halves written by hand (`_runtime`, `_workers`, `_network`) make a difference."""

each_mode = pytest.mark.parametrize("mode", MODES, indirect=True)
"""For tests in which the event loop makes a difference as well."""


class Callee(Protocol):
    """What a client can call: a scripted server or transport, the emulator."""

    @property
    def api_key(self) -> str: ...
    @property
    def base_url(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Ended:
    """How a call ended: the value that it returned or the error that it raised, and the seconds it took."""

    value: Any
    error: Exception | None
    seconds: float

    @property
    def api_error(self) -> APIError:
        """The error, which must be one of a request."""
        assert isinstance(self.error, APIError), self
        return self.error


class Mode:
    """Sync or async: in sync mode calls run in threads, in async mode in an event loop in a thread.

    `mode.run(client.workflows.get("wf-1"))` is the workflow in every mode; `mode.begin(client.workflows.get, "wf-1")`
    begins the call and goes on. Clients and transports are closed when the mode ends.

    Args:
        name: `sync`, or the event loop.
        clock: The clock of the clients; None for the machine's.
        threads: How many calls of a sync client may be under way.
    """

    def __init__(self, name: ModeName, clock: FakeClock | None = None, *, threads: int = 64) -> None:
        self.name: ModeName = name
        self.is_async = name != "sync"
        self.clock = clock
        self._threads_at_most = threads
        self._to_close: list[Any] = []
        self._resources = ExitStack()
        self._lock = threading.Lock()  # the first calls may come from many threads at once
        self._executor: ThreadPoolExecutor | None = None
        self._loop: BlockingPortal | None = None

    def client(self, *args: Any, **options: Any) -> Any:
        """Make a client from the arguments of `Fibonacci`; clock and transport may be those of the kit."""
        clock = options.pop("clock", self.clock)
        if clock is not None:
            options["clock"] = clock.in_mode(is_async=self.is_async)
        if isinstance(transport := options.get("transport"), ScriptedTransport):
            options["transport"] = transport.in_mode(is_async=self.is_async)
        return self.close_later((AsyncFibonacci if self.is_async else Fibonacci)(*args, **options))

    def client_of(self, platform: Callee, **options: Any) -> Any:
        """Make a client of a server, a scripted transport or an emulator, with its key."""
        if isinstance(platform, ScriptedTransport):
            options["transport"] = platform
        return self.client(**{"api_key": platform.api_key, "base_url": platform.base_url, **options})

    def socket_transport(self, **options: Any) -> Any:
        """Make a transport over the SDK's own connections, with other limits than the default."""
        return self.close_later((AsyncSocketTransport if self.is_async else SocketTransport)(**options))

    def connections_of(self, transport: Any) -> list[Any]:
        """Return the open connections of a transport: in async mode those of the mode's event loop."""

        async def look() -> list[Any]:
            return list(transport._connections)

        return self._portal.call(look) if self.is_async else list(transport._connections)

    def close_later(self, resource: Any) -> Any:
        """Return a client or transport that is closed when the mode ends."""
        self._to_close.append(resource)
        return resource

    def close(self, resource: Any) -> None:
        """Close a client or transport by the method that this mode has for it."""
        self.run(resource.aclose() if self.is_async else resource.close())

    def run(self, result: Any) -> Any:
        """Bring what a call returns to a plain value: an awaitable is awaited, a pager or its pages become a list."""
        if self.is_async:
            return self._portal.call(_settled, result)
        return _plain(result)

    def each(self, items: Any, *visits: Callable[[Any], object]) -> None:
        """Visit item after item while iterating; in async mode, an awaitable visit is awaited."""
        if self.is_async:
            self._portal.call(_visited, items, visits)
        else:
            for item in items:
                for visit in visits:
                    visit(item)

    def begin(self, method: Callable[..., Any], *args: Any, **named: Any) -> Future[Ended]:
        """Begin a call; its end is recorded, whether it returns or raises."""
        if self.is_async:
            return self._portal.start_task_soon(lambda: _record_async(method, *args, **named))
        return self._threads.submit(_record, method, *args, **named)

    def end(self, method: Callable[..., Any], *args: Any, **named: Any) -> Ended:
        """Carry out a call, and return how it ended."""
        return self.begin(method, *args, **named).result()

    def forget(self) -> None:
        """Let go of everything and close no client, and close no client."""
        self._to_close.clear()
        self._resources.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._resources:
            for resource in reversed(self._to_close):
                self.close(resource)

    @property
    def _threads(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._executor is None:
                self._executor = self._resources.enter_context(ThreadPoolExecutor(self._threads_at_most))
            return self._executor

    @property
    def _portal(self) -> BlockingPortal:
        """The event loop, in its own thread."""
        with self._lock:
            if self._loop is None:
                self._loop = self._resources.enter_context(start_blocking_portal(self.name))
            return self._loop


@contextmanager
def mode_of(request: pytest.FixtureRequest) -> Generator[Mode]:
    """Enter the mode that a test asks for, else asyncio, with the test's clock when it has one."""
    clock = request.getfixturevalue("clock") if "clock" in request.fixturenames else None
    with Mode(getattr(request, "param", "asyncio"), clock) as mode:
        yield mode


def _record(method: Callable[..., Any], *args: Any, **named: Any) -> Ended:
    began = time.monotonic()
    try:
        value = _plain(method(*args, **named))
    except Exception as error:
        return Ended(None, error, time.monotonic() - began)
    return Ended(value, None, time.monotonic() - began)


async def _record_async(method: Callable[..., Awaitable[Any]], *args: Any, **named: Any) -> Ended:
    began = time.monotonic()
    try:
        value = await _settled(method(*args, **named))
    except Exception as error:
        return Ended(None, error, time.monotonic() - began)
    return Ended(value, None, time.monotonic() - began)


def _plain(result: Any) -> Any:
    return list(cast("Iterator[Any]", result)) if isinstance(result, (Pager, Iterator)) else result


async def _settled(result: Any) -> Any:
    if hasattr(result, "__aiter__"):
        return [item async for item in result]
    return await result if inspect.isawaitable(result) else result


async def _visited(items: Any, visits: Iterable[Callable[[Any], object]]) -> None:
    async for item in items:
        for visit in visits:
            visited = visit(item)
            if inspect.isawaitable(visited):
                await visited
