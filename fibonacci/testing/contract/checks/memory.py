"""Memory."""

from __future__ import annotations

from typing import Any, Final

from fibonacci.testing.contract.check import Checks, require_equal
from fibonacci.testing.contract.checks.common import UNKNOWN, require_not_found
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
    key = server.memory_key("ttl")
    server.client.memory.set(key, 1, ttl=1)
    server.sleep(1.5)
    require_not_found(lambda: server.client.memory.get(key))


@CHECKS.choice("GET /memory/{key}", "An unknown key is refused with 404")
def _unknown(server: Server) -> None:
    require_not_found(lambda: server.client.memory.get(UNKNOWN))


@CHECKS.choice("PUT /memory/{key}", "A key is one segment of the path: a slash in it is %2F", changes=True)
def _one_segment(server: Server) -> None:
    key = server.memory_key("user/prefs")
    server.client.memory.set(key, 1)
    require_equal(server.raw("GET", f"/memory/{key.replace('/', '%2F')}").status, 200, "the status")
    require_equal(server.client.memory.get(key).key, key, "key")


@CHECKS.documented("DELETE /memory/{key}", "A deleted value cannot be read", changes=True)
def _deleted(server: Server) -> None:
    key = server.memory_key("deleted")
    server.client.memory.set(key, 1)
    server.client.memory.delete(key)
    require_not_found(lambda: server.client.memory.get(key))
