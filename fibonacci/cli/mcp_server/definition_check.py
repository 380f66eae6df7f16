"""The faults of a definition that a client sends."""

from __future__ import annotations

from typing import Any

from fibonacci.definitions import Problem, Problems, check_definition, loads
from fibonacci.errors import DefinitionError


def validate(definition: dict[str, Any] | str) -> dict[str, Any]:
    """Check a definition.

    Args:
        definition: The definition, or the text of a JSON or YAML file.

    Returns:
        `valid`, whether it has no error, and `problems`, its errors and warnings.

    Raises:
        ImportError: If the text is YAML, and PyYAML is not installed.
    """
    problems = _problems(definition)
    return {
        "valid": not problems.errors,
        "problems": [_fields(problem) for problem in problems],
    }


def _problems(definition: dict[str, Any] | str) -> Problems:
    if not isinstance(definition, str):
        return check_definition(definition)
    try:
        return check_definition(loads(definition, name="definition"))
    except DefinitionError as error:
        return error.problems


def _fields(problem: Problem) -> dict[str, Any]:
    fields = {
        "severity": problem.severity,
        "code": problem.code,
        "message": problem.message,
        "location": problem.location,
        "source": problem.source,
    }
    return {name: value for name, value in fields.items() if value}
