"""Driving clients of every colour from ordinary tests: threads for the sync one, an event loop for the async one."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Self

from anyio.from_thread import start_blocking_portal

from fibonacci import UNSET, APIError, AsyncFibonacci, Fibonacci
from fibonacci.transports import AsyncSocketTransport, SocketTransport
from tests.kit.clock import FakeClock

Colour = Literal["sync", "asyncio", "trio"]
COLOURS: tuple[Colour, ...] = ("sync", "asyncio", "trio")
METHODS = ("GET", "PUT", "DELETE", "POST", "PATCH")
KEY = "sk-laboratory-0123456789"


@dataclass(frozen=True)
class Ended:
    """What became of a call: the value that it returned or the error that it raised, and the seconds it took."""

    value: Any
    error: Exception | None
    seconds: float

    @property
    def api_error(self) -> APIError:
        assert isinstance(self.error, APIError), self
        return self.error


class Driver:
    """Makes clients of one colour and calls their methods, many at a time where that is wanted."""

    def __init__(self, colour: Colour, clock: FakeClock | None = None) -> None:
        self.colour: Colour = colour
        self._clock = clock

    def client(self, base_url: str, **options: Any) -> Any:
        """A client; it is closed with the driver."""
        options = {"api_key": KEY, **options}
        if self._clock is not None:
            options["clock"] = self._clock.in_mode(is_async=self.colour != "sync")
        if self.colour == "sync":
            return self._resources.enter_context(Fibonacci(base_url=base_url, **options))
        client = AsyncFibonacci(base_url=base_url, **options)
        self._resources.callback(self.call, client.aclose)
        return client

    def socket_transport(self, **options: Any) -> Any:
        """A transport over the SDK's own connections, with other limits than the default."""
        made: Any = SocketTransport(**options) if self.colour == "sync" else AsyncSocketTransport(**options)
        self.close_later(made)
        return made

    def close_later(self, http_client: Any) -> None:
        """Close a given client with the driver."""
        if self.colour == "sync":
            self._resources.callback(http_client.close)
        else:
            self._resources.callback(self.call, http_client.aclose)

    def submit(self, method: Callable[..., Any], *args: Any, **named: Any) -> Future[Any]:
        """Begin a call; it goes on while the test does."""
        if self.colour == "sync":
            return self._threads.submit(method, *args, **named)

        async def run() -> Any:
            return await method(*args, **named)

        return self._portal.start_task_soon(run)

    def call(self, method: Callable[..., Any], *args: Any, **named: Any) -> Any:
        """Call, and return what the call returns."""
        return self.submit(method, *args, **named).result()

    def begin(self, method: Callable[..., Any], *args: Any, **named: Any) -> Future[Ended]:
        """Begin a call whose end will be recorded, error or not."""
        if self.colour == "sync":
            return self._threads.submit(_record, method, *args, **named)
        return self.submit(_record_async, method, *args, **named)

    def end(self, method: Callable[..., Any], *args: Any, **named: Any) -> Ended:
        """Call, and record how it ended."""
        return self.begin(method, *args, **named).result()

    def __enter__(self) -> Self:
        self._resources = ExitStack()
        if self.colour == "sync":
            self._threads = self._resources.enter_context(ThreadPoolExecutor(64))
        else:
            self._portal = self._resources.enter_context(start_blocking_portal(self.colour))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._resources.close()


def _record(method: Callable[..., Any], *args: Any, **named: Any) -> Ended:
    began = time.monotonic()
    try:
        value = method(*args, **named)
    except Exception as error:
        return Ended(None, error, time.monotonic() - began)
    return Ended(value, None, time.monotonic() - began)


async def _record_async(method: Callable[..., Awaitable[Any]], *args: Any, **named: Any) -> Ended:
    began = time.monotonic()
    try:
        value = await method(*args, **named)
    except Exception as error:
        return Ended(None, error, time.monotonic() - began)
    return Ended(value, None, time.monotonic() - began)


def call_each(colour: Colour, base_url: str, *, json: Any = UNSET, **options: Any) -> dict[str, Ended]:
    """Call with every method at the same time, each with a key of its own, so that none holds another up."""
    with Driver(colour) as driver:
        calls = {
            method: driver.begin(
                driver.client(base_url, api_key=f"{KEY}-{method}", **options).request, method, "/x", json=json
            )
            for method in METHODS
        }
        return {method: call.result() for method, call in calls.items()}


def all_fine(ended: dict[str, Ended]) -> bool:
    """Whether each method brought what the server answers when all is well."""
    return [one.value for one in ended.values()] == [{"fine": True}] * len(METHODS)


def longest(timeout: float) -> float:
    """How long a call may take at the most that was given so many seconds."""
    return 1.25 * timeout + 0.3


def always(seconds: float) -> Callable[..., float]:
    """A wait of the client's own choice that is known beforehand."""

    def wait(*_: object) -> float:
        return seconds

    return wait
