"""A plan checks its files as `validate --tools` does, with the tools of the platform that it is made for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fibonacci import DefinitionError
from fibonacci.definitions import check_file
from fibonacci.emulator import Emulator
from tests.deployment.flows import Flows, steps_of
from tests.kit.assertions import check_rows

MAIL = {"id": "mail", "type": "tool", "tool": "send_mial"}
GREET = {"id": "greet", "type": "llm", "instruction": "Greet {{input.name}}"}
MISSPELLED = {**GREET, "temprature": 0}


def write(flows: Flows, file: str, *nodes: dict[str, Any]) -> None:
    (flows.folder / file).write_text(json.dumps({"nodes": nodes}), "utf-8")


def test_what_validate_calls_an_error_is_not_deployed(flows: Flows, emulator: Emulator) -> None:
    write(flows, "a.json", MAIL, MISSPELLED)
    write(flows, "b.json", GREET)
    file = flows.folder / "a.json"
    said = check_file(file, tools=[tool.name for tool in flows.mode.run(flows.client.tools.list())])
    assert [problem.code for problem in said] == ["unknown_tool", "unknown_key"]
    plan = flows.plan()
    assert (plan.problems, plan.has_changes, plan.summary) == (said, False, "1 error, 1 warning")
    assert str(plan).endswith(f"\n{said[0]}\n{said[1]}\n\nPlan: 1 error, 1 warning. apply refuses this plan.")
    with pytest.raises(DefinitionError, match="there is no tool 'send_mial'") as caught:
        flows.apply(plan)
    assert caught.value.problems == said
    assert flows.names() == []


def test_warnings_are_printed_with_the_plan_and_do_not_stop_it(flows: Flows) -> None:
    write(flows, "a.json", MISSPELLED)
    plan = flows.plan()
    (warning,) = plan.problems.warnings
    assert (plan.problems, plan.summary) == ([warning], "1 to create, 0 unchanged, 1 warning")
    head, shown, change, *_, end = str(plan).split("\n\n")
    assert (head[:9], shown, change.split("\n")[0]) == ("Plan for ", str(warning), "+ create a.json  'a'")
    assert end == "Plan: 1 to create, 0 unchanged, 1 warning."
    assert steps_of(flows.apply(plan)) == [("create", "a.json")]
    again = flows.plan()
    assert (again.has_changes, again.problems, again.summary) == (False, [warning], "1 unchanged, 1 warning")
    assert str(again).startswith(f"{warning}\n\nNo changes: ")


def test_where_tools_cannot_be_listed_the_plan_goes_on_and_says_so(flows: Flows, emulator: Emulator) -> None:
    write(flows, "a.json", MAIL)
    write(flows, "b.json", GREET)
    says = "tools are not checked, because the platform does not list them: "

    def check(fault: dict[str, Any]) -> None:
        emulator.fail("GET /tools", **fault)
        plan = flows.plan()
        (warning,) = plan.problems
        assert (warning.code, warning.severity) == ("unchecked_tools", "warning")
        assert warning.message.startswith(says)
        assert steps_of(plan) == [("create", "a.json"), ("create", "b.json")]

    rows: dict[str, dict[str, Any]] = {
        "a role that may not": {"status": 403},
        "no such call": {"status": 404},
        "a page of a proxy": {"kind": "html"},
    }
    check_rows(rows.items(), check)
