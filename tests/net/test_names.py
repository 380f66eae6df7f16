"""Name lookups: shared by those who wait for the same name, in a few threads, and never waited for at the end."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from fibonacci import APIConnectionError, AsyncFibonacci
from fibonacci._net.sockets import Lookup, Resolver, known_addresses, resolver
from tests.kit.assertions import appears, each_row
from tests.kit.mode import Mode, both_modes, each_mode
from tests.kit.names import NameService, address
from tests.kit.server import ScriptedServer
from tests.kit.steps import ok
from tests.kit.systems import needs_fork


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer(ok) as server:
        yield server


def lookup_threads() -> int:
    return sum(thread.name == "fibonacci-name-lookup" for thread in threading.enumerate())


def client_at(mode: Mode, server: ScriptedServer, name: str, **options: Any) -> Any:
    base_url = f"http://{name}:{server.port}/v1"
    return mode.client(server.api_key, base_url=base_url, allow_insecure=True, max_retries=0, **options)


class TestCalls:
    @pytest.fixture(autouse=True)
    def joinable(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Have a lookup joined however long a busy machine takes to begin the next call."""
        monkeypatch.setattr("fibonacci._net.sockets._JOINABLE", 60.0)

    @each_mode
    def test_calls_at_once_share_a_lookup(self, mode: Mode, server: ScriptedServer, names: NameService) -> None:
        name = f"shared-{mode.name}.test"
        names.add_hanging(name, "127.0.0.1")
        clients = [client_at(mode, server, name) for _ in range(4)]
        calls = [mode.begin(client.request, "GET", "/x") for client in clients]
        assert appears(lambda: names.lookups[name] == 1)
        shared: Any = resolver
        waiting = shared._lookups[name, server.port]._callbacks
        assert appears(lambda: len(waiting) == 4)  # all of them, also on a busy machine
        assert not any(call.done() for call in calls)
        names.released.set()
        assert [call.result().value for call in calls] == [{"fine": True}] * 4
        assert names.lookups[name] == 1

    @each_mode
    def test_one_that_leaves_takes_nothing_from_the_others(
        self, mode: Mode, server: ScriptedServer, names: NameService
    ) -> None:
        name = f"left-{mode.name}.test"
        names.add_hanging(name, "127.0.0.1")
        patient = mode.begin(client_at(mode, server, name).request, "GET", "/x")
        assert appears(lambda: names.lookups[name] == 1)
        left = mode.end(client_at(mode, server, name, timeout=0.1).request, "GET", "/x")
        assert str(left.api_error.__cause__).startswith("the call's time is up")
        assert appears(lambda: lookup_threads() == 1)  # it did not wait for the lookup, which hangs still
        assert not patient.done()
        names.released.set()
        assert patient.result().value == {"fine": True}
        assert names.lookups[name] == 1

    @each_mode
    def test_one_that_hangs_stops_no_later_attempt(
        self, mode: Mode, server: ScriptedServer, names: NameService, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("fibonacci._net.sockets._JOINABLE", 0.05)
        name = f"hanging-twice-{mode.name}.test"
        names.add_hanging(name, "127.0.0.1", times=2)
        client = client_at(mode, server, name, connect_timeout=0.1).with_options(max_retries=1)
        failed = mode.end(client.request, "POST", "/x").api_error
        assert (failed.attempts, names.lookups[name]) == (2, 2)
        # The third lookup does not hang. It has all the time that it needs on a machine that stands still.
        assert mode.end(client_at(mode, server, name).request, "POST", "/x").value == {"fine": True}
        assert names.lookups[name] == 3
        assert appears(lambda: lookup_threads() == 2)
        names.released.set()
        assert appears(lambda: lookup_threads() == 0)

    def test_each_call_gets_the_error_of_a_lookup_that_fails(
        self, mode: Mode, server: ScriptedServer, names: NameService
    ) -> None:
        names.add_failing("failing.test", socket.gaierror(socket.EAI_NONAME, "Name or service not known"))
        calls = [mode.begin(client_at(mode, server, "failing.test").request, "GET", "/x") for _ in range(5)]
        for call in calls:
            assert isinstance(call.result().error, APIConnectionError)
            assert "name cannot be resolved" in str(call.result().error)
            assert isinstance(call.result().api_error.__cause__, socket.gaierror)

    def test_an_error_that_no_name_service_raises_reaches_the_caller(
        self, mode: Mode, server: ScriptedServer, names: NameService
    ) -> None:
        names.add_failing("blocked.test", RuntimeError("the test may not use the network"))
        ended = mode.end(client_at(mode, server, "blocked.test").request, "GET", "/x")
        assert "the test may not use the network" in str(ended.error)

    @both_modes
    def test_no_thread_is_left_in_the_system(
        self, mode: Mode, server: ScriptedServer, names: NameService, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(thread: threading.Thread) -> None:
            if thread.name == "fibonacci-name-lookup":
                raise RuntimeError("can't start new thread")
            start(thread)

        start = threading.Thread.start
        client = client_at(mode, server, "threads.test")
        names.add("threads.test", "127.0.0.1")
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            refused = mode.end(client.request, "POST", "/x").api_error
        assert "can't start new thread" in str(refused.__cause__)
        assert not refused.outcome_unknown
        assert mode.run(client.request("POST", "/x")) == {"fine": True}


class TestLookup:
    def test_a_finished_lookup_is_not_used_again(self, names: NameService) -> None:
        resolver = Resolver()
        names.add("again.test", "127.0.0.1")
        for expected in (1, 2):
            lookup = resolver.lookup("again.test", 80)
            ended = threading.Event()
            lookup.add_done_callback(ended.set)
            assert ended.wait(5)
            assert lookup.result() == [address("127.0.0.1", 80)]
            assert names.lookups["again.test"] == expected

    def test_a_callback_is_called_whenever_it_comes(self, names: NameService) -> None:
        names.add("any.test", "127.0.0.1")
        lookup = Lookup("any.test", 80)
        called: list[str] = []
        lookup.add_done_callback(lambda: called.append("before"))
        assert called == []
        lookup.run()
        lookup.add_done_callback(lambda: called.append("after"))
        assert called == ["before", "after"]

    @needs_fork
    @pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
    def test_a_forked_process_looks_up_anew(self, names: NameService) -> None:
        resolver = Resolver()
        names.add_hanging("held.test", times=1)
        parent = resolver.lookup("held.test", 80)
        assert appears(lambda: names.lookups["held.test"] == 1)
        child = os.fork()
        if not child:
            lookup = resolver.lookup("held.test", 80)
            os._exit(0 if lookup is not parent and appears(lambda: lookup.has_ended) else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


class TestTheEndOfTheLoop:
    def test_asyncio_run_does_not_wait_for_a_lookup_that_hangs(
        self, server: ScriptedServer, names: NameService
    ) -> None:
        async def main() -> None:
            client = AsyncFibonacci("key", base_url=f"http://end.test:{server.port}/v1", allow_insecure=True)
            call = asyncio.ensure_future(client.request("GET", "/x"))
            while not names.lookups["end.test"]:
                await asyncio.sleep(0.001)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call

        names.add_hanging("end.test")
        asyncio.run(main())
        assert appears(lambda: lookup_threads() == 1)  # the loop has ended, and the lookup hangs still
        assert names.lookups["end.test"] == 1
        names.released.set()  # what ends now finds its event loop closed
        assert appears(lambda: lookup_threads() == 0)


@each_row(
    ("host", "addresses"),
    [
        ("127.0.0.1", ["127.0.0.1"]),
        ("::1", ["::1"]),
        ("2001:db8::1", ["2001:db8::1"]),
        ("localhost", ["127.0.0.1", "::1"]),
        ("a.localhost", ["127.0.0.1", "::1"]),
        ("127.1", []),
        ("1", []),
        ("bücher.test", []),
        ("", []),
    ],
)
def test_an_ip_address_and_a_name_of_this_machine_need_no_lookup(host: str, addresses: list[str]) -> None:
    assert known_addresses(host, 80) == [address(each, 80) for each in addresses]
    for each in known_addresses(host, 80):  # as the system has it
        assert each in socket.getaddrinfo(each[4][0], 80, type=socket.SOCK_STREAM)
