from __future__ import annotations

import itertools
import json
import re
from typing import Any

import pytest

from fibonacci.emulator import Emulator
from fibonacci.emulator.account import ROLES, Actor, ApiKeys, KeyRole
from fibonacci.emulator.context import Endpoint
from fibonacci.emulator.routes import ENDPOINTS
from fibonacci.errors import PermissionDeniedError
from tests.emulator.api import KEY, Api
from tests.kit.assertions import check_rows, each_row
from tests.kit.nodes import tool


def place(template: str, workflow: str) -> str:
    """Fill a template with ids of existing objects."""
    values = {"workflow_id": workflow, "version": "1", "organization_id": "default", "tool_name": "wait", "key": "k"}
    return template.format(execution_id="exec_none", **values)


@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_use_an_endpoint_or_gets_403(api: Api, role: KeyRole) -> None:
    workflow = api.workflow()
    before = api.app.store.snapshot()
    api.key = ApiKeys(KEY).of(role)

    def check(endpoint: Endpoint) -> None:
        api.app.store.restore(before)
        response = api(endpoint.method, place(endpoint.path, workflow), {})
        lowest = endpoint.lowest_role
        assert (response.status == 403) == (ROLES.index(role) < ROLES.index(lowest))
        if response.status == 403:
            assert (response.code, response.fields) == ("permission_denied", ["role"])
            message = response.json["error"]["message"]
            assert all(word in message for word in (str(endpoint), lowest, role))
            assert changed_tables(before, api.app.store.snapshot()) == set()

    check_rows(((str(endpoint), endpoint) for endpoint in ENDPOINTS), check)


def changed_tables(before: bytes, after: bytes) -> set[str]:
    one, two = json.loads(before)["tables"], json.loads(after)["tables"]
    return {name for name in one if one[name] != two[name]}


def test_keys_derive_from_the_owners_and_do_not_disclose_it() -> None:
    keys, others, fresh = ApiKeys("fib-x"), ApiKeys("fib-y"), ApiKeys("fib-x")
    assert keys.of("owner") == "fib-x"
    made: set[str] = set()
    for role, name in itertools.product(ROLES, (None, "ada", "ada-b", "ada@example.org", "a" * 64, "0" * 32)):
        key = keys.of(role, name)
        made.add(key)
        if (role, name) != ("owner", None):
            label = role if name is None else f"{role}-{name}"
            assert re.fullmatch(rf"fib-{re.escape(label)}-[0-9a-f]{{32}}", key)
            assert "fib-x" not in key
        for _ in range(2):  # the second time it is remembered
            assert fresh.find(key) == Actor(name or role, role)  # another process with the owner's key
            assert others.find(key) is None
    assert len(made) == 4 * 6


@each_row(("role", "name"), [("king", None), ("member", ""), ("member", "a b"), ("member", "x" * 65)])
def test_an_invalid_key_is_refused(role: Any, name: str | None) -> None:
    with pytest.raises(ValueError, match=r"role must be one of|a name must be"):
        Emulator().key(role, name=name)


def test_a_client_with_a_roles_key() -> None:
    emulator = Emulator()
    workflow = emulator.client().workflows.create(name="x", definition={"nodes": [tool("a")]})
    viewer = emulator.client(api_key=emulator.key(role="viewer"))
    assert viewer.workflows.get(workflow.id).name == "x"
    with pytest.raises(
        PermissionDeniedError, match=r"requires the role member or higher\. This key has the role viewer"
    ):
        viewer.workflows.delete(workflow.id)


def test_the_organization_has_a_valid_id() -> None:
    assert Emulator(organization_id="acme").organization_id == "acme"
    with pytest.raises(ValueError, match="organization_id must be"):
        Emulator(organization_id="a b")
