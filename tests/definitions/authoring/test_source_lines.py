"""A fault names the author's file and line, wherever the builder is called from."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

FAULTY = """\
from fibonacci import WorkflowBuilder


def add(flow, node_id):
    return flow.llm(
        node_id,
        "x",
    )


flow = WorkflowBuilder("news")
a = add(flow, "a")
flow.when("gate", a, "is_empty", then=[a])
sources = [problem.source for problem in flow.check() if problem.code == "cycle"]
"""


def test_it_is_the_line_of_the_call_also_in_a_function_of_the_authors(tmp_path: Path) -> None:
    program = tmp_path / "news.py"
    program.write_text(FAULTY, "utf-8")
    assert runpy.run_path(str(program))["sources"] == ["news.py:5"]


@pytest.mark.slow  # it starts a kernel
def test_a_cell_of_a_notebook_has_its_number() -> None:
    import nbformat
    from nbclient import NotebookClient

    made: Any = nbformat.v4  # it has no types
    notebook = made.new_notebook(cells=[made.new_code_cell("1 + 1"), made.new_code_cell(FAULTY + "print(sources)")])
    done: Any = NotebookClient(notebook, timeout=60).execute()
    assert done.cells[1].outputs[0].text == "['In [2]:5']\n"


def test_the_cell_of_a_shell_that_is_gone_has_no_number() -> None:
    names: dict[str, Any] = {}
    exec(compile(FAULTY, "/tmp/ipykernel_77/1234.py", "exec"), names)
    assert names["sources"] == ["cell:5"]
    exec(compile(FAULTY, "<ipython-input-3-abcdef>", "exec"), names)
    assert names["sources"] == ["In [3]:5"]


ALL_KINDS = """\
from pydantic import BaseModel
from fibonacci import WorkflowBuilder
class Given(BaseModel):
    name: str
flow = WorkflowBuilder("news", output_schema={"type": "object", "required": ["answer"]})
given = flow.inputs(Given)
a = flow.llm("a", "Hello {{input.name}}", temperature=2)
b = flow.tool("b", "web_serch", {"q": a})
flow.output(
    result=b,
)
flow.output(
    other="{{b}} {{",
)
problems = flow.check(tools=["web_search"])
"""


def test_each_problem_is_in_the_line_that_its_part_comes_from() -> None:
    names: dict[str, Any] = {}
    exec(ALL_KINDS, names)
    assert {each.code: each.source for each in names["problems"]} == {
        "missing_output": "<string>:5",
        "high_temperature": "<string>:7",
        "unknown_tool": "<string>:8",
        "unclosed_template": "<string>:12",
    }
    assert [each.severity for each in names["problems"]].count("error") == 1
