"""Memory."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from fibonacci.testing.contract.check import Checks, require_equal
from fibonacci.testing.contract.checks.common import require_not_found
from fibonacci.testing.contract.server import Server

VALUES: Final[list[Any]] = [{"a": [1, {"b": None}]}, [1, 2.5, "three"], "text", "", 0, 12.5, True, None]

CHECKS: Final = Checks()


@CHECKS.documented("PUT /memory/{key}", "A value is any JSON, and is read as it was set", changes=True)
def _values(server: Server) -> None:
    for number, value in enumerate(VALUES):
        key = server.memory_key(f"value-{number}")
        server.client.memory.set(key, value)
        require_equal(server.client.memory.get(key).value, value, "value")


@CHECKS.documented("PUT /memory/{key}", "Setting a value again replaces it", changes=True)
def _replaced(server: Server) -> None:
    key = server.memory_key("twice")
    server.client.memory.set(key, {"a": 1})
    server.client.memory.set(key, {"b": 2})
    require_equal(server.client.memory.get(key).value, {"b": 2}, "value")


@CHECKS.documented("PUT /memory/{key}", "The scope is workflow by default", changes=True)
def _default_scope(server: Server) -> None:
    key = server.memory_key("scope")
    require_equal(server.client.memory.set(key, 1).scope, "workflow", "scope")
    require_equal(server.client.memory.get(key, scope="workflow").value, 1, "value")


@CHECKS.documented("GET /memory/{key}", "Scopes are apart: workflow, user, organization, global", changes=True)
def _scopes(server: Server) -> None:
    key = "scopes"
    for scope in ("organization", "global"):
        server.client.memory.set(server.memory_key(key, scope=scope), scope, scope=scope)
    name = server.memory_key(key, scope="user", user_id="contract-suite-1")
    server.client.memory.set(name, "user", scope="user", user_id="contract-suite-1")
    for scope in ("organization", "global"):
        require_equal(server.client.memory.get(name, scope=scope).value, scope, "value")
    require_equal(server.client.memory.get(name, scope="user", user_id="contract-suite-1").value, "user", "value")
    require_not_found(lambda: server.client.memory.get(name, scope="user", user_id="contract-suite-2"))


@CHECKS.documented("PUT /memory/{key}", "`ttl` is in seconds: the value is gone when they have passed", changes=True)
def _ttl(server: Server) -> None:
    server.require_documented("a time to live that is no whole hour")
    key = server.memory_key("ttl")
    server.client.memory.set(key, 1, ttl=1)
    server.sleep(1.5)
    require_not_found(lambda: server.client.memory.get(key))


@CHECKS.choice("PUT /memory/{key}", "A key is one segment of the path: a slash in it is %2F", changes=True)
def _one_segment(server: Server) -> None:
    key = server.memory_key("user/prefs")
    server.client.memory.set(key, 1)
    require_equal(server.raw("GET", f"/memory/{key.replace('/', '%2F')}").status, 200, "the status")
    require_equal(server.client.memory.get(key).key, key, "key")
    server.client.memory.delete(key)
    require_not_found(lambda: server.client.memory.get(key))


@CHECKS.documented("DELETE /memory/{key}", "A deleted value cannot be read", changes=True)
def _deleted(server: Server) -> None:
    key = server.memory_key("deleted")
    server.client.memory.set(key, 1)
    server.client.memory.delete(key)
    require_not_found(lambda: server.client.memory.get(key))


@CHECKS.choice("PUT /memory/{key}", "The response, and what is read, say key, scope, owner and ttl", changes=True)
def _described(server: Server) -> None:
    server.require_documented("`ttl` in a response")
    place: dict[str, Any] = {"scope": "user", "user_id": "contract-suite-1"}
    key = server.memory_key("described", **place)
    written = server.client.memory.set(key, "value", ttl=600, **place)
    expected = (key, "value", "user", "contract-suite-1", 600)
    for entry in (written, server.client.memory.get(key, **place)):
        require_equal((entry.key, entry.value, entry.scope, entry.user_id, entry.ttl), expected, "the entry")


@CHECKS.choice("GET /memory/{key}", "The values of workflows are apart, by `workflow_id`", changes=True)
def _of_workflows(server: Server) -> None:
    places: list[dict[str, Any]] = [{"workflow_id": f"contract-suite-{number}"} for number in (1, 2)]
    for place in places:
        written = server.client.memory.set(server.memory_key("apart", **place), place["workflow_id"], **place)
        require_equal(written.workflow_id, place["workflow_id"], "workflow_id in the response to setting")
    for place in places:
        entry = server.client.memory.get("contract-suite-apart", **place)
        require_equal((entry.value, entry.workflow_id), (place["workflow_id"],) * 2, "value and workflow_id")


@CHECKS.documented("DELETE /memory/{key}", "Deleting a value leaves those of other scopes and owners", changes=True)
def _deleted_alone(server: Server) -> None:
    places: list[dict[str, Any]] = [
        {},
        {"scope": "user", "user_id": "contract-suite-1"},
        {"scope": "user", "user_id": "contract-suite-2"},
        {"workflow_id": "contract-suite-1"},
        {"scope": "global"},
    ]
    for number, place in enumerate(places):
        server.client.memory.set(server.memory_key("alone", **place), number, **place)
    for number, place in enumerate(places):
        server.client.memory.delete("contract-suite-alone", **place)
        require_not_found(partial(server.client.memory.get, "contract-suite-alone", **place))
        for left, other in list(enumerate(places))[number + 1 :]:
            require_equal(server.client.memory.get("contract-suite-alone", **other).value, left, "another value")
