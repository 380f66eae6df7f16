"""Addresses that never respond, beside others or alone: a call loses little time, and sends nothing twice."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import anyio
import pytest

from fibonacci import APIConnectionError, APIError, APITimeoutError
from tests.faults.black_holes import BlackHole
from tests.faults.calls import KEY, ONE_OF_EACH, all_fine, call_each, longest
from tests.faults.expectations import MAX_RETRIES
from tests.kit.assertions import all_modes_at_once, appears
from tests.kit.clock import Standstill
from tests.kit.mode import Mode
from tests.kit.names import NameService
from tests.kit.programs import free_port
from tests.kit.server import ScriptedServer
from tests.kit.steps import ok
from tests.kit.systems import linux_only

pytestmark = linux_only

STAGGER = 0.25
CONNECT_TIMEOUT = 0.2


def set_stagger(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    for mode in ("_async", "_sync"):
        monkeypatch.setattr(f"fibonacci.{mode}.transports._network.STAGGER", seconds)


@pytest.fixture
def short_stagger(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin the next attempt soon, where a test does not look at the time."""
    set_stagger(monkeypatch, 0.05)


@contextmanager
def server_and_hole() -> Generator[tuple[ScriptedServer, BlackHole]]:
    """Run a server, and a black hole at its port."""
    with ScriptedServer(ok, port=free_port()) as server, BlackHole(port=server.port) as hole:
        yield server, hole


def url(name: str, port: int) -> str:
    return f"http://{name}:{port}/v1"


def insecurely(mode: Mode, base_url: str, **options: Any) -> Any:
    return mode.client(KEY, base_url=base_url, allow_insecure=True, **options)


class TestSeveralAddresses:
    @all_modes_at_once
    def test_a_dead_first_address_costs_a_quarter_of_a_second(
        self, mode: Mode, names: NameService, standstill: Standstill
    ) -> None:
        with server_and_hole() as (server, hole):
            names.add(f"dead-first-{mode.name}.test", hole.host, "127.0.0.1")
            ended = call_each(mode, url(f"dead-first-{mode.name}.test", server.port), allow_insecure=True)
            assert all_fine(ended)
            # The others may begin so late that this one's address is remembered.
            assert max(one.seconds for one in ended.values()) >= STAGGER
            assert max(one.seconds for one in ended.values()) - standstill.seconds < 4 * STAGGER
            assert hole.attempts == 0

    @all_modes_at_once
    def test_a_refused_address_costs_no_time(
        self, mode: Mode, names: NameService, monkeypatch: pytest.MonkeyPatch, standstill: Standstill
    ) -> None:
        with ScriptedServer(ok) as server:
            set_stagger(monkeypatch, 5.0)
            names.add(f"refused-first-{mode.name}.test", "127.0.0.2", "127.0.0.3", "127.0.0.1")
            ended = call_each(mode, url(f"refused-first-{mode.name}.test", server.port), allow_insecure=True)
            assert all_fine(ended)
            assert max(one.seconds for one in ended.values()) - standstill.seconds < 2.5

    @all_modes_at_once
    def test_when_all_fail_the_error_names_what_was_tried(self, mode: Mode, names: NameService) -> None:
        with server_and_hole() as (server, hole):
            names.add("refused.test", "127.0.0.4", "127.0.0.3")
            error = mode.end(insecurely(mode, url("refused.test", server.port)).request, "POST", "/x").api_error
            assert type(error) is APIConnectionError
            assert error.attempts == 1 + MAX_RETRIES
            assert isinstance(error.__cause__, ConnectionRefusedError)
            assert "127.0.0.4: Connection refused; 127.0.0.3: Connection refused" in str(error.__cause__)
            names.add("mixed.test", "127.0.0.4", hole.host)
            client = insecurely(mode, url("mixed.test", server.port), max_retries=0, connect_timeout=CONNECT_TIMEOUT)
            error = mode.end(client.request, "POST", "/x").api_error
            assert str(error.__cause__) == (
                "no connection within connect_timeout (0.2 s): 127.0.0.4: Connection refused; 127.0.0.2: no response"
            )

    @pytest.mark.usefixtures("short_stagger")
    @all_modes_at_once
    def test_a_race_that_is_given_up_leaves_no_socket(self, mode: Mode, names: NameService) -> None:
        with BlackHole(port=free_port()) as first, BlackHole("127.0.0.3", first.port) as second:
            names.add("dead.test", first.host, second.host)
            client = insecurely(mode, url("dead.test", first.port), max_retries=0, timeout=3)
            call = mode.begin(client.request, "GET", "/x")
            assert appears(lambda: first.attempts == second.attempts == 1)
            assert type(call.result().error) is APITimeoutError
            assert first.attempts == second.attempts == 0

    @pytest.mark.parametrize("mode", ["asyncio", "trio"], indirect=True)  # a thread cannot be canceled
    @pytest.mark.usefixtures("short_stagger")
    def test_a_canceled_race_leaves_no_socket(self, mode: Mode, names: NameService, standstill: Standstill) -> None:
        async def cancel(client: Any) -> bool:
            with anyio.move_on_after(0.2) as scope:
                await client.request("GET", "/x")
            return scope.cancelled_caught and (first.attempts, second.attempts) == (0, 0)

        with BlackHole(port=free_port()) as first, BlackHole("127.0.0.3", first.port) as second:
            names.add("canceled.test", first.host, second.host)
            began = time.monotonic()
            assert mode.run(cancel(insecurely(mode, url("canceled.test", first.port))))
            assert time.monotonic() - began - standstill.seconds < 6 * STAGGER


