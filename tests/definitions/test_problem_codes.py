"""The table of docs/reference/checking-definitions.md, the codes of the checks, and what the checks find: all agree."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple, cast

import yaml

from fibonacci.definitions import check_definition
from fibonacci.definitions.problems import SEVERITIES
from fibonacci.models import Tool
from tests.kit.assertions import check_rows

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "checking-definitions.md"
ROW = re.compile(r"\| `(\w+)` \| (error|warning) \| `([^`]+)` \| .+ \|")
TEXTS = {"to": {"type": "string"}, "body": {"type": "string"}}
TOOLS = [
    Tool(name="calculator"),
    Tool(name="wait"),
    Tool.model_validate({"name": "gmail_send", "parameters": {"properties": TEXTS, "required": ["to"]}}),
]
DRAFT = {"id": "draft", "type": "llm", "prompt": "Write"}


class CodeRow(NamedTuple):
    """A row of the table."""

    code: str
    severity: str
    definition: dict[str, Any]


def rows() -> list[CodeRow]:
    return [
        CodeRow(code, severity, definition_of(cast("dict[str, Any]", yaml.safe_load(example))))
        for code, severity, example in ROW.findall(PAGE.read_text("utf-8"))
    ]


def definition_of(example: dict[str, Any]) -> dict[str, Any]:
    return example if "nodes" in example else {"nodes": [DRAFT, example]}


ROWS = rows()


def test_the_table_has_every_code_once_with_its_severity() -> None:
    assert len(ROWS) == len(SEVERITIES)
    assert {row.code: row.severity for row in ROWS} == SEVERITIES


def test_the_example_of_a_code_has_it() -> None:
    def check(row: CodeRow) -> None:
        problems = check_definition(row.definition, tools=TOOLS, models=["large-1"])
        assert row.code in [problem.code for problem in problems]
        assert {problem.severity for problem in problems} == {row.severity}
        for problem in problems:
            assert problem.severity == SEVERITIES[problem.code]
            assert len(problem.message.split()) >= 3

    check_rows(((row.code, row) for row in ROWS), check)
