"""The cases of the rules of definitions: the emulator and the checks agree with all, and a changed rule is noticed."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import Mock

import pytest

from fibonacci.definitions import Problem, check_definition, check_inputs
from fibonacci.definitions.flow import Fate, Flow, FlowStep
from fibonacci.emulator import Emulator
from fibonacci.emulator.engine.errors import NodeError
from fibonacci.models import Tool
from tests.contract.definitions import run
from tests.contract.definitions.run import caller, cases, disagreements
from tests.kit.assertions import check_rows, each_row


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    with Emulator(time="skip", allow_unused=True) as emulator:
        monkeypatch.setenv("FIBONACCI_API_KEY", emulator.api_key)
        yield emulator


def test_the_emulator_agrees_with_every_case(
    platform: Emulator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["run.py", "--base-url", platform.base_url])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(run.__file__, run_name="__main__")
    assert (capsys.readouterr().out, ended.value.code) == (f"{len(list(cases()))} cases: 0 disagree\n", False)


def test_the_checks_agree_with_every_case() -> None:
    check_rows(cases(), check_problems)


def check_problems(case: Any) -> None:
    tools = [Tool.model_validate(tool) for tool in case["tools"]] if "tools" in case else None
    found = check_definition(case["definition"], tools=tools, models=case.get("models"))
    assert list(map(shown, found)) == case["problems"]
    for started in case.get("runs", ()):
        if "input_problems" in started:
            assert list(map(shown, check_inputs(case["definition"], started["inputs"]))) == started["input_problems"]


def shown(problem: Problem) -> dict[str, str]:
    return {"location": problem.location, "code": problem.code, "severity": problem.severity}


def with_false_branches(step: Callable[..., FlowStep] = Flow.step) -> Callable[..., FlowStep]:
    def lie(flow: Flow, node_id: str, fate_of: Callable[[str], Fate], *more: Any) -> FlowStep:
        def fate(other: str) -> Fate:
            return fate_of(other)._replace(result=False) if fate_of(other).status == "skipped" else fate_of(other)

        return step(flow, node_id, fate, *more)

    return lie


def without_fallback(flow: Flow, node_id: str, fate_of: Callable[[str], Fate]) -> str:
    return node_id


LIES: list[tuple[str, object, str]] = [
    ("definitions.flow.Flow.step", with_false_branches(), "flow: A conditional that was skipped takes neither branch"),
    ("definitions.flow.Flow.is_stopped", Mock(return_value=False), "flow: A dependency that is only named"),
    ("definitions.flow.Flow.output_source", without_fallback, "failures: The output of a fallback"),
    ("definitions.templates.as_json", str, "missing-values: As an output of its own it is null"),
    ("definitions.templates.as_text", str, "missing-values: Inside a text it is empty"),
    ("definitions.operators._BOOLEANS", {}, "operators: equals"),
    ("emulator.engine.execution._retry_delay", Mock(return_value=None), "failures: With enable_retry"),
    ("emulator.engine.execution.iteration_of", Mock(return_value=1), "critics: The run continues"),
    ("emulator.engine.execution.first_fault", Mock(return_value=None), "answers: Outputs that do not fit"),
    ("emulator.engine.node_executor.HIGHEST_SCORE", 100, "critics: What is no verdict"),
    ("emulator.engine.node_executor._json_in", Mock(side_effect=NodeError("no")), "answers: output_format json parses"),
    ("emulator.engine.memory.NodeMemory.write", Mock(return_value=None), "memory: memory_write writes after the node"),
    ("definitions.checks.check.cycles", Mock(return_value=()), "flow: A cycle is refused"),
]
"""A rule, what becomes of it, and the beginning of the first case that disagrees then."""


@each_row(("rule", "lie", "first"), LIES)
def test_a_changed_rule_is_noticed(platform: Emulator, rule: str, lie: object, first: str) -> None:
    file = first.partition(":")[0]
    with caller(platform.base_url, platform.api_key) as call, pytest.MonkeyPatch.context() as patch:
        patch.setattr(f"fibonacci.{rule}", lie)
        found = (name for name, case in cases() if name.startswith(file) and next(disagreements(call, case), None))
        assert next(found).startswith(first)
