"""`create_autospec` of a client knows the namespaces, their methods and the arguments of these."""

from __future__ import annotations

import asyncio
from typing import Any
from unittest.mock import AsyncMock, create_autospec

import pytest

from fibonacci import AsyncFibonacci, Fibonacci
from fibonacci.models import Execution
from fibonacci.testing import make_execution, make_governance_settings
from tests.kit.assertions import check_rows

CLIENTS = pytest.mark.parametrize("client", [Fibonacci, AsyncFibonacci], ids=["sync", "async"])
CALLS: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("workflows.get", ("wf-1",), {}),
    ("workflows.run", ("wf-1",), {"inputs": {"a": 1}, "timeout": 5}),
    ("executions.wait", ("exec_1",), {"timeout": None}),
    ("organizations.governance.get", ("org-1",), {}),
    ("organizations.tool_policies.create", ("org-1",), {"tool_name": "t"}),
    ("health.check", (), {}),
    ("request", ("GET", "/x"), {}),
]


def spec_of(client: type) -> Any:
    return create_autospec(client, instance=True)


def member(client: Any, name: str) -> Any:
    for part in name.split("."):
        client = getattr(client, part)
    return client


@CLIENTS
def test_names_and_calls_are_checked(client: type) -> None:
    spec = spec_of(client)

    def check(call: tuple[str, tuple[Any, ...], dict[str, Any]]) -> None:
        name, arguments, options = call
        method = member(spec, name)
        method(*arguments, **options).close() if client is AsyncFibonacci else method(*arguments, **options)
        with pytest.raises(TypeError, match=r"argument"):
            method(*arguments, **options, no_such_argument=1)
        with pytest.raises(TypeError, match=r"argument"):
            method(*arguments, *range(9), **options)

    check_rows(((call[0], call) for call in CALLS), check)
    for name in ("workflow", "workflows.excute", "organizations.settings", "organizations.governance.fetch"):
        with pytest.raises(AttributeError, match=name.split(".")[-1]):
            member(spec, name)
    method = spec.workflows.list
    assert not isinstance(method, AsyncMock)  # a pager is returned, not awaited, in both modes
    method(page_size=1)
    method.assert_called_once_with(page_size=1)


def test_sync_methods_return_what_the_test_says() -> None:
    client = spec_of(Fibonacci)
    client.executions.get.return_value = make_execution(id="exec_2")
    client.organizations.governance.get.return_value = make_governance_settings(approval_threshold=2)
    assert client.executions.get("exec_2").id == "exec_2"
    assert client.organizations.governance.get("org-1").approval_threshold == 2
    client.executions.get.assert_called_once_with("exec_2")
    assert not isinstance(client.executions.get, AsyncMock)
    assert isinstance(client, Fibonacci)


def test_async_methods_are_awaited() -> None:
    client = spec_of(AsyncFibonacci)
    client.executions.get.return_value = make_execution(id="exec_2")
    client.organizations.governance.get.return_value = make_governance_settings(approval_threshold=2)

    async def calls() -> tuple[Execution, int]:
        settings = await client.organizations.governance.get("org-1")
        return await client.executions.get("exec_2"), settings.approval_threshold

    execution, threshold = asyncio.run(calls())
    assert (execution.id, threshold) == ("exec_2", 2)
    client.executions.get.assert_awaited_once_with("exec_2")
    assert isinstance(client, AsyncFibonacci)
