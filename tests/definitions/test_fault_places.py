"""Every fault of a file has its place: file, line and column."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import pytest

import fibonacci
from fibonacci.definitions import DefinitionError, check_file, load, loads
from tests.kit.assertions import each_row

FAULTY = """\
name: 1
nodes:
  - id: greet
    type: llm
    instruction: "{{nobody}} and {{input.name}}"
    temperature: "0.5"
    dependencies: [missing, greet2]
  - id: greet2
    type: tool
    timeout: -1
    params:
      to.whom: ["{{lost.x}}"]
  - {id: Bad Id, type: lm}
outputs:
  text: '{{greet3}}'
"""

FAULTS = {
    "1:7": ("name", "wrong_type"),
    "5:19": ("nodes[0].instruction", "unknown_template_source"),
    "6:18": ("nodes[0].temperature", "wrong_type"),
    "7:20": ("nodes[0].dependencies[0]", "unknown_dependency"),
    "8:5": ("nodes[1].tool", "missing_field"),
    "10:14": ("nodes[1].timeout", "invalid_value"),
    "12:18": ("nodes[1].params.to.whom[0]", "unknown_template_source"),
    "13:10": ("nodes[2].id", "bad_id"),
    "13:24": ("nodes[2].type", "misspelled_node_type"),
    "15:10": ("outputs.text", "unknown_template_source"),
}


def errors(text: str, name: str = "flow.yaml") -> dict[str, tuple[str, str]]:
    with pytest.raises(DefinitionError) as caught:
        loads(text, name=name)
    problems = [problem for problem in caught.value.problems if problem.severity == "error"]
    assert all(problem.source and problem.source.startswith(f"{name}:") for problem in problems)
    return {str(problem.source).removeprefix(f"{name}:"): (problem.location, problem.code) for problem in problems}


def test_all_faults_come_at_once_in_the_order_of_the_file() -> None:
    found = errors(FAULTY)
    assert found == FAULTS
    assert list(found) == list(FAULTS)


def test_an_unknown_key_is_found_at_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path("flow.yaml")
    path.write_text("nodes:\n- id: a\n  type: llm\n  instruction: Hi\n  temprature: 1\n", "utf-8")
    found = {problem.code: problem for problem in check_file(path)}
    assert found["unknown_key"].source == "flow.yaml:5:3"
    assert found["unknown_key"].severity == "warning"
    assert load(path).nodes[0].id == "a"


@each_row(
    ("line", "remedy"),
    [
        ("name: 1.0", 'Write it in quotes: "1.0"'),
        ("name: true", 'Write it in quotes: "true"'),
        ("enable_retry: yes", "Write true or false, without quotes"),
        ('timeout: "30"', "Write a number without quotes"),
        ("timeout: 030", "Write a number without quotes, in decimal digits"),
        ("dependencies: a", "Write a list in brackets: [a]"),
    ],
)
def test_a_wrong_type_names_its_remedy(line: str, remedy: str) -> None:
    text = f"nodes:\n- id: a\n  type: tool\n  tool: t\n  {line}\n"
    with pytest.raises(DefinitionError, match="should be") as caught:
        loads(text)
    (problem,) = [problem for problem in caught.value.problems if problem.code == "wrong_type"]
    assert remedy in problem.message


@each_row(("text", "found"), [("[]", "a list"), ("nodes", '"nodes"'), ("7", "7"), ("---", "null")])
def test_a_document_that_is_no_object_is_refused(text: str, found: str) -> None:
    with pytest.raises(DefinitionError, match=f"a definition must be an object with the key 'nodes', not {found}"):
        loads(text)


def test_the_error_is_one_of_the_package_and_travels_with_its_problems() -> None:
    with pytest.raises(fibonacci.DefinitionError) as caught:
        loads(FAULTY, name="flow.yaml")
    error = caught.value
    assert isinstance(error, fibonacci.FibonacciError)
    assert isinstance(error, ValueError)
    assert (error.message, error.code, error.details) == (str(error), None, ())
    assert len(error.problems.errors) == len(FAULTS)
    assert [*error.problems.errors, *error.problems.warnings] == sorted(error.problems, key=lambda each: each.severity)
    for other in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(other) is DefinitionError
        assert (str(other), other.problems, other.problems.errors) == (
            str(error),
            error.problems,
            error.problems.errors,
        )
