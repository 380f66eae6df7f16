"""The names and parameters of the 37 calls, in both colours: users and the documentation rely on each of them."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import pytest

from fibonacci import AsyncPager, Pager
from tests.colours import Colour
from tests.endpoints.table import NOT_ENDPOINTS, ROWS

SIGNATURES = {
    "workflows.list": "*, limit=, cursor=",
    "workflows.create": "*, name, description=, definition=",
    "workflows.get": "workflow_id",
    "workflows.update": "workflow_id, *, name=, description=, definition=",
    "workflows.delete": "workflow_id",
    "workflows.execute": "workflow_id, *, inputs=",
    "workflows.run": "workflow_id, *, inputs=, timeout=, on_update=",
    "executions.get": "execution_id",
    "executions.list": "*, workflow_id=, status=, limit=, cursor=",
    "executions.cancel": "execution_id",
    "executions.wait": "execution_id, *, timeout=, on_update=",
    "versions.list": "workflow_id, *, limit=, cursor=",
    "versions.get": "workflow_id, version",
    "versions.rollback": "workflow_id, version",
    "registry.approve_template": "workflow_id",
    "registry.deprecate": "workflow_id",
    "registry.archive": "workflow_id",
    "registry.list": "*, include_archived=, limit=, cursor=",
    "organizations.governance.get": "org",
    "organizations.governance.update": (
        "org, *, require_approval_for_external_comm=, require_approval_for_public_writes=, "
        "require_approval_for_permission_changes=, allow_self_approval=, approval_threshold=, category_flags="
    ),
    "organizations.governance.report": "org",
    "organizations.governance.audit": "org, *, limit=, cursor=",
    "organizations.governance.approvals": "org",
    "organizations.quota.get": "org",
    "organizations.quota.update": "org, *, workflow_runs_per_hour=, concurrent_executions=, memory_mb=",
    "organizations.tool_policies.list": "org, *, limit=, cursor=",
    "organizations.tool_policies.create": "org, *, tool_name, enabled=, allowed_roles=",
    "organizations.tool_policies.update": "org, tool_name, *, enabled=, allowed_roles=",
    "organizations.tool_policies.delete": "org, tool_name",
    "organizations.tool_policies.list_role_overrides": "org, *, limit=, cursor=",
    "organizations.tool_policies.create_role_override": "org, *, role, tool_name, enabled=",
    "memory.get": "key, *, scope=, user_id=, workflow_id=",
    "memory.set": "key, value, *, scope=, user_id=, workflow_id=, ttl=",
    "memory.delete": "key, *, scope=, user_id=, workflow_id=",
    "tools.list": "*, limit=, cursor=",
    "tools.get": "name",
    "tools.connect": "name, *, params=",
    "health.check": "",
    "health.secrets": "",
    "request": "method, path, *, params=, json=, returns=",
    "with_options": "*, timeout=, max_retries=, headers=",
}


def methods(owner: object, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every public method of a client and of what hangs on it, by dotted name."""
    for name in dir(type(owner)):
        member = None if name.startswith("_") else getattr(owner, name)
        if callable(member):
            yield f"{prefix}{name}", member
        elif type(member).__module__.startswith(("fibonacci._async.", "fibonacci._sync.")):
            yield from methods(member, f"{prefix}{name}.")


@pytest.fixture
def public(colour: Colour) -> dict[str, Any]:
    """The public methods of a client."""
    return dict(methods(colour.client("key")))


def written(method: Any) -> str:
    """The parameters of a method in short: `=` after those that need not be given."""
    parts: list[str] = []
    for parameter in inspect.signature(method).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in parts:
            parts.append("*")
        assert parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
        parts.append(parameter.name if parameter.default is parameter.empty else f"{parameter.name}=")
    return ", ".join(parts)


def test_every_public_method_has_a_row(public: dict[str, Any]) -> None:
    assert set(public) - set(NOT_ENDPOINTS) == {row.call for row in ROWS}


def test_the_parameters_are_the_documented_ones(colour: Colour, public: dict[str, Any]) -> None:
    public.pop("aclose" if colour.is_async else "close")
    assert {name: written(method) for name, method in public.items()} == SIGNATURES


def test_both_colours_say_what_they_are(colour: Colour, public: dict[str, Any]) -> None:
    paged = {name for name in public if name.rpartition(".")[2] in ("list", "audit", "list_role_overrides")}
    plain = {"with_options"}
    awaited = {name for name, method in public.items() if inspect.iscoroutinefunction(method)}
    assert awaited == (set(public) - paged - plain if colour.is_async else set())
    assert len(paged) == 8


def test_lists_are_pagers_that_send_nothing_by_themselves(colour: Colour) -> None:
    client = colour.client("key", base_url="http://127.0.0.1:9")
    kind = AsyncPager if colour.is_async else Pager
    lists = {row.call: row.on(client) for row in ROWS if row.is_list}
    assert {type(each) for each in lists.values()} == {kind}
    assert repr(lists["tools.list"]) == f"{kind.__name__}(GET /tools)"


def test_every_method_and_resource_is_documented(public: dict[str, Any]) -> None:
    assert [name for name, method in public.items() if not inspect.getdoc(method)] == []
