"""The scenarios of tasks: as those of threads, with a cancellation of one of them before each turn besides."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from importlib import import_module
from typing import Any
from unittest import mock

from fibonacci import APIConnectionError, AsyncFibonacci
from fibonacci._core import shared_limits
from fibonacci._core.messages import Deadline, HTTPRequest, HTTPResponse
from fibonacci._core.transport_errors import TransportError
from fibonacci._core.window import Admission, Delay
from tests.kit.transport import http_response
from tests.tools.interleavings.explorer import PREEMPTIONS, Bodies, SharedScenario
from tests.tools.interleavings.scenarios import REQUEST, RunClock, limited_response
from tests.tools.interleavings.turns import TaskRun

TASK_SCENARIOS: list[SharedScenario] = []


def _scenario(
    name: str, *modules: str, beside: tuple[str, ...] = ("_async._runtime",), deviations: int = PREEMPTIONS
) -> Callable[[Any], Any]:
    """Add a scenario, with so many turns out of order."""

    def add(build: Callable[[TaskRun], Bodies]) -> Callable[[TaskRun], Bodies]:
        TASK_SCENARIOS.append(SharedScenario(f"tasks: {name}", modules, beside, build, TaskRun, deviations))
        return build

    return add


@_scenario("capacity limiter", "_async.transports.loops")
def _capacity(run: TaskRun) -> Bodies:
    """Check that no place is lost: three calls, one of them with little time."""
    from fibonacci._async.transports.loops import AsyncCapacityLimiter, AsyncCapacityShare

    limiter = AsyncCapacityLimiter(1)
    inside: list[int] = []

    async def call(seconds: float) -> None:
        share = AsyncCapacityShare()
        began = run.now
        try:
            if await limiter.acquire(share, seconds):
                inside.append(1)
                assert len(inside) <= limiter.total, "more callers proceed than may"
                try:
                    await asyncio.sleep(0)
                finally:
                    inside.pop()
        finally:
            limiter.release(share)
        assert run.now < began + 30, "a call sleeps while a place is free"

    def check() -> None:
        assert limiter.in_use == 0, f"{limiter.in_use} are in use"
        assert limiter.acquire_nowait(AsyncCapacityShare()), "the place is lost"

    return Bodies([lambda: call(60), lambda: call(1), lambda: call(60)], check)


class _TurnedConnection:
    """A connection that is used by one call at a time, and is closed once at the end."""

    def __init__(self, run: TaskRun, made: list[_TurnedConnection]) -> None:
        self._run = run
        self.users = 0
        self.is_closed = False
        self.is_reusable = False
        self.exchanges = 0
        self.began_at = self.ended_at = run.now
        self.response_time = 0.0
        made.append(self)

    def is_ended(self) -> bool:
        return self.is_closed

    async def exchange(self, request: HTTPRequest, deadline: Deadline, limit: int, *rest: object) -> HTTPResponse:
        assert not self.is_closed, "a closed connection is used"
        assert not self.users, "two calls use one connection"
        self.users += 1
        self.exchanges += 1
        self.is_reusable = False
        try:
            await asyncio.sleep(0)
        finally:
            self.users -= 1
        assert not self.is_closed, "a connection is closed while it is used"
        self.is_reusable = True
        self.ended_at = self._run.now
        return http_response()

    def fileno(self) -> int:
        return 9999

    def close(self) -> None:
        assert not self.users, "a connection is closed while it is used"
        self.is_closed = True


class _TurnedConnector:
    proxy = None

    def __init__(self, run: TaskRun, made: list[_TurnedConnection]) -> None:
        self._run = run
        self._made = made

    async def connect(self, deadline: Deadline, phases: object) -> _TurnedConnection:
        await asyncio.sleep(0)
        return _TurnedConnection(self._run, self._made)


def _pool(run: TaskRun, made: list[_TurnedConnection], origin: str = "") -> Any:
    pool: Any = import_module("fibonacci._async.transports.socket_transport")
    options: Any = {"max_connections": 1, "max_idle_connections": 1, "idle_timeout": 15.0}
    return pool.AsyncConnectionPool(_TurnedConnector(run, made), options)


@_scenario("connection pool", "_async.transports.socket_transport", "_async.transports.loops")
def _connection_pool(run: TaskRun) -> Bodies:
    """Two calls, one of which queues, and the idle connections are closed beside them."""
    made: list[_TurnedConnection] = []
    pool: Any = _pool(run, made)

    async def send() -> None:
        await pool.send(REQUEST, RunClock(run).deadline(5), 1000, pool.close_idle)

    async def close_idle() -> None:
        pool.close_idle()

    def check() -> None:
        idle = pool.connections
        assert not pool._active, "a connection counts as in use"
        assert pool._capacity.in_use == 0, "capacity is lost"
        assert all(each.is_closed != (each in idle) for each in made), "a connection is neither kept nor closed"
        run.complete(send())

    run.complete(send())
    return Bodies([send, send, close_idle], check)


@_scenario(
    "aclose() of a transport",
    "_async.transports.socket_transport",
    beside=("_async._runtime", "_async.transports.loops"),
)
def _transport_close(run: TaskRun) -> Bodies:
    """Close a transport beside two calls: nothing stays open that nobody can close any more."""
    from fibonacci._async.transports import socket_transport

    made: list[_TurnedConnection] = []
    transport: Any = socket_transport.AsyncSocketTransport(max_connections=1, max_idle_connections=1)
    run.replace(socket_transport, "AsyncConnector", mock.Mock(return_value=_TurnedConnector(run, made)))

    async def send() -> None:
        with suppress(TransportError):
            await transport.send(REQUEST, RunClock(run).deadline(5))

    def check() -> None:
        kept = transport._connections
        assert all(each.is_closed or each in kept for each in made), "a connection stays open in a pool that is dropped"
        run.complete(send())

    run.complete(send())
    return Bodies([send, send, transport.aclose], check)


class _TurnedPlatform:
    """A transport whose responses take a turn.

    Attributes:
        sent: The paths of the requests that were received.
        answered: Those whose response the client has.
    """

    def __init__(self, *bodies: Any) -> None:
        self._responses = [body if isinstance(body, HTTPResponse) else http_response(body) for body in bodies]
        self.sent: list[str] = []
        self.answered: list[str] = []

    async def send(self, request: HTTPRequest, deadline: Deadline) -> HTTPResponse:
        response = self._responses[min(len(self.sent), len(self._responses) - 1)]
        self.sent.append(request.target)
        await asyncio.sleep(0)
        self.answered.append(request.target)
        return response

    async def aclose(self) -> None: ...


def _client(run: TaskRun, *bodies: Any) -> tuple[Any, _TurnedPlatform]:
    run.replace(shared_limits, "_shared", OrderedDict())  # what an earlier run has learned would be known
    platform = _TurnedPlatform(*bodies)
    client: Any = AsyncFibonacci("key", base_url="http://127.0.0.1:9", transport=platform, timeout=60, max_retries=0)
    client._requestor._machine_clock = RunClock(run)
    return client, platform


@_scenario("iterator of a list", "_async.resource", "_system.concurrency")
def _iterator(run: TaskRun) -> Bodies:
    """Two tasks share an iterator: one is refused; each item is yielded once, and none is lost by a cancellation."""
    client, _ = _client(run, {"data": [{"id": name, "name": name} for name in "ab"]})
    items: AsyncIterator[Any] = aiter(client.tools.list())
    got: list[str] = []

    async def read() -> None:
        with suppress(RuntimeError):
            while (item := await anext(items, None)) is not None:
                got.append(item.name)

    def check() -> None:
        run.complete(read())
        assert sorted(got) == ["a", "b"], f"items were lost or yielded twice: {got}"

    return Bodies([read, read], check)


@_scenario("workers of a batch", "_async.batch._workers", "_async.batch.context")
def _workers(run: TaskRun) -> Bodies:
    """Work beside the task that iterates, until the journal is closed: once, and after the ends of all workers."""
    from fibonacci._async.batch import context as contexts
    from tests.tools.interleavings.scenarios import batch_options

    part: Any = mock.Mock()
    context: Any = contexts.AsyncBatchContext(part, part, batch_options(), mock.Mock(), None, None, None, part, 0)
    at_work: list[int] = []
    closed: list[int] = []
    began: list[int] = []
    context.journal.close = lambda: closed.append(len(at_work))

    async def piece() -> None:
        at_work.append(1)
        try:
            await asyncio.sleep(0)
        finally:
            at_work.pop()

    def steps() -> Any:
        yield piece

    async def iterate() -> None:
        began.append(1)
        try:
            for _ in range(2):
                context.drive(steps())
            ends = run.now + 30
            while not context.is_idle and run.now < ends:
                for function in await context.inbox.get(10.0):
                    function()
        finally:
            context.close_soon()

    def check() -> None:
        assert not context.has_work, "work that has ended counts as under way"
        assert not began or set(closed) == {0}, f"closed while so many are at work: {closed}"

    return Bodies([iterate], check)


@_scenario("rate limiter", "_core.shared_limits")
def _rate_limiter(run: TaskRun) -> Bodies:
    """Two calls where one is admitted at a time, and a reset: each is admitted once, and nothing stays in use."""
    from fibonacci._async import _runtime
    from fibonacci._core.shared_limits import SharedLimits

    limits: Any = SharedLimits()

    def delay(now: float) -> Delay | None:
        return Delay(30.0, is_fixed=False) if limits.in_flight else None  # one at a time

    run.replace(limits._window, "delay", delay)

    async def call() -> None:
        event = _runtime.WakeEvent()
        admission = Admission(event.set)
        try:
            while (delay := limits.acquire(admission, run.now)) is not None:
                before = run.now
                await event.sleep(delay.seconds)
                assert run.now - before < 29, "a call that may be sent sleeps on"
            await asyncio.sleep(0)
        finally:
            limits.settle(admission, None, run.now)

    async def reset() -> None:
        limits.reset(run.now)

    def check() -> None:
        assert (limits.in_flight, limits.queued) == (0, 0), "something counts as in flight or queued"

    return Bodies([call, call, reset], check)


@_scenario(
    "aclose() of a client",
    "_async.shared_state",
    "_async.rate_limit_wait",
    "_async.requestor",
    beside=("_async._runtime", "_core.shared_limits", "_core.messages"),
)
def _client_close(run: TaskRun) -> Bodies:
    """Close a client beside a call that waits for the rate limit, which does not wait on."""
    client, _ = _client(run, limited_response(RunClock(run), seconds=20), http_response({"data": {}}))
    run.complete(client.request("GET", "/x"))
    shared = client._requestor._shared
    waiting: list[float] = []
    refused: list[float] = []

    async def call() -> None:
        try:
            await client.request("GET", "/x")
        except APIConnectionError:
            refused.append(run.now)

    async def close() -> None:
        waiting.extend(run.now for _ in shared.waits)
        await client.aclose()

    def check() -> None:
        assert all(not refused or refused[0] < closed + 15 for closed in waiting), "a call waits on in a closed client"
        assert (shared.limits.in_flight, shared.limits.queued) == (0, 0), "something counts as in flight or queued"
        assert not shared.waits, "a call that has ended counts as waiting"

    return Bodies([call, close], check)


@_scenario(
    "a run that is left",
    "_async.run",
    "_async.run",
    "_async._runtime",
    beside=("_async.requestor", "_core.messages", "_async.shared_state"),
)
def _left_run(run: TaskRun) -> Bodies:
    """Close a client beside a run with `cancel_on_exit`: an execution whose id was received is canceled."""
    started = {"data": {"execution_id": "exec_1", "status": "running"}}
    client, platform = _client(run, started)
    is_left: list[bool] = []

    async def call() -> None:
        try:
            await client.workflows.run("wf-1", cancel_on_exit=True, timeout=3)
        except BaseException:
            is_left.append(True)
            raise

    async def calls() -> None:
        with suppress(Exception):  # its time is up, or the client is closed
            await call()

    def check() -> None:
        if platform.answered:
            assert any(path.endswith("/cancel") for path in platform.sent), f"it runs on: {platform.sent}"

    return Bodies([calls, client.aclose], check)
