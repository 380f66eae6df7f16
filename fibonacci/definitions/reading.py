"""From the text of a definition to its model: the dialect, the checks, and the place of each fault."""

from __future__ import annotations

import re
from typing import Literal

from fibonacci.definitions.checks import check_definition
from fibonacci.definitions.json_reader import read_json
from fibonacci.definitions.legacy_dialect import modernize
from fibonacci.definitions.problems import DefinitionError, Problem
from fibonacci.definitions.source import Element, Source
from fibonacci.definitions.workflow import WorkflowDefinition
from fibonacci.definitions.yaml_reader import read_yaml

Format = Literal["yaml", "json"]
"""The format of a definition's text."""

_AT_THE_KEY = ("unknown_key", "unknown_field")  # these codes are about the key, the others about its value
_SCALAR = re.compile(r"[^\s,\]}]+")


def format_of(text: str) -> Format:
    """Return the format of a text: JSON if it begins with `{` or `[`, else YAML."""
    return "json" if text.removeprefix("\ufeff").lstrip()[:1] in ("{", "[") else "yaml"


def read_source(source: Source, text_format: Format) -> Element:
    """Read a text and check it. All problems are added to the source.

    Args:
        source: The text.
        text_format: Its format.

    Returns:
        The definition in today's words; it can be faulty.

    Raises:
        ImportError: If the text is YAML and PyYAML is not installed.
        DefinitionError: If the text cannot be read to its end.
    """
    root = read_json(source) if text_format == "json" else read_yaml(source)
    modernize(root, source)
    faulty = {offset for offset, problem in source.problems if problem.severity == "error"}
    for problem in check_definition(root.plain()):
        element, exact = root.find(problem.location)
        offset = element.key_offset if exact and problem.code in _AT_THE_KEY else element.offset
        if offset not in faulty:  # what could not be read is no value to check
            source.add(offset, _with_remedy(problem, element, source) if exact else problem)
    return root


def read_definition(source: Source, text_format: Format) -> WorkflowDefinition:
    """Read a text whose definition has no errors; what else was found is in the problems of the source.

    Args:
        source: The text.
        text_format: Its format.

    Returns:
        The definition.

    Raises:
        ImportError: If the text is YAML and PyYAML is not installed.
        DefinitionError: If the definition has errors.
    """
    root = read_source(source, text_format)
    problems = source.in_order()
    if any(problem.severity == "error" for problem in problems):
        raise DefinitionError(problems)
    return WorkflowDefinition.model_validate(root.plain())


def _with_remedy(problem: Problem, element: Element, source: Source) -> Problem:
    """Add to a wrong type what the text says, and how to write what is meant."""
    remedy = _remedy(problem.message, element, source) if problem.code == "wrong_type" else None
    if remedy is None:
        return problem
    message = f"{problem.message}: {remedy}"
    return Problem(problem.location, problem.code, message, problem.severity)


def _remedy(message: str, element: Element, source: Source) -> str | None:
    content = element.content
    if "string" in message or "text" in message:
        written = _SCALAR.match(source.text, element.offset)
        if content is None:
            return "null or nothing is written here; write the text, or leave the key out"
        if written and isinstance(content, bool | int | float):
            kind = "a boolean" if isinstance(content, bool) else "a number"
            return f'{written[0]} is {kind}; a text is written in quotes: "{written[0]}"'
    if isinstance(content, str):
        if "boolean" in message:
            return f"{content!r} is a text; write true or false, without quotes"
        if "number" in message or "integer" in message:
            return f"{content!r} is a text; a number is written without quotes, in decimal digits"
        if "list" in message:
            return f"{content!r} is a text; a list is written in brackets: [{content}]"
    return None
