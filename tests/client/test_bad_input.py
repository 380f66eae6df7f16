"""Invalid arguments: the error names the argument and the remedy, and nothing is sent."""

from __future__ import annotations

import datetime as dt
import inspect
import math
from enum import Enum
from functools import partial
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


class TestIds:
    @each_row(
        ("row", "value", "expected", "text"),
        [*((row, *BAD_IDS[0]) for row in WITH_IDS), *((WITH_IDS[0], *bad) for bad in BAD_IDS[1:])],
    )
    def test_each_id_of_each_call_is_checked(
        self,
        mode: Mode,
        server: ScriptedServer,
        caller: Any,
        row: EndpointRow,
        value: Any,
        expected: type[Exception],
        text: str,
    ) -> None:
        method = caller
        for name in row.call.split("."):
            method = getattr(method, name)
        names = [name for name in inspect.signature(method).parameters if name != "value"]
        for position, name in enumerate(names[: len(row.arguments)]):
            if row.call == "memory.set" and position:
                continue
            arguments = [*row.arguments]
            arguments[position] = value
            refused(mode, server, expected, partial(method, *arguments, **row.options), name, text)

    def test_waiting_and_running(self, mode: Mode, server: ScriptedServer, caller: Any) -> None:
        refused(mode, server, ValueError, lambda: caller.executions.wait(""), "execution_id")
        refused(mode, server, ValueError, lambda: caller.workflows.run(".."), "workflow_id")

    def test_cancel_on_exit_is_a_flag(self, mode: Mode, server: ScriptedServer, caller: Any) -> None:
        call = partial(caller.workflows.run, "wf-1", cancel_on_exit="yes")
        refused(mode, server, TypeError, call, "cancel_on_exit must be True or False, not str")

    def test_only_a_version_may_be_a_number(self, mode: Mode, server: ScriptedServer, caller: Any) -> None:
        refused(mode, server, TypeError, lambda: caller.workflows.get(1), "workflow_id must be a str, not int")


def test_queries(mode: Mode, server: ScriptedServer, caller: Any) -> None:
    wrong = "cursor must be a str, a number or a bool, not bytes: decode it first"
    refused(mode, server, TypeError, lambda: caller.tools.list(cursor=b"c"), wrong)
    refused(mode, server, TypeError, lambda: caller.tools.list(cursor=["c"]), "not list")
    refused(mode, server, ValueError, lambda: caller.tools.list(cursor=LONE), "lone surrogate")
    refused(mode, server, TypeError, lambda: caller.memory.get("k", scope=b"user"), "scope", "bytes")


class TestNothingToChange:
    @each_row(
        ("name", "arguments", "offered"),
        [
            ("workflows.update", ("wf-1",), "name, description, definition"),
            ("organizations.governance.update", ("acme",), "require_approval_for_external_comm"),
            ("organizations.quota.update", ("acme",), "workflow_runs_per_hour, concurrent_executions, memory_mb"),
            ("organizations.tool_policies.update", ("acme", "wait"), "enabled, allowed_roles"),
        ],
    )
    def test_an_update_without_anything(
        self, mode: Mode, server: ScriptedServer, caller: Any, name: str, arguments: tuple[str, ...], offered: str
    ) -> None:
        row = EndpointRow(name, "", "", None, object, arguments)
        refused(mode, server, ValueError, lambda: row.on(caller), "nothing to change: give at least one", offered)

    @each_row("method", ["create", "update"])
    @each_row(("roles", "remedy"), [("owner", "Write ['owner']"), (None, "leave it out")])
    def test_one_role_and_none_are_no_list_of_roles(
        self, mode: Mode, server: ScriptedServer, caller: Any, method: str, roles: str | None, remedy: str
    ) -> None:
        policies = caller.organizations.tool_policies
        calls = {
            "create": lambda: policies.create("acme", tool_name="t", allowed_roles=roles),
            "update": lambda: policies.update("acme", "t", allowed_roles=roles),
        }
        refused(mode, server, TypeError, calls[method], "allowed_roles must be a list", remedy)


