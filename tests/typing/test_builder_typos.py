"""Type checkers find nothing in a workflow as code, and each typo in the line that has it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pytest

from fibonacci import WorkflowBuilder
from tests.kit.assertions import check_rows
from tests.kit.programs import skip_or_fail

PROGRAM = Path(__file__).with_name("triage_program.py").read_text("utf-8")
ROOT = Path(__file__).parents[2]

TYPE_ERRORS = {
    "a misspelt input": ("given.mail}", "given.mial}"),
    "a misspelt field of an input": ("given.sender.name", "given.sender.naem"),
    "a misspelt field of an output": ("classify.output.reason", "classify.output.resaon"),
    "a misspelt field of a critic's output": ("judge.output.passed", "judge.output.pased"),
    "a misspelt field of a conditional's output": ("urgent.output.result", "urgent.output.resutl"),
    "a field of the node in place of its output": ("classify.output.urgency", "classify.urgency"),
    "a misspelt method": ("flow.critic(", "flow.critik("),
    "a misspelt otherwise": ("urgent.otherwise()", "urgent.otherwize()"),
    "a misspelt operator": ('"equals", "high"', '"equal", "high"'),
    "a misspelt format": ('output_format="json"', 'output_format="jsno"'),
    "a misspelt backoff": ('retry_backoff="linear"', 'retry_backoff="linaer"'),
    "an unknown keyword": ("retry_delay=1.0", "retry_dealy=1.0"),
    "a wrong type": ("timeout=10", 'timeout="10"'),
    "a count that is no number": ("retries=3", 'retries="3"'),
    "a node without its instruction": ('flow.llm("thank", "Thank them")', 'flow.llm("thank")'),
    "a text in place of a node": ('flow.critic("judge", draft', 'flow.critic("judge", "draft"'),
    "an id in place of a node": ("then=[thank]", 'then=["thank"]'),
    "a part in place of a node": ("after=[classify]", 'after=[classify["x"]]'),
    "an object in place of its class": ("flow.inputs(Ticket)", "flow.inputs(Ticket.model_construct())"),
}
"""Typos that type checkers find, in the line that has them."""

RUN_ERRORS = {
    "a misspelt item of an output": ("classify['tone']", "classify['tnoe']"),
    "a text without its f": ('f"Classify: {given.mail}"', '"Classify: {given.mail}"'),
    "a template of an unknown node": ('"Thank them"', '"Thank them for {{classfy}}"'),
}
"""Typos that are errors when the program runs, in the line that has them."""

PROBLEMS = {
    "a misspelt tool": ("slack_send_message", "slack_send_mesage"),
    "a misspelt input in a template": ('"Thank them"', '"Thank them for {{input.mial}}"'),
}
"""Typos that `check` reports, in the line that has them."""

Checker = Callable[[list[Path]], dict[str, int]]


def mypy(files: list[Path]) -> dict[str, int]:
    """Return the line of the first error that mypy finds in its strict mode, by the name of the file."""
    run = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--hide-error-context", *map(str, files)],
        capture_output=True,
        check=False,
        cwd=ROOT,
        text=True,
    )
    assert run.stderr == ""
    return first_lines(re.findall(r"^(.+?):(\d+): error", run.stdout, re.MULTILINE))


def pyright(files: list[Path]) -> dict[str, int]:
    """Return the line of the first error that pyright finds in its strict mode, by the name of the file."""
    run = subprocess.run(
        [sys.executable, "-m", "pyright", "--pythonpath", sys.executable, "--outputjson", *map(str, files)],
        capture_output=True,
        check=False,
        cwd=ROOT,
        text=True,
    )
    found = json.loads(run.stdout)["generalDiagnostics"]
    return first_lines((each["file"], each["range"]["start"]["line"] + 1) for each in found)


def first_lines(errors: Iterable[tuple[str, int | str]]) -> dict[str, int]:
    """Return the first line by file: a call with a mistake has no type, which later lines are at fault for too."""
    return {Path(name).name: int(line) for name, line in sorted(errors, key=lambda each: int(each[1]), reverse=True)}


@pytest.mark.slow  # the checkers are not among what README's command installs
@pytest.mark.parametrize("checker", [mypy, pyright], ids=["mypy", "pyright"])
def test_each_typo_and_nothing_else_is_found(checker: Checker, tmp_path: Path) -> None:
    if find_spec(checker.__name__) is None:
        skip_or_fail(checker.__name__, "pip install '.[lint]'")
    text = f"# pyright: strict\n{PROGRAM}"
    files = [tmp_path / "right.py"]
    files[0].write_text(text, "utf-8")
    expected: dict[str, int] = {}
    for number, typo in enumerate(TYPE_ERRORS.values()):
        files.append(tmp_path / f"typo_{number}.py")
        program, expected[files[-1].name] = with_typo(text, typo)
        files[-1].write_text(program, "utf-8")
    assert checker(files) == expected


def with_typo(text: str, typo: tuple[str, str]) -> tuple[str, int]:
    """Return a program with a typo, and the line that has it."""
    right, wrong = typo
    before, found, after = text.partition(right)
    assert found, right
    return before + wrong + after, before.count("\n") + 1


def test_what_type_checkers_do_not_find_is_an_error_in_its_line_or_a_problem_with_it() -> None:
    def check_error(typo: tuple[str, str]) -> None:
        program, line = with_typo(PROGRAM, typo)
        with pytest.raises((ValueError, UserWarning)) as caught:  # the line counts
            run(program)
        assert [each.lineno + 1 for each in caught.traceback if str(each.path) == "triage.py"] == [line]

    def check_problem(typo: tuple[str, str]) -> None:
        program, line = with_typo(PROGRAM, typo)
        problems = run(program).check(tools=["slack_send_message", "wait"])
        assert [each.source for each in problems] == [f"triage.py:{line}"]

    assert not run(PROGRAM).check(tools=["slack_send_message", "wait"])
    check_rows(RUN_ERRORS.items(), check_error)
    check_rows(PROBLEMS.items(), check_problem)


def run(program: str) -> WorkflowBuilder:
    """Run a program, and return the workflow that it builds."""
    module = ModuleType("triage")  # pydantic looks for the types of its models there
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "triage", module)
        exec(compile(program, "triage.py", "exec"), vars(module))
    flow: WorkflowBuilder = module.flow
    return flow
