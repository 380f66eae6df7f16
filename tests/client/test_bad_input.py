"""Invalid arguments: the error names the argument and the remedy, and nothing is sent."""

from __future__ import annotations

import datetime as dt
import inspect
import math
from enum import Enum
from functools import partial
from operator import attrgetter
from typing import Any

import pytest

from fibonacci import ConfigurationError
from fibonacci.models import Workflow
from tests.endpoints.endpoint_row import EndpointRow
from tests.endpoints.table import ROWS
from tests.kit.assertions import each_row, refused
from tests.kit.mode import Mode
from tests.kit.server import ScriptedServer
from tests.kit.steps import respond_json


class Word(str, Enum):  # noqa: UP042  (str() of a StrEnum is its value)
    """A name of the user's own."""

    TEAM = "team"


class Amount(int, Enum):
    """A number of the user's own."""

    TWO = 2


LONE = "a\ud800b"
WITH_IDS = list({row.call: row for row in ROWS if row.arguments}.values())
BAD_IDS: list[tuple[Any, type[Exception], str]] = [
    ("", ValueError, "must not be"),
    (" \t", ValueError, "must not be"),
    (".", ValueError, "another endpoint"),
    ("..", ValueError, "another endpoint"),
    (None, TypeError, "must be a str, not None"),
    (b"wf-1", TypeError, "not bytes: decode it first"),
    (["wf-1"], TypeError, "must be a str, not list"),
    (True, TypeError, "must be a str, not bool"),
    (LONE, ValueError, "lone surrogate"),
]


@each_row(
    ("row", "value", "expected", "text"),
    [*((row, *BAD_IDS[0]) for row in WITH_IDS), *((WITH_IDS[0], *bad) for bad in BAD_IDS[1:])],
)
def test_each_id_of_each_call_is_checked(
    mode: Mode,
    server: ScriptedServer,
    caller: Any,
    row: EndpointRow,
    value: Any,
    expected: type[Exception],
    text: str,
) -> None:
    method = attrgetter(row.call)(caller)
    names = [name for name in inspect.signature(method).parameters if name != "value"]
    for position, name in enumerate(names[: len(row.arguments)]):
        if row.call == "memory.set" and position:
            continue
        arguments = [*row.arguments]
        arguments[position] = value
        refused(mode, server, expected, partial(method, *arguments, **row.options), name, text)


OUTSIDE = [
    *("https://evil.example/v1/x", "//evil.example/x", "https://user:secret@evil.example/x", "@evil.example/x"),
    *("workflows", "", "\\\\evil\\x", "/\\evil/x", "/a\\..\\b", "/..", "/a/../b", "/./a", "/a/%2e%2e/b", "/a/%2E./b"),
    *("/a/.%2e", "/a#fragment", f"/{LONE}"),
]
"""Paths that would leave the base URL."""
TIMEOUTS = [
    *((value, ConfigurationError) for value in (0, -1, math.nan, math.inf)),
    *((value, TypeError) for value in (True, "5", dt.timedelta(5))),
]
LIST = "allowed_roles must be a list"
Refusal = tuple[str, tuple[Any, ...], dict[str, Any], type[Exception], str]
REFUSED: list[Refusal] = [
    ("executions.wait", ("",), {}, ValueError, "execution_id"),
    ("workflows.run", ("..",), {}, ValueError, "workflow_id"),
    ("workflows.run", ("wf-1",), {"cancel_on_exit": "yes"}, TypeError, "cancel_on_exit must be True or False, not str"),
    ("workflows.get", (1,), {}, TypeError, "workflow_id must be a str, not int"),
    ("tools.list", (), {"cursor": b"c"}, TypeError, "cursor must be a str, a number or a bool, not bytes: decode it"),
    ("tools.list", (), {"cursor": ["c"]}, TypeError, "not list"),
    ("tools.list", (), {"cursor": LONE}, ValueError, "lone surrogate"),
    ("memory.get", ("k",), {"scope": b"user"}, TypeError, "scope"),
    ("organizations.tool_policies.update", ("acme", "t"), {"allowed_roles": "owner"}, TypeError, "Write ['owner']"),
    ("organizations.tool_policies.update", ("acme", "t"), {"allowed_roles": None}, TypeError, LIST),
    ("organizations.tool_policies.create", ("acme",), {"tool_name": "t", "allowed_roles": "owner"}, TypeError, LIST),
    *(
        (f"{name}.update", arguments, {}, ValueError, f"nothing to change: give at least one of {offered}")
        for name, arguments, offered in (
            ("workflows", ("wf-1",), "name, description, definition"),
            ("organizations.governance", ("acme",), "require_approval_for_external_comm"),
            ("organizations.quota", ("acme",), "workflow_runs_per_hour, concurrent_executions, memory_mb"),
            ("organizations.tool_policies", ("acme", "wait"), "enabled, allowed_roles"),
        )
    ),
    *(("request", ("GET", where), {}, ValueError, "path") for where in OUTSIDE),
    *(("request", ("GET", where), {}, TypeError, "path must be a str") for where in (None, 1, b"/x")),
    *(("request", (method, "/x"), {}, TypeError, "method must be a str") for method in (None, b"GET")),
    *(
        ("request", (method, "/x"), {}, ValueError, "method must be a word like GET")
        for method in ("", "GET /x", "GET\r\nX: y", "ГЕТ", "G-T", "1")
    ),
    *(
        (
            "request",
            ("GET", "/x"),
            {"params": params, "returns": returns},
            TypeError,
            "params must be a mapping of names",
        )
        for params in ([("a", 1)], "a=1")
        for returns in (None, Workflow)
    ),
    *(
        (call, ("e",), {"timeout": value}, kind, "timeout must be")
        for call in ("executions.wait", "workflows.run")
        for value, kind in TIMEOUTS
    ),
]
"""A call, its arguments, and what is said of them."""


