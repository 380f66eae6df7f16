"""The faults of a definition that a client sends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fibonacci.definitions import Problem, check_definition
from fibonacci.definitions.files.load_and_dump import problems_of
from fibonacci.definitions.files.reading import format_of
from fibonacci.models import Tool


def validate(definition: dict[str, Any] | str, tools: Sequence[Tool] | None) -> dict[str, Any]:
    """Check a definition.

    Args:
        definition: The definition, or the text of a JSON or YAML file.
        tools: The tools of the platform; None does not check those of the definition.

    Returns:
        `valid`, whether it has no error, and `problems`, its errors and warnings.

    Raises:
        ImportError: If the text is YAML, and PyYAML is not installed.
    """
    if isinstance(definition, str):
        problems = problems_of(definition, "definition", format_of(definition), tools)
    else:
        problems = check_definition(definition, tools=tools)
    return {
        "valid": not problems.errors,
        "problems": [_fields(problem) for problem in problems],
    }


def _fields(problem: Problem) -> dict[str, Any]:
    fields = {
        "severity": problem.severity,
        "code": problem.code,
        "message": problem.message,
        "location": problem.location,
        "source": problem.source,
    }
    return {name: value for name, value in fields.items() if value}
