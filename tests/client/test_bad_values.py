"""Values that have no JSON form: the error names their place and the remedy, and nothing is sent."""

from __future__ import annotations

import datetime as dt
import decimal
import math
import uuid
from collections import ChainMap, OrderedDict
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

import pytest

from fibonacci.definitions import WorkflowDefinition
from tests.kit.assertions import each_row, refused
from tests.kit.mode import Mode
from tests.kit.server import ScriptedServer

LONE = "a\ud800b"


class NotMapping:
    """Looks like nothing that JSON knows."""


CIRCULAR: dict[str, Any] = {}
CIRCULAR["again"] = {"me": CIRCULAR}


def nested(depth: int) -> list[Any]:
    made: list[Any] = []
    for _ in range(depth):
        made = [made]
    return made


NAN = (math.nan, ValueError, "is nan, which JSON cannot represent. Use null (None) or a finite number")
BYTES = (b"bytes", TypeError, "is of type bytes, which has no JSON form: decode it, or encode it as base64")


def bad_values() -> list[tuple[Any, type[Exception], str]]:
    return [
        NAN,
        (math.inf, ValueError, "is inf"),
        (-math.inf, ValueError, "is -inf"),
        BYTES,
        (bytearray(b"b"), TypeError, "base64"),
        (dt.datetime(2026, 11, 25, tzinfo=dt.UTC), TypeError, "datetime, which has no JSON form: use .isoformat()"),
        (dt.date(2026, 11, 25), TypeError, ".isoformat()"),
        ({1, 2}, TypeError, "set, which has no JSON form: use sorted() or list()"),
        (frozenset({1}), TypeError, "sorted()"),
        (decimal.Decimal("1.5"), TypeError, "use str() or float()"),
        (uuid.UUID(int=1), TypeError, "use str()"),
        (NotMapping(), TypeError, "is of type NotMapping, which has no JSON form: pass plain data"),
        (1j, TypeError, "complex"),
        (LONE, ValueError, "contains a lone surrogate, which is not valid text"),
        ({(1, 2): 3}, TypeError, "has a key of type tuple. Use str keys"),
        (CIRCULAR, ValueError, "contains itself"),
        (nested(50_000), ValueError, "nested too deeply"),
    ]  # fmt: skip


MAPPINGS: list[Mapping[str, int]] = [MappingProxyType({"a": 1}), ChainMap({"a": 1}, {}), OrderedDict({"a": 1})]


class TestValues:
    @each_row(("value", "expected", "text"), bad_values)
    def test_a_value_without_a_json_form_is_named_by_its_place_in_the_inputs(
        self, mode: Mode, server: ScriptedServer, caller: Any, value: Any, expected: type[Exception], text: str
    ) -> None:
        inputs = {"outer": [0, {"inner": value}]}
        refused(
            mode,
            server,
            expected,
            lambda: caller.workflows.execute("wf-1", inputs=inputs),
            "inputs.outer[1].inner",
            text,
        )

    @each_row(("value", "expected", "text"), [NAN, BYTES, (LONE, ValueError, "contains a lone surrogate")])
    def test_a_body_without_a_json_form_is_named(
        self, mode: Mode, server: ScriptedServer, caller: Any, value: Any, expected: type[Exception], text: str
    ) -> None:
        refused(mode, server, expected, lambda: caller.request("POST", "/x", json=value), f"the body {text}")

    @each_row(("value", "expected", "text"), [NAN, BYTES])
    def test_all_other_arguments(
        self, mode: Mode, server: ScriptedServer, caller: Any, value: Any, expected: type[Exception], text: str
    ) -> None:
        calls: list[tuple[Callable[[], Any], str]] = [
            (lambda: caller.memory.set("k", value), "value"),
            (lambda: caller.memory.set("k", 1, ttl=value), "ttl"),
            (lambda: caller.workflows.create(name=value), "name"),
            (lambda: caller.workflows.create(name="n", definition={"nodes": value}), "definition.nodes"),
            (lambda: caller.workflows.update("wf-1", description=value), "description"),
            (lambda: caller.workflows.run("wf-1", inputs={"x": value}), "inputs.x"),
            (lambda: caller.tools.connect("t", params={"p": [value]}), "p[0]"),
            (lambda: caller.organizations.quota.update("acme", memory_mb=value), "memory_mb"),
            (lambda: caller.organizations.governance.update("acme", category_flags={"x": value}), "category_flags.x"),
            (lambda: caller.organizations.tool_policies.create("acme", tool_name="t", enabled=value), "enabled"),
            (lambda: caller.request("POST", "/x", json={"a": value}), "a"),
        ]
        for make, place in calls:
            refused(mode, server, expected, make, place, text)

    def test_the_place_of_a_value_in_a_model(self, mode: Mode, server: ScriptedServer, caller: Any) -> None:
        node = {"id": "a", "type": "tool", "tool": "wait", "params": {"seconds": math.nan}}
        definition = WorkflowDefinition.model_validate({"name": "x", "nodes": [node]})
        refused(
            mode,
            server,
            ValueError,
            lambda: caller.workflows.create(name="x", definition=definition),
            "definition.nodes[0].params.seconds",
        )

    @each_row("inputs", [["a"], "text", 7, b"x", [("a", 1)]])
    def test_inputs_that_are_no_mapping(self, mode: Mode, server: ScriptedServer, caller: Any, inputs: Any) -> None:
        for make in (caller.workflows.execute, caller.workflows.run):
            refused(mode, server, TypeError, partial(make, "wf-1", inputs=inputs), "inputs must be a mapping")

    @each_row("value", [{LONE: 1}, {math.nan: 1}, 10**5000])
    def test_what_json_cannot_write_although_its_type_is_right(
        self, mode: Mode, server: ScriptedServer, caller: Any, value: Any
    ) -> None:
        with pytest.raises(ValueError, match="JSON form"):
            mode.run(caller.workflows.execute("wf-1", inputs={"x": value}))
        assert server.requests == []

    @each_row("mapping", MAPPINGS)
    def test_mappings_of_any_kind_are_sent(self, mode: Mode, server: ScriptedServer, caller: Any, mapping: Any) -> None:
        server.add_response({"data": {"id": "e"}})
        mode.run(caller.workflows.execute("wf-1", inputs=mapping))
        assert server.last.json == {"inputs": {"a": 1}}