@each_row(("call", "arguments", "options", "expected", "text"), REFUSED)
def test_what_is_refused_before_anything_is_sent(
    mode: Mode,
    server: ScriptedServer,
    caller: Any,
    call: str,
    arguments: tuple[Any, ...],
    options: dict[str, Any],
    expected: type[Exception],
    text: str,
) -> None:
    refused(mode, server, expected, partial(attrgetter(call)(caller), *arguments, **options), text)


@each_row(
    ("where", "on_the_wire"),
    [
        ("/a b", "/a%20b"),
        ("/ü", "/%C3%BC"),
        ("/a%2Fb", "/a%2Fb"),
        ("/a/...", "/a/..."),
        ("/a/..b", "/a/..b"),
        ("/a?x=..", "/a?x=.."),
        ("/a?x=ü&y[]=1", "/a?x=%C3%BC&y[]=1"),
        ("/a\r\nX-Evil: 1", "/a%0D%0AX-Evil:%201"),
        ("/a%0d%0aHost:evil", "/a%0d%0aHost:evil"),
        ("/@evil.example/x", "/@evil.example/x"),
        ("/x?next=http://evil.example/", "/x?next=http://evil.example/"),
    ],
)
def test_what_can_be_sent_is_encoded(
    mode: Mode, server: ScriptedServer, caller: Any, where: str, on_the_wire: str
) -> None:
    server.add_response({"data": 1})
    mode.run(caller.request("GET", where))
    assert server.last.target == f"/v1{on_the_wire}"
    assert server.last.one("host") == f"127.0.0.1:{server.port}"


def test_a_member_of_an_enumeration_is_sent_as_its_value(mode: Mode, server: ScriptedServer) -> None:
    server.default = respond_json({"data": []})
    caller = mode.client_of(server)
    mode.run(caller.executions.list(workflow_id=Word.TEAM, status=Word.TEAM, page_size=Amount.TWO))
    assert server.last.query == "workflow_id=team&status=team&limit=2"
    mode.run(caller.request("GET", "/x", params={Word.TEAM: Amount.TWO}))
    assert server.last.query == "team=2"
    server.default = respond_json({"data": {"version": 2, "key": "k"}})
    mode.run(caller.versions.get(Word.TEAM, Amount.TWO))
    assert server.last.target == "/v1/workflows/team/versions/2"
    # What is set in a scope is found and deleted in the same one.
    mode.run(caller.memory.set("k", 1, scope=Word.TEAM))
    assert server.last.json == {"value": 1, "scope": "team"}
    for call in (caller.memory.get, caller.memory.delete):
        mode.run(call("k", scope=Word.TEAM))
        assert server.last.query == "scope=team"


@each_row(
    ("where", "name", "said"),
    [
        ("", "organisations", "Did you mean 'organizations'?"),
        ("", "with_option", "Did you mean 'with_options'?"),
        ("workflows", "excute", "Did you mean 'execute'?"),
        ("organizations.governance", "aprovals", "Did you mean 'approvals'?"),
        ("health", "zzz", "It has check, secrets"),
    ],
)
def test_the_nearest_name_is_suggested(mode: Mode, where: str, name: str, said: str) -> None:
    client = mode.client("key")
    owner = attrgetter(where)(client) if where else client
    with pytest.raises(AttributeError) as caught:
        getattr(owner, name)
    assert str(caught.value) == f"{type(owner).__name__} has no attribute {name!r}. {said}"
    assert not hasattr(owner, name)
