"""The client as an object: clones, closing, pickling, what it shows of itself."""

from __future__ import annotations

import copy
import pickle
import sys
from types import FrameType
from typing import TYPE_CHECKING, Any

import pytest

from fibonacci import (
    UNSET,
    APIConnectionError,
    AsyncFibonacci,
    ConfigurationError,
    Fibonacci,
    NotFoundError,
    Unset,
)
from fibonacci.transports import TransportError
from tests.kit.assertions import each_row
from tests.kit.mode import Mode
from tests.kit.server import ScriptedServer
from tests.kit.transport import ScriptedTransport

if TYPE_CHECKING:
    from _typeshed import TraceFunction

KEY = "sk-do-not-show-me"
RESOURCES = ["executions", "health", "memory", "organizations", "registry", "tools", "versions", "workflows"]
LIMITS = {"X-RateLimit-Limit": "60", "X-RateLimit-Remaining": "59", "X-RateLimit-Reset": "4000000000"}


def give_workflow(server: ScriptedServer) -> None:
    server.add_response({"data": {"id": "wf-1"}})


@each_row(
    ("options", "timeout", "attempts"),
    [({}, 5.0, 8), ({"timeout": None}, None, 8), ({"max_retries": 0}, 5.0, 1), ({"headers": {"X-B": "2"}}, 5.0, 8)],
)
@pytest.mark.usefixtures("clock")
def test_options_that_a_copy_is_not_given_stay(
    mode: Mode,
    monkeypatch: pytest.MonkeyPatch,
    options: dict[str, Any],
    timeout: float | None,
    attempts: int,
) -> None:
    monkeypatch.setattr("fibonacci._core.retry.uniform", min)  # no delay before retries: all fit into the timeout
    transport = ScriptedTransport(TransportError("never_sent"))
    client = mode.client_of(transport, timeout=5, max_retries=7, headers={"X-A": "1"})
    for each, seconds, number in ((client.with_options(**options), timeout, attempts), (client, 5.0, 8)):
        assert each.base_url == transport.base_url
        sent = len(transport.requests)
        with pytest.raises(APIConnectionError):
            mode.run(each.request("GET", "/x"))
        assert transport.remaining[sent:] == [seconds] * number
        assert all((b"x-a", b"1") in request.headers for request in transport.requests)


def test_the_rate_limit_is_that_of_the_last_response(mode: Mode, server: ScriptedServer, caller: Any) -> None:
    before = caller.rate_limit
    give_workflow(server)
    mode.run(caller.workflows.get("wf-1"))
    assert (before, caller.rate_limit) == (None, None)  # as long as no response states it
    server.add_response({"error": {"code": "nope"}}, 404, LIMITS)
    with pytest.raises(NotFoundError):
        mode.run(caller.workflows.get("wf-1"))
    assert (caller.rate_limit.limit, caller.rate_limit.remaining) == (60, 59)


class TestLifetime:
    def test_with_returns_the_client_and_closes_it(self, mode: Mode, server: ScriptedServer, caller: Any) -> None:
        async def used_async() -> Any:
            async with caller as entered:
                assert entered is caller
                return await entered.workflows.get("wf-1")

        def used() -> Any:
            with caller as entered:
                assert entered is caller
                return entered.workflows.get("wf-1")

        give_workflow(server)
        assert mode.run(used_async() if mode.is_async else used()).id == "wf-1"
        give_workflow(server)
        assert mode.run(caller.workflows.get("wf-1")).id == "wf-1"


class TestRepr:
    def test_the_key_is_shown_nowhere(self, mode: Mode) -> None:
        client = mode.client(KEY, base_url="http://127.0.0.1:1/v1")
        assert repr(client) == f"{type(client).__name__}(base_url='http://127.0.0.1:1/v1')"
        for name in RESOURCES:
            shown = getattr(client, name)
            assert repr(shown) == f"<{type(shown).__name__} at http://127.0.0.1:1/v1>"
        assert KEY not in str(client) + repr(client) + repr(client.workflows.list())