class TestRequest:
    @each_row(
        "where",
        [
            "https://evil.example/v1/x",
            "//evil.example/x",
            "workflows",
            "",
            "@evil.example/x",
            "\\\\evil\\x",
            "/\\evil/x",
            "/a\\..\\b",
            "/..",
            "/a/../b",
            "/./a",
            "/a/%2e%2e/b",
            "/a/%2E./b",
            "/a/.%2e",
            "/a#fragment",
            f"/{LONE}",
            "https://user:secret@evil.example/x",
        ],
    )
    def test_a_path_that_leaves_the_base_url_is_refused(
        self, mode: Mode, server: ScriptedServer, caller: Any, where: str
    ) -> None:
        refused(mode, server, ValueError, lambda: caller.request("GET", where), "path")

    @each_row(
        ("method", "where", "expected", "text"),
        [
            *(("GET", where, TypeError, "path must be a str") for where in (None, 1, b"/x")),
            *((method, "/x", TypeError, "method must be a str") for method in (None, b"GET")),
            *(
                (method, "/x", ValueError, "method must be a word like GET")
                for method in ("", "GET /x", "GET\r\nX: y", "ГЕТ", "G-T", "1")
            ),
        ],
    )
    def test_what_is_no_method_and_no_path_is_refused(
        self,
        mode: Mode,
        server: ScriptedServer,
        caller: Any,
        method: Any,
        where: Any,
        expected: type[Exception],
        text: str,
    ) -> None:
        refused(mode, server, expected, lambda: caller.request(method, where), text)

    @each_row("params", [[("a", 1)], "a=1"])
    def test_parameters_that_are_no_mapping_are_refused(
        self, mode: Mode, server: ScriptedServer, caller: Any, params: Any
    ) -> None:
        for returns in (None, Workflow):
            call = partial(caller.request, "GET", "/x", params=params, returns=returns)
            refused(mode, server, TypeError, call, "params must be a mapping of names to values, not")

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
        self, mode: Mode, server: ScriptedServer, caller: Any, where: str, on_the_wire: str
    ) -> None:
        server.add_response({"data": 1})
        mode.run(caller.request("GET", where))
        assert server.last.target == f"/v1{on_the_wire}"
        assert server.last.one("host") == f"127.0.0.1:{server.port}"


class TestEnumerations:
    def test_a_member_of_an_enumeration_is_sent_as_its_value(self, mode: Mode, server: ScriptedServer) -> None:
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


class TestTimeouts:
    @each_row(
        ("value", "expected"),
        [
            (0, ConfigurationError),
            (-1, ConfigurationError),
            (math.nan, ConfigurationError),
            (math.inf, ConfigurationError),
            (True, TypeError),
            ("5", TypeError),
            (dt.timedelta(5), TypeError),
        ],
    )
    def test_of_waiting_and_running(
        self, mode: Mode, server: ScriptedServer, caller: Any, value: Any, expected: type[Exception]
    ) -> None:
        refused(mode, server, expected, lambda: caller.executions.wait("e", timeout=value), "timeout", "seconds")
        refused(mode, server, expected, lambda: caller.workflows.run("w", timeout=value), "timeout", "seconds")


class TestMisspelled:
    @each_row(
        ("where", "name", "meant"),
        [
            ("", "organisations", "organizations"),
            ("", "with_option", "with_options"),
            ("workflows", "excute", "execute"),
            ("organizations.governance", "aprovals", "approvals"),
        ],
    )
    def test_the_nearest_name_is_suggested(self, mode: Mode, where: str, name: str, meant: str) -> None:
        owner = mode.client("key")
        for part in where.split(".") if where else []:
            owner = getattr(owner, part)
        with pytest.raises(AttributeError) as caught:
            getattr(owner, name)
        assert f"{type(owner).__name__} has no attribute {name!r}. Did you mean {meant!r}?" == str(caught.value)
        assert not hasattr(owner, name)

    def test_without_a_near_one_all_are_named(self, mode: Mode) -> None:
        with pytest.raises(AttributeError, match="It has check, secrets"):
            _ = mode.client("key").health.zzz

    def test_an_unknown_argument_is_an_ordinary_type_error(self, mode: Mode) -> None:
        with pytest.raises(TypeError, match="time_out"):
            mode.client("key", time_out=5)