class TestConnectTimeout:
    @all_modes_at_once
    def test_one_dead_address_alone(self, mode: Mode, standstill: Standstill) -> None:
        with BlackHole() as hole:
            ended = call_each(mode, url(hole.host, hole.port), json={}, timeout=5, connect_timeout=CONNECT_TIMEOUT)
            assert hole.attempts == 0
        for method in ONE_OF_EACH:
            error = ended[method].api_error
            assert type(error) is APITimeoutError
            assert (error.attempts, error.outcome_unknown) == (1 + MAX_RETRIES, False)
            assert "within connect_timeout (0.2 s), while connecting: no response from 127.0.0.2" in str(error)
            assert str(error).count("no connection") == 1
            assert 3 * CONNECT_TIMEOUT <= ended[method].seconds <= longest(3 * CONNECT_TIMEOUT) + standstill.seconds

    @all_modes_at_once
    def test_the_calls_time_may_be_up_before(self, mode: Mode, standstill: Standstill) -> None:
        with BlackHole() as hole:
            client = mode.client(KEY, base_url=url(hole.host, hole.port), timeout=CONNECT_TIMEOUT)
            ended = mode.end(client.request, "POST", "/x")
        assert type(ended.error) is APITimeoutError
        text = f"no connection to 127.0.0.2:{hole.port} within the call's time, while connecting: no response from"
        assert text in str(ended.error)
        assert (ended.api_error.attempts, ended.api_error.outcome_unknown) == (1, False)
        assert ended.seconds - standstill.seconds <= longest(CONNECT_TIMEOUT)

    @all_modes_at_once
    def test_a_tls_handshake_that_never_ends_is_tried_again(self, mode: Mode, standstill: Standstill) -> None:
        with ScriptedServer(greet=lambda peer: peer.stall()) as server:
            error = _failing(mode, server.base_url.replace("http:", "https:"), standstill)
        assert server.delivered == 2
        assert str(error.__cause__) == "no connection within connect_timeout (0.2 s)"

    def test_a_proxy_that_never_responds_is_tried_again(
        self, mode: Mode, monkeypatch: pytest.MonkeyPatch, standstill: Standstill
    ) -> None:
        with BlackHole() as hole:
            monkeypatch.setenv("HTTPS_PROXY", f"http://{hole.host}:{hole.port}")
            error = _failing(mode, "https://platform.example/v1", standstill)
        assert str(error.__cause__) == "no connection within connect_timeout (0.2 s): no response from 127.0.0.2"

    def test_a_tunnel_that_is_never_opened_is_tried_again(
        self, mode: Mode, monkeypatch: pytest.MonkeyPatch, standstill: Standstill
    ) -> None:
        with ScriptedServer(lambda peer: peer.stall()) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", proxy.origin)
            _failing(mode, "https://platform.example/v1", standstill)
        assert proxy.by_method() == {"CONNECT": 2}

    @all_modes_at_once
    def test_a_name_service_that_does_not_respond_is_waited_for_again(
        self, mode: Mode, names: NameService, monkeypatch: pytest.MonkeyPatch, standstill: Standstill
    ) -> None:
        monkeypatch.setattr("fibonacci._net.sockets._JOINABLE", 60.0)  # however long a busy machine takes
        names.add_hanging(f"hanging-{mode.name}.test")
        error = _failing(mode, f"https://hanging-{mode.name}.test/v1", standstill)
        assert str(error.__cause__) == (
            "no connection within connect_timeout (0.2 s): the name service did not respond"
        )
        assert isinstance(error, APITimeoutError)
        assert (error.phase, list(error.phases)) == ("dns", ["dns"])
        assert error.phases["dns"] == pytest.approx(2 * CONNECT_TIMEOUT, abs=0.1 + standstill.seconds)
        assert names.lookups[f"hanging-{mode.name}.test"] == 1  # the attempts wait for the same lookup

    def test_a_response_may_take_longer(self, mode: Mode) -> None:
        with ScriptedServer(lambda peer: (peer.pause(0.3), ok(peer))) as server:
            client = mode.client_of(server, connect_timeout=0.1)
            assert mode.run(client.request("POST", "/x")) == {"fine": True}


def _failing(mode: Mode, base_url: str, standstill: Standstill) -> APIError:
    """Make a call that cannot connect in either of its attempts, and return its error."""
    client = mode.client(KEY, base_url=base_url, timeout=5, connect_timeout=CONNECT_TIMEOUT, max_retries=1)
    ended = mode.end(client.request, "POST", "/x")
    assert type(ended.error) is APITimeoutError
    assert (ended.api_error.attempts, ended.api_error.outcome_unknown) == (2, False)
    assert 2 * CONNECT_TIMEOUT <= ended.seconds <= longest(2 * CONNECT_TIMEOUT) + standstill.seconds
    return ended.api_error