class TestUnset:
    """Stands for an argument that was not given."""

    def test_is_false_and_the_same_everywhere(self) -> None:
        assert not UNSET
        assert repr(UNSET) == "UNSET"
        assert isinstance(UNSET, Unset)
        assert [copy.copy(UNSET), copy.deepcopy(UNSET), pickle.loads(pickle.dumps(UNSET))] == [UNSET] * 3
        assert pickle.loads(pickle.dumps(UNSET)) is UNSET

    def test_given_as_an_argument_it_is_not_sent(self, mode: Mode, server: ScriptedServer, caller: Any) -> None:
        give_workflow(server)
        mode.run(caller.workflows.create(name="x", description=UNSET, definition=UNSET))
        assert server.last.json == {"name": "x"}


class TestPickling:
    def test_a_key_of_the_environment_does_not_travel(
        self, mode: Mode, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FIBONACCI_API_KEY", KEY)
        packed = pickle.dumps(mode.client(base_url=server.base_url))
        assert KEY.encode() not in packed
        monkeypatch.setenv("FIBONACCI_API_KEY", "another")
        give_workflow(server)
        mode.run(mode.close_later(pickle.loads(packed)).workflows.get("wf-1"))
        assert server.last.one("Authorization") == "Bearer another"
        monkeypatch.delenv("FIBONACCI_API_KEY")
        with pytest.raises(ConfigurationError, match="FIBONACCI_API_KEY"):
            pickle.loads(packed)

    def test_a_method_is_pickled_as_its_client(
        self, mode: Mode, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FIBONACCI_API_KEY", KEY)
        client = mode.client(base_url=server.base_url, headers={"X-Team": "blue"})
        for _ in range(2):  # before the first call, and after it
            packed = pickle.dumps(client.workflows.get)
            assert KEY.encode() not in packed
            give_workflow(server)
            mode.run(pickle.loads(packed)("wf-1"))
            assert server.last.one("Authorization") == f"Bearer {KEY}"
            assert server.last.one("X-Team") == "blue"
            give_workflow(server)
            mode.run(client.workflows.get("wf-1"))

    @each_row("same", [copy.copy, copy.deepcopy])
    def test_a_copy_of_a_client_calls(self, mode: Mode, server: ScriptedServer, caller: Any, same: Any) -> None:
        give_workflow(server)
        made = same(caller)
        assert mode.run(made.workflows.get("wf-1")).id == "wf-1"
        mode.close(made)


@each_row("client", [Fibonacci, AsyncFibonacci])
def test_a_client_can_be_made_under_a_debugger(client: type[Fibonacci | AsyncFibonacci]) -> None:
    # A debugger reads the local variables of each frame, and Python 3.12 then adds names to `locals()`.
    def trace(frame: FrameType, event: str, argument: object) -> TraceFunction:
        assert frame.f_locals is not None
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        made = client("sk-1", timeout=3)
    finally:
        sys.settrace(before)
    assert repr(made) == f"{client.__name__}(base_url='https://api.fibonacci.dev/v1')"


class Tenant(Fibonacci):
    """A subclass with a constructor and state of its own."""

    def __init__(self, tenant: str) -> None:
        super().__init__("sk-1", headers={"X-Tenant": tenant}, allow_pickled_secrets=True)
        self.tenant = tenant


def test_a_subclass_keeps_its_state() -> None:
    client = Tenant("acme")
    _ = client.workflows
    for other in (client.with_options(timeout=1), copy.copy(client), pickle.loads(pickle.dumps(client))):
        assert type(other) is Tenant
        assert other.tenant == "acme"
        assert other.workflows is not client.workflows


@each_row("client", [Fibonacci, AsyncFibonacci])
@each_row("name", ["timeout", "api_key", "headers", "max_retries"])
def test_an_option_cannot_be_assigned(client: type[Fibonacci | AsyncFibonacci], name: str) -> None:
    with pytest.raises(AttributeError, match=rf"{name} cannot be changed: use with_options"):
        setattr(client("sk-1"), name, 5)


@each_row("returns", [5, "Workflow", [int]])
def test_what_is_no_type_is_refused_before_anything_is_sent(
    mode: Mode, server: ScriptedServer, caller: Any, returns: Any
) -> None:
    with pytest.raises(TypeError, match="returns must be a model or another type"):
        mode.run(caller.request("POST", "/x", returns=returns))
    assert server.requests == []
