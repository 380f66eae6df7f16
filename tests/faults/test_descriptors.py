"""File descriptors run out: calls wait for one, or for a connection that is released, within their time."""

from __future__ import annotations

import errno
import gc
import json
import os
import time
import traceback
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from fibonacci import WaitEvent
from tests.faults.calls import longest
from tests.kit.assertions import check_rows
from tests.kit.certificates import Authority
from tests.kit.clock import Standstill
from tests.kit.mode import MODES, Ended, Mode, ModeName
from tests.kit.peer import Peer
from tests.kit.server import ScriptedServer
from tests.kit.steps import ok
from tests.kit.systems import needs_descriptor_limits, needs_fork

pytestmark = [
    needs_descriptor_limits,
    needs_fork,
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]

LIMIT = 64
MANY = LIMIT - 26  # some are needed for other things
CALLS = 100


def in_child(act: Callable[[], Any]) -> Any:
    """Return what a function returns in a child process that may have few files open."""
    import resource  # not on Windows, where this is collected too

    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            gc.freeze()  # the parent's sockets that are garbage: closed here, their numbers would be those of others
            os.dup2(writer, 3)
            os.closerange(4, resource.getrlimit(resource.RLIMIT_NOFILE)[0])  # what is the parent's
            resource.setrlimit(resource.RLIMIT_NOFILE, (LIMIT, LIMIT))
            os.write(3, json.dumps(act()).encode())
        except BaseException:
            os.write(3, traceback.format_exc().encode())  # this process has no standard error of pytest's left
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as results:
        text = results.read()
    os.waitpid(child, 0)
    try:
        return json.loads(text)
    except ValueError:
        pytest.fail(text)


@contextmanager
def all_used_up() -> Generator[None]:
    """Leave no file descriptor while the block lasts."""
    copies: list[int] = []
    with suppress(OSError):
        while True:
            copies.append(os.dup(0))
    yield
    for copy in copies:
        os.close(copy)


def text_of(ended: Ended) -> str:
    """Return how a call ended in a few words."""
    if ended.error is None:
        return "answered"
    cause = ended.error.__cause__
    number = cause.errno if isinstance(cause, OSError) else cause
    return f"{type(ended.error).__name__}, errno {number}, outcome unknown: {ended.api_error.outcome_unknown}"


def call_often(server: ScriptedServer, authority: Authority) -> list[Any]:
    """Make many calls at once, in one mode after another; return how they end."""
    results: list[Any] = []
    for name in MODES:
        with Mode(name, threads=CALLS) as mode:
            client = mode.client_of(server, ca_bundle=authority.file)
            cpu = time.process_time()
            calls = [mode.begin(client.request, "GET", "/x") for _ in range(CALLS)]
            outcomes = Counter(text_of(call.result()) for call in calls)
            results.append([outcomes, time.process_time() - cpu])
    return results


@pytest.mark.slow
def test_more_calls_at_once_than_descriptors(authority: Authority) -> None:
    def respond_late(peer: Peer) -> None:
        while server.live_connections < MANY and peer.pause(0.01):
            pass
        peer.pause(0.05)
        ok(peer)

    with ScriptedServer(respond_late, tls=authority.good()) as server:
        results = in_child(lambda: call_often(server, authority))
    for outcomes, cpu in results:
        assert outcomes == {"answered": CALLS}
        assert cpu < 1
    assert len(server.requests) == CALLS * len(MODES)
    assert MANY * len(MODES) <= server.connections < CALLS * len(MODES)


def call_without_descriptors(name: ModeName, server: ScriptedServer, other_server: ScriptedServer) -> dict[str, Any]:
    """Call while no descriptor is left: until the time is up, for 0.3 s, and beside idle connections."""
    with Mode(name) as mode, Standstill() as standstill:
        transport = mode.socket_transport()
        waits: list[WaitEvent] = []
        client, other = (
            mode.client_of(each, api_key=f"key-{name}", transport=transport, on_wait=waits.append)
            for each in (server, other_server)
        )
        for one in (client, other):
            mode.run(one.request("GET", "/x"))
        mode.close(transport)
        with all_used_up():
            late = mode.end(client.with_options(timeout=0.2).request, "POST", "/late")
        with all_used_up():
            call = mode.begin(client.request, "POST", "/x")
            cpu = time.process_time()
            time.sleep(0.3)
            cpu = time.process_time() - cpu
            had_to_wait = not call.done()
        waited = call.result()
        with all_used_up():  # of the other server's connection, which is idle, the descriptor can be had
            beside = mode.end(other.request, "POST", "/x")
    results = {"late": late, "waited": waited, "beside": beside}
    return {
        "cpu": cpu,
        "had to wait": had_to_wait,
        "told": [wait.path for wait in waits],
        "standstill": standstill.seconds,
        **{name: [text_of(ended), ended.seconds] for name, ended in results.items()},
    }


def test_all_descriptors_used_up_by_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def check(result: Any) -> None:
        outcome, seconds = result["late"]
        assert outcome == f"APITimeoutError, errno {errno.EMFILE}, outcome unknown: False"
        assert 0.2 <= seconds < longest(0.2) + 0.5 + result["standstill"]
        outcome, seconds = result["waited"]
        assert outcome == "answered"
        assert result["had to wait"]
        assert seconds < 2 + result["standstill"]
        assert result["cpu"] < 0.15  # of 0.3 s: attempts are made in intervals
        outcome, seconds = result["beside"]
        assert outcome == "answered"
        assert result["told"] == ["/late", "/x"]

    for half in ("_async", "_sync"):
        monkeypatch.setattr(f"fibonacci.{half}.transports.socket_transport._REPORTED_AFTER", 0.1)
    with ScriptedServer(ok) as server, ScriptedServer(ok) as other:
        results = in_child(lambda: [call_without_descriptors(name, server, other) for name in MODES])
    check_rows(zip(MODES, results, strict=True), check)
    assert [len(server.requests), len(other.requests)] == [2 * len(MODES), 2 * len(MODES)]
