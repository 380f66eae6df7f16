from __future__ import annotations

import json
from typing import Any

import pytest

from fibonacci.emulator import Emulator
from fibonacci.emulator.account.auth import ROLES, Actor, ApiKeys, KeyRole
from fibonacci.emulator.routes.endpoints import ENDPOINTS, PERMISSIONS, lowest_role
from fibonacci.errors import PermissionDeniedError
from tests.emulator.api import KEY, Api, tool

ORG = "/organizations/default"
TABLE = [(method, path) for method, path, _ in ENDPOINTS]


def place(template: str, workflow: str) -> str:
    """Fill a template with ids of existing objects."""
    values = {"workflow_id": workflow, "version": "1", "organization_id": "default", "tool_name": "wait", "key": "k"}
    return template.format(execution_id="exec_none", **values)


def test_every_permission_belongs_to_an_endpoint() -> None:
    assert set(PERMISSIONS) <= set(TABLE)


@pytest.mark.parametrize(("method", "template"), TABLE)
@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_use_an_endpoint_or_gets_403(api: Api, method: str, template: str, role: KeyRole) -> None:
    path = place(template, api.workflow())
    before = api.app.store.snapshot()
    api.key = ApiKeys(KEY).of(role)
    response = api(method, path, {})
    lowest = lowest_role(method, template)
    assert (response.status == 403) == (ROLES.index(role) < ROLES.index(lowest))
    if response.status == 403:
        assert (response.code, response.fields) == ("permission_denied", ["role"])
        message = response.json["error"]["message"]
        assert all(word in message for word in (method, template, lowest, role))
        assert changed_tables(before, api.app.store.snapshot()) == set()


def changed_tables(before: bytes, after: bytes) -> set[str]:
    one, two = json.loads(before)["tables"], json.loads(after)["tables"]
    return {name for name in one if one[name] != two[name]}


@pytest.mark.parametrize(
    ("method", "template", "lowest"),
    [
        ("GET", "/workflows/{workflow_id}/versions", "viewer"),
        ("GET", "/workflows/{workflow_id}/versions/{version}", "admin"),
        ("POST", "/workflows/{workflow_id}/versions/{version}/rollback", "admin"),
        ("PATCH", "/organizations/{organization_id}/governance", "owner"),
        ("PATCH", "/organizations/{organization_id}/quota", "owner"),
        ("DELETE", "/organizations/{organization_id}/tool-policies/{tool_name}", "admin"),
        ("POST", "/workflows/{workflow_id}/execute", "member"),
        ("GET", "/health", "viewer"),
    ],
)
def test_the_documented_permissions(method: str, template: str, lowest: str) -> None:
    assert lowest_role(method, template) == lowest


def test_keys_derive_from_the_owners() -> None:
    keys = ApiKeys("fib-x")
    assert keys.of("owner") == "fib-x"
    assert keys.of("viewer") == "fib-x-viewer"
    assert keys.of("member", "ada@example.org") == "fib-x-member-ada@example.org"
    for key, actor in {
        "fib-x": Actor("owner", "owner"),
        "fib-x-admin": Actor("admin", "admin"),
        "fib-x-member-ada-b": Actor("ada-b", "member"),
        "fib-x-owner-ada": Actor("ada", "owner"),
        "fib-x-king": None,
        "fib-x-member-": None,
        "fib-x-member-a b": None,
        "fib-x-": None,
        "fib-": None,
        "fib-y-member": None,
    }.items():
        assert keys.find(key) == actor


@pytest.mark.parametrize(("role", "name"), [("king", None), ("member", ""), ("member", "a b"), ("member", "x" * 65)])
def test_an_invalid_key_is_refused(role: Any, name: str | None) -> None:
    with pytest.raises(ValueError, match=r"role is one of|a name is"):
        Emulator().key(role, name=name)


def test_the_name_of_a_key_is_in_the_audit_log(api: Api) -> None:
    api("POST", f"{ORG}/tool-policies", {"tool_name": "wait"}, authorization=f"Bearer {KEY}-admin-grace")
    assert [entry["actor"] for entry in api("GET", f"{ORG}/governance/audit").data] == ["grace"]


def test_a_client_with_a_roles_key() -> None:
    emulator = Emulator()
    workflow = emulator.client().workflows.create(name="x", definition={"nodes": [tool("a")]})
    viewer = emulator.client(api_key=emulator.key(role="viewer"))
    assert viewer.workflows.get(workflow.id).name == "x"
    with pytest.raises(PermissionDeniedError, match="takes the role member or a higher one; this key's is viewer"):
        viewer.workflows.delete(workflow.id)


def test_the_organization_has_a_valid_id() -> None:
    assert Emulator(organization="acme").organization == "acme"
    with pytest.raises(ValueError, match="organization is"):
        Emulator(organization="a b")
