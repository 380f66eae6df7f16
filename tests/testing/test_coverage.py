"""Coverage of workflows: the options `--fibonacci-cov...`, and the reports."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.testing.conftest import RunPytest
from tests.testing.test_plugin import FEW_PLUGINS, run_as_program

TRIAGE = """
import pytest

from fibonacci.emulator import Emulator

NODES = [
    {"id": "classify", "type": "llm", "instruction": "Urgent? {{input.mail}}"},
    {"id": "urgent", "type": "conditional", "left_value": "{{classify}}", "operator": "equals", "right_value": "yes",
     "true_branch": ["page"], "false_branch": ["draft"]},
    {"id": "page", "type": "tool", "tool": "web_search", "params": {"query": "x"}, "fallback": "mail",
     "enable_retry": True},
    {"id": "mail", "type": "llm", "instruction": "Mail"},
    {"id": "draft", "type": "llm", "instruction": "Draft"},
    {"id": "judge", "type": "critic", "target_node": "draft"},
]


def run(client, answer="no", nodes=NODES, name="Triage"):
    workflow = client.workflows.create(name=name, definition={"nodes": nodes})
    client.workflows.run(workflow.id, inputs={"mail": "Help"})
"""
ONCE = f"""{TRIAGE}
@pytest.mark.parametrize("number", range(3))
def test_it(fibonacci_emulator, fibonacci_client, number):
    fibonacci_emulator.script("classify", ["no"])
    run(fibonacci_client)
"""
REPORT = """
Workflow  Runs  Nodes  Miss  Branch  BrPart  Cover
--------------------------------------------------
Triage     3      6     2       5       2    45%
--------------------------------------------------
TOTAL      3      6     2       5       2    45%

Triage:
  urgent: never took the branch true
    to reach it: emulator.script('classify', ['yes'])
  page: never ran
    to reach it: emulator.script('classify', ['yes'])
  mail: never ran
    to reach it: emulator.script('classify', ['yes']) and emulator.script('page', [NodeFailure(kind="error")] * 4)
  judge: never sent 'draft' back
    to reach it: emulator.script('classify', ['other'], repeat=True) and emulator.script('judge', [0, 10])
"""


def test_the_report_in_the_terminal(run_pytest: RunPytest) -> None:
    result = run_pytest(ONCE, "--fibonacci-cov")
    result.assert_outcomes(passed=3)
    assert f"= coverage of workflows ={'':=>{28}}" in result.stdout.str()
    assert REPORT in result.stdout.str()


def test_without_the_options_nothing_is_counted_and_nothing_imported(tmp_path: Path) -> None:
    source = """
import sys

def test_it():
    assert [name for name in sys.modules if name.startswith("fibonacci.") and "coverage" in name] == []
"""
    assert "coverage of workflows" not in run_as_program(tmp_path, source, *FEW_PLUGINS)


@pytest.mark.slow
def test_the_workers_of_xdist_count_together(tmp_path: Path) -> None:
    options = ("--fibonacci-cov", "--fibonacci-cov-report=term", "--fibonacci-cov-report=json:cov.json")
    assert REPORT in run_as_program(tmp_path, ONCE, "-n", "2", *options, *FEW_PLUGINS)
    assert json.loads((tmp_path / "cov.json").read_text("utf-8"))["totals"]["runs"] == 3


@pytest.mark.parametrize(("least", "code"), [("45", 0), ("45.5", 1), ("0", 0)])
def test_too_little_fails_the_session(run_pytest: RunPytest, least: str, code: int) -> None:
    result = run_pytest(ONCE, f"--fibonacci-cov-fail-under={least}")
    assert result.ret == code
    failure = "FAIL coverage of workflows: 45.5% is required, and 45.45% was reached"
    assert (failure in result.stdout.lines) == bool(code)


def test_definition_files_that_never_ran_are_listed(run_pytest: RunPytest, pytester: pytest.Pytester) -> None:
    flows = pytester.mkdir("flows")
    greeter = "name: Greeter\nnodes:\n  - {id: greet, type: llm, prompt: 'Greet {{ input.name }}'}\n"
    (flows / "greeter.yaml").write_text(greeter, "utf-8")
    (flows / "other.yaml").write_text(greeter.replace("name: Greeter\n", "").replace("Greet ", "Thank "), "utf-8")
    (flows / "broken.yaml").write_text("nodes: 5\n", "utf-8")
    source = f"""{TRIAGE}
