"""What the emulator does not know or do is a warning, and in strict mode a refusal."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from fibonacci import Fibonacci, NotFoundError, ValidationError
from fibonacci.emulator import Emulator
from tests.emulator.handling import create
from tests.kit.assertions import each_row
from tests.kit.nodes import llm, tool

MAIL = {"to": "a", "subject": "b", "body": "c"}
UNKNOWN: list[tuple[list[dict[str, Any]], dict[str, Any], str, str]] = [
    ([llm("a", temprature=1)], {}, "unknown_key", "nodes[0].temprature"),
    ([llm("a")], {"retires": 3}, "unknown_key", "retires"),
    ([llm("a"), {"id": "b", "type": "loop", "over": "{{a}}"}], {}, "unknown_node_type", "nodes[1].type"),
    ([tool("a", "gmail.send", MAIL | {"subjct": "x"})], {}, "unknown_parameter", "nodes[0].params.subjct"),
    ([llm("a", model="gtp-4")], {}, "unknown_model", "nodes[0].model"),
    ([llm("a"), llm("b")], {"outputs": {"x": "{{a}}"}}, "unused_node", "nodes[1]"),
]


@each_row(("nodes", "more", "code", "location"), UNKNOWN)
def test_what_a_workflow_asks_for_in_vain_is_a_warning_and_in_strict_mode_refused(
    nodes: list[dict[str, Any]], more: dict[str, Any], code: str, location: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.clear()
    emulator = Emulator()
    client = emulator.client()
    with caplog.at_level(logging.WARNING, "fibonacci.emulator"):
        workflow = create(client, *nodes, **more)
        for _ in range(2):
            client.workflows.execute(workflow)
    (warning,) = emulator.warnings
    assert (warning.code, warning.location.partition(" ")[0]) == (code, f"workflows/{workflow}")
    assert location in warning.location
    assert [record.getMessage() for record in caplog.records] == [str(warning)]
    strict = Emulator(strict=True).client()
    with pytest.raises(ValidationError) as caught:
        strict.workflows.execute(create(strict, *nodes, **more))
    assert code in str(caught.value)
    assert location in str(caught.value)
    execution = client.executions.list().first()
    assert execution is not None
    trace = client.executions.get(execution.id).trace or []
    shown = [text for node in trace for text in node.warnings or []]
    place = location.partition(".")[2]
    assert shown == ([": ".join(filter(None, (place, warning.message)))] if location.startswith("nodes") else [])


CALLS_ON_ORGANIZATIONS: list[Callable[[Fibonacci], object]] = [
    lambda client: client.organizations.governance.update("other", approval_threshold=2),
    lambda client: client.organizations.tool_policies.create("other", tool_name="wait"),
]


@each_row("call", CALLS_ON_ORGANIZATIONS)
def test_another_organization_is_a_warning_and_in_strict_mode_a_404(call: Callable[[Fibonacci], object]) -> None:
    emulator = Emulator()
    call(emulator.client())
    assert [(each.code, each.location) for each in emulator.warnings] == [
        ("foreign_organization", "organizations/other")
    ]
    with pytest.raises(NotFoundError, match="no organization 'other'"):
        call(Emulator(strict=True).client())


def test_what_is_stored_and_not_enforced_is_a_warning() -> None:
    emulator = Emulator()
    emulator.client().organizations.quota.update("default", memory_mb=1)
    assert [each.code for each in emulator.warnings] == ["not_enforced"]
    with pytest.raises(ValidationError, match="memory_mb is stored but not enforced"):
        Emulator(strict=True).client().organizations.quota.update("default", memory_mb=1)


def test_a_query_parameter_that_nothing_reads_is_a_warning() -> None:
    emulator = Emulator()
    emulator.client().request("GET", "/executions", params={"state": "failed", "limit": 5})
    assert [(each.code, each.location) for each in emulator.warnings] == [
        ("unknown_query_parameter", "GET /executions ?state")
    ]
    with pytest.raises(ValidationError, match="state"):
        Emulator(strict=True).client().request("GET", "/executions", params={"state": "failed"})
