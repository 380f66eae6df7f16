"""The scenarios: which threads, around which object, and what has to be so in the end."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from email.utils import formatdate
from importlib import import_module
from inspect import signature
from typing import Any
from unittest import mock

from fibonacci import APIConnectionError, Fibonacci
from fibonacci._batch.options import BatchOptions
from fibonacci._core.messages import Deadline
from fibonacci._core.stored_window import WindowMessage, WindowReply, exchange
from fibonacci._core.window import Admission, Window
from fibonacci.transports import HTTPRequest, HTTPResponse
from tests.kit.clock import START
from tests.kit.transport import ScriptedTransport, http_response
from tests.tools.interleavings.baton import Baton
from tests.tools.interleavings.explorer import PREEMPTIONS, Bodies, SharedScenario
from tests.tools.interleavings.turns import TaskRun

SCENARIOS: list[SharedScenario] = []
REQUEST = HTTPRequest(method="GET", origin="http://127.0.0.1:9", target="/x", headers=[], body=b"")


def _scenario(
    name: str, *modules: str, beside: tuple[str, ...] = (), preemptions: int = PREEMPTIONS
) -> Callable[[Any], Any]:
    """Add a scenario.

    Args:
        name: Its object.
        modules: Those whose lines are points.
        beside: Others in which what blocks is replaced too.
        preemptions: How many there are at most.
    """

    def add(build: Callable[[Baton], Bodies]) -> Callable[[Baton], Bodies]:
        SCENARIOS.append(SharedScenario(name, modules, beside, build, preemptions=preemptions))
        return build

    return add


class RunClock:
    """The time of a run, for what takes a clock."""

    def __init__(self, run: Baton | TaskRun) -> None:
        self._run = run

    def monotonic(self) -> float:
        return self._run.now

    def time(self) -> float:
        return START + self._run.now

    def deadline(self, seconds: float | None) -> Deadline:
        return Deadline(seconds, self)


def limited_response(clock: RunClock, seconds: int) -> HTTPResponse:
    """Return a response that states that no request is left for so many seconds."""
    headers = {"X-RateLimit-Limit": "1", "X-RateLimit-Remaining": "0", "Date": formatdate(clock.time(), usegmt=True)}
    headers["X-RateLimit-Reset"] = str(int(clock.time()) + seconds)
    return http_response({"data": {}}, headers=headers)


@_scenario("capacity limiter", "_sync.transports.loops", beside=("_sync._runtime",))
def _capacity(baton: Baton) -> Bodies:
    """Check that no place is lost: three calls, one of them with little time."""
    from fibonacci._sync.transports.loops import CapacityLimiter, CapacityShare

    limiter = CapacityLimiter(1)
    inside: list[int] = []

    def call(seconds: float) -> None:
        share = CapacityShare()
        began = baton.now
        if limiter.acquire(share, seconds):
            inside.append(1)
            assert len(inside) <= limiter.total, "more callers proceed than may"
            baton.point()
            inside.pop()
        limiter.release(share)
        assert baton.now < began + 30, "a call sleeps while a place is free"

    def check() -> None:
        assert limiter.in_use == 0, f"{limiter.in_use} are in use"
        assert limiter.acquire_nowait(CapacityShare()), "the place is lost"

    return Bodies([lambda: call(60), lambda: call(1), lambda: call(60)], check)


class _CountedConnection:
    """A connection that is used by one call at a time, and is closed once at the end."""

    def __init__(self, baton: Baton, made: list[_CountedConnection]) -> None:
        self._baton = baton
        self.users = 0
        self.is_closed = False
        self.is_reusable = False
        self.exchanges = 0
        self.began_at = self.ended_at = baton.now
        self.response_time = 0.0
        made.append(self)

    def exchange(self, request: HTTPRequest, deadline: Deadline, limit: int, *rest: object) -> HTTPResponse:
        assert not self.is_closed, "a closed connection is used"
        self.users += 1
        self.exchanges += 1
        assert self.users == 1, "two calls use one connection"
        self._baton.point()
        assert not self.is_closed, "a connection is closed while it is used"
        self.users -= 1
        self.is_reusable = True
        self.ended_at = self._baton.now
        return http_response()

    def fileno(self) -> int:
        return 9999

    def close(self) -> None:
        assert not self.users, "a connection is closed while it is used"
        self.is_closed = True


class _Connector:
    proxy = None

    def __init__(self, baton: Baton, made: list[_CountedConnection]) -> None:
        self._baton = baton
        self._made = made

    def connect(self, deadline: Deadline, phases: object) -> _CountedConnection:
        self._baton.point()
        return _CountedConnection(self._baton, self._made)


def _pool(baton: Baton, made: list[_CountedConnection], **options: Any) -> Any:
    pool: Any = import_module("fibonacci._sync.transports.socket_transport")
    defaults = {"max_connections": 2, "max_idle_connections": 1, "idle_timeout": 15.0}
    return pool.ConnectionPool(_Connector(baton, made), {**defaults, **options})


@_scenario("connection pool", "_sync.transports.socket_transport", beside=("_sync._runtime",))
def _connection_pool(baton: Baton) -> Bodies:
    """Two calls, and the idle connections are closed beside them."""
    made: list[_CountedConnection] = []
    pool: Any = _pool(baton, made)

    def send() -> None:
        pool.send(REQUEST, RunClock(baton).deadline(5), 1000, pool.close_idle)

    def check() -> None:
        idle = pool.connections
        assert not pool._active, "a connection counts as in use"
        assert pool._capacity.in_use == 0, "capacity is lost"
        assert len(idle) <= 1, "more connections are kept than may be"
        assert all(each.is_closed != (each in idle) for each in made), "a connection is neither kept nor closed"

    send()
    return Bodies([send, send, pool.close_idle], check)


@_scenario(
    "close() of a transport",
    "_sync.transports.socket_transport",
    "_sync.transports.loops",
    beside=("_sync._runtime",),
)
def _transport_close(baton: Baton) -> Bodies:
    """Close a transport beside a call: nothing stays open that nobody can close any more."""
    from fibonacci._sync.transports import socket_transport

    made: list[_CountedConnection] = []
    transport: Any = socket_transport.SocketTransport(max_connections=2, max_idle_connections=1)
    baton.replace(socket_transport, "Connector", mock.Mock(return_value=_Connector(baton, made)))

    def send() -> None:
        transport.send(REQUEST, RunClock(baton).deadline(5))

    def check() -> None:
        kept = transport._connections
        assert all(each.is_closed or each in kept for each in made), "a connection stays open in a pool that is dropped"

    send()
    return Bodies([send, transport.close], check)


@_scenario("workers of a batch", "_sync.batch._workers", beside=("_sync._runtime",))
def _workers(baton: Baton) -> Bodies:
    """Work from two threads, while threads that are idle end: all of it is done, and each thread ends."""
    from fibonacci._sync.batch import _workers

    workers: Any = _workers.Workers()
    inbox = _workers.Inbox()
    done: list[int] = []

    def start(number: int) -> None:
        def report(value: object, error: BaseException | None) -> None:
            inbox.put(lambda: done.append(number))

        workers.start(lambda: None, report)

    def iterate() -> None:
        start(0)
        while len(done) < 2:
            functions = inbox.get(30.0)
            assert functions, "work was not done"
            for function in functions:
                function()

    def check() -> None:
        assert sorted(done) == [0, 1], "work is lost"
        assert workers._idle == 0, "a thread that has ended counts as idle"

    return Bodies([iterate, lambda: start(1)], check)


class _Store:
    """A store of a window in memory."""

    def __init__(self, baton: Baton) -> None:
        self._baton = baton
        self._window = Window(is_shared=True)

    def exchange(self, message: WindowMessage) -> WindowReply:
        self._baton.point()
        return exchange(self._window, message, self._baton.now)


@_scenario("news of a store thread", "_net.stored_limits")
def _news_of_store_thread(baton: Baton) -> Bodies:
    """Two threads have something to say, while the store thread begins, is idle or ends: it is said."""
    from fibonacci._net.stored_limits import StoreThread

    class News(StoreThread):
        is_unsaid = False

        def schedule(self, now: float) -> float | None:
            return 0.0 if self.is_unsaid else None

        def _exchange(self) -> None:
            self.is_unsaid = False

    carrier: Any = News(mock.Mock(), "a test")

    def tell() -> None:
        carrier.is_unsaid = True
        baton.point()
        carrier._notify()

    def check() -> None:
        assert not carrier.is_unsaid, "something was not said to the store"
        assert not carrier._running.locked(), "a thread that has ended counts as running"

    return Bodies([tell, tell], check)


_STORE_THREAD: dict[str, Any] = {"beside": ("_core.shared_limits", "_sync._runtime"), "preemptions": 1}  # of many lines


@_scenario("begin of a store thread", "_net.stored_limits", **_STORE_THREAD)
def _begin_of_store_thread(baton: Baton) -> Bodies:
    """Call when a request is to be granted, for which there is no thread yet: nothing stays unsaid."""
    call, check = _stored_call(baton)
    return Bodies([call], check)


@_scenario("end of a store thread", "_net.stored_limits", **_STORE_THREAD)
def _end_of_store_thread(baton: Baton) -> Bodies:
    """Call again when the thread is about to end: nothing stays unsaid."""
    call, check = _stored_call(baton)

    def calls() -> None:
        baton.is_explored = False
        call()
        baton.is_explored = True
        baton.wait(lambda: False, 2.01)  # the thread ends when it has had nothing to do for 2 s
        call()

    return Bodies([calls], check)


def _stored_call(baton: Baton) -> tuple[Callable[[], None], Callable[[], None]]:
    """Return a call of limits that have a store, and what has to be so when it has ended."""
    from fibonacci._net.stored_limits import StoreThread
    from fibonacci._sync import _runtime

    limits: Any = StoreThread(_Store(baton), "a test")

    def call() -> None:
        event = _runtime.WakeEvent()
        admission = Admission(event.set)
        while (delay := limits.acquire(admission, baton.now)) is not None:
            assert baton.now < 1060, "no request was asked for"
            event.sleep(delay.seconds)
        limits.settle(admission, None, baton.now)

    def check() -> None:
        assert limits.schedule(baton.now) is None, "something was not said to the store"
        assert not limits._running.locked(), "a thread that has ended counts as running"
        assert (limits.in_flight, limits.queued) == (0, 0)

    return call, check


@_scenario("rate limiter", "_core.shared_limits", beside=("_sync._runtime",))
def _rate_limiter(baton: Baton) -> Bodies:
    """Three calls where one is admitted at a time, and a reset: each is admitted once, and nothing stays in use."""
    from fibonacci._core.shared_limits import SharedLimits
    from fibonacci._core.window import Delay
    from fibonacci._sync import _runtime

    limits: Any = SharedLimits()
    admitted: list[int] = []

    def delay(now: float) -> Delay | None:
        return Delay(30.0, is_fixed=False) if limits.in_flight else None  # one at a time

    baton.replace(limits._window, "delay", delay)

    def call(number: int) -> None:
        event = _runtime.WakeEvent()
        admission = Admission(event.set)
        while (delay := limits.acquire(admission, baton.now)) is not None:
            before = baton.now
            event.sleep(delay.seconds)
            assert baton.now - before < 29, "a call that may be sent sleeps on"
        admitted.append(number)
        baton.point()
        limits.settle(admission, None, baton.now)

    def check() -> None:
        assert sorted(admitted) == [0, 1], "a call was not admitted once"
        assert (limits.in_flight, limits.queued) == (0, 0), "something counts as in flight or queued"

    return Bodies([lambda: call(0), lambda: call(1), lambda: limits.reset(baton.now)], check)


@_scenario("limits of a key", "_core.shared_limits")
def _kept_limits(baton: Baton) -> Bodies:
    """Ask for the limits of one key from two threads, in a process that was forked: they get the same."""
    shared_limits: Any = import_module("fibonacci._core.shared_limits")
    got: list[object] = []
    baton.replace(shared_limits, "_shared", OrderedDict())

    def ask() -> None:
        got.append(shared_limits.shared_limits("http://127.0.0.1:9", "key"))

    shared_limits.shared_limits("http://127.0.0.1:9", "key").renew_in_child()

    def check() -> None:
        assert len(set(map(id, got))) == 1, "two clients of one key have different limits"

    return Bodies([ask, ask], check)


def batch_options(**options: Any) -> BatchOptions:
    parameters = signature(Fibonacci("key").workflows.run_many).parameters.values()
    return BatchOptions([], {each.name: each.default for each in parameters} | options)


@_scenario("iterator of a list", "_sync.resource", "_system.concurrency")
def _iterator(baton: Baton) -> Bodies:
    """Two threads share an iterator: each item is yielded once, or the second thread is refused."""
    page = {"data": [{"id": f"tool-{number}", "name": f"tool-{number}"} for number in range(2)]}
    transport = ScriptedTransport(http_response(page))
    items = iter(Fibonacci("key", base_url=transport.base_url, transport=transport).tools.list())
    got: list[str] = []

    def read() -> None:
        with suppress(RuntimeError):
            got.extend(item.name for item in items)

    def check() -> None:
        assert len(got) == len(set(got)), f"items were yielded twice: {got}"

    return Bodies([read, read], check)


@_scenario(
    "close() of a client",
    "_sync.shared_state",
    "_sync.rate_limit_wait",
    beside=("_sync._runtime", "_core.shared_limits", "_core.messages"),
)
def _client_close(baton: Baton) -> Bodies:
    """Close a client beside a call that waits for the rate limit, which does not wait on."""
    clock = RunClock(baton)
    transport = ScriptedTransport(limited_response(clock, seconds=20), http_response({"data": {}}))
    client = Fibonacci(transport.api_key, base_url=transport.base_url, transport=transport, timeout=60)
    calls: Any = client.health
    requestor = calls._requestor
    requestor._machine_clock = clock
    client.request("GET", "/x")

    waiting: list[float] = []
    refused: list[float] = []

    def call() -> None:
        try:
            client.request("GET", "/x")
        except APIConnectionError:
            refused.append(baton.now)

    def close() -> None:
        waiting.extend(baton.now for _ in requestor._shared.waits)
        client.close()

    def check() -> None:
        assert all(refused and refused[0] < closed + 15 for closed in waiting), "a call waits on in a closed client"
        limits = requestor._shared.limits
        assert (limits.in_flight, limits.queued) == (0, 0), "something counts as in flight or queued"
        assert not requestor._shared.waits, "a call that has ended counts as waiting"

    return Bodies([call, close], check)