def test_it(fibonacci_client):
    node = {{"id": "greet", "type": "llm", "instruction": "Greet {{{{input.mail}}}}"}}
    node["instruction"] = node["instruction"].replace("mail", "name")
    workflow = fibonacci_client.workflows.create(name="In a test", definition={{"nodes": [node]}})
    fibonacci_client.workflows.run(workflow.id, inputs={{"name": "Ada"}})
"""
    result = run_pytest(source, "--fibonacci-cov=flows")
    result.stdout.re_match_lines(
        [
            r"In a test +1 +1 +0 +0 +0 +100%",
            r"other \(flows/other\.yaml\) +0 +1 +1 +0 +0 +0%",
            r"TOTAL +1 +2 +1 +0 +0 +50%",
            r"other \(flows/other\.yaml\): never ran",
            r"not counted: .*broken\.yaml.*nodes.*",
        ]
    )
    assert "greeter.yaml" not in result.stdout.str()


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--fibonacci-cov=nowhere", "--fibonacci-cov: folder '*nowhere' cannot be read: *"),
        (
            "--fibonacci-cov tests",
            "put tests before --fibonacci-cov, or write --fibonacci-cov=tests for a folder of definitions",
        ),
        ("--fibonacci-cov-report=xml", "--fibonacci-cov-report takes term, html:DIR or json:FILE, not 'xml'"),
        ("--fibonacci-cov-report=html", "--fibonacci-cov-report takes term, html:DIR or json:FILE, not 'html'"),
    ],
)
def test_an_option_that_is_not_valid_is_an_error(run_pytest: RunPytest, option: str, message: str) -> None:
    result = run_pytest(ONCE, *option.split())
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {message}"])


def test_a_report_that_cannot_be_written_fails_the_session(run_pytest: RunPytest) -> None:
    result = run_pytest(ONCE, "--fibonacci-cov-report=json:nowhere/cov.json")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["FAIL --fibonacci-cov-report=json:nowhere/cov.json: No such file or directory"])


HOSTILE = "<script>alert(1)</script>\\x1b[31m&'\\\""


class Elements(HTMLParser):
    """The elements and addresses of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.addresses: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses += [value for name, value in attrs if name in ("href", "src") and value]


def test_the_report_in_html(run_pytest: RunPytest, pytester: pytest.Pytester) -> None:
    source = f"""{ONCE}
def test_hostile(fibonacci_client):
    node = {{"id": "greet", "type": "llm", "name": "<b>bold</b>", "instruction": "Greet"}}
    run(fibonacci_client, nodes=[node], name="{HOSTILE}")
"""
    result = run_pytest(source, "--fibonacci-cov-report=html:report/html", "--fibonacci-cov-report=term")
    assert "\x1b" not in result.stdout.str()
    assert "Coverage of workflows written to report/html" in result.stdout.lines
    folder = pytester.path / "report" / "html"
    index, *others = [(folder / "index.html"), *(page for page in folder.glob("*.html") if page.name != "index.html")]
    assert len(others) == 2
    for page in (index, *others):
        found = Elements(page.read_text("utf-8"))
        assert found.tags.isdisjoint({"script", "b"})
        assert [name for name in found.addresses if not (folder / name).is_file()] == []
    triage = next(page for page in others if page.name.startswith("triage-")).read_text("utf-8")
    assert "never sent &#39;draft&#39; back" in triage
    picture = next(folder.glob("triage-*.svg")).read_text("utf-8")
    assert "false: 3\N{MULTIPLICATION SIGN}" in picture
    assert "prefers-color-scheme:dark" in picture
    assert "prefers-color-scheme: dark" in (folder / "style.css").read_text("utf-8")


def test_the_report_in_json(run_pytest: RunPytest, pytester: pytest.Pytester) -> None:
    run_pytest(ONCE, "--fibonacci-cov-report=json:cov.json").assert_outcomes(passed=3)
    report = json.loads((pytester.path / "cov.json").read_text("utf-8"))
    numbers = {"runs": 3, "nodes": 6, "missed": 2, "branches": 5, "missed_branches": 4, "partial": 2, "percent": 45.45}
    (triage,) = report["workflows"]
    assert report["totals"] == triage["summary"] == numbers
    assert triage["nodes"][1] == {"id": "urgent", "runs": 3, "branches": {"true": 0, "false": 3}}
    assert triage["missing"][-1] == {
        "node": "judge",
        "branch": "critic",
        "message": "never sent 'draft' back",
        "to_reach_it": "emulator.script('classify', ['other'], repeat=True) and emulator.script('judge', [0, 10])",
    }
