"""From the text of a definition to its model: the dialect, the checks, and the place of each fault."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final, Literal

from fibonacci.definitions.checks.check import check_definition
from fibonacci.definitions.checks.tools import NamedTool, ToolSource
from fibonacci.definitions.files.legacy_dialect import modernize
from fibonacci.definitions.files.source import Element, Source, read_json
from fibonacci.definitions.files.yaml_reader import read_yaml
from fibonacci.definitions.nodes import WorkflowDefinition
from fibonacci.definitions.problems import Problem

Format = Literal["yaml", "json"]
"""The format of a definition's text."""

FORMATS: Final[Mapping[str, Format]] = {".yaml": "yaml", ".yml": "yaml", ".json": "json"}
"""The format of a definition file, by its suffix."""

# The codes that are about a key; the others are about its value.
_AT_THE_KEY = ("misspelled_schema_keyword", "unknown_key", "unknown_parameter", "unknown_schema_keyword")
_SCALAR = re.compile(r"[^\s,\]}]+")


def format_of(text: str) -> Format:
    """Return the format of a text: JSON if it begins with `{` or `[`, else YAML."""
    return "json" if text.removeprefix("\ufeff").lstrip()[:1] in ("{", "[") else "yaml"


def read_text(source: Source, text_format: Format) -> Element:
    """Read a text without checking the definition in it. Problems are added to the source.

    Args:
        source: The text.
        text_format: Its format.

    Returns:
        The definition in today's words.

    Raises:
        ImportError: If the text is YAML and PyYAML is not installed.
        DefinitionError: If the text cannot be read to its end, or holds no object.
    """
    root = read_json(source) if text_format == "json" else read_yaml(source)
    if not isinstance(root.content, dict):
        kind = "a list" if isinstance(root.content, list) else json.dumps(root.content, ensure_ascii=False)[:80]
        raise source.failure(root.offset, "wrong_type", f"a definition is an object with the key 'nodes', not {kind}")
    modernize(root, source)
    return root


def read_checked(
    source: Source, text_format: Format, tools: Iterable[str | NamedTool] | ToolSource | None = None
) -> Element:
    """Read a text and check the definition in it. All problems are added to the source.

    Args:
        source: The text.
        text_format: Its format.
        tools: The tools that exist, as for `check_definition`.

    Returns:
        The definition in today's words, without `$schema`; it can be faulty.

    Raises:
        ImportError: If the text is YAML and PyYAML is not installed.
        DefinitionError: If the text cannot be read to its end, or holds no object.
    """
    root = read_text(source, text_format)
    if isinstance(root.content, dict):
        root.content.pop("$schema", None)  # for editors: no part of the definition
    faulty = {offset for offset, problem in source.problems if problem.severity == "error"}
    for problem in check_definition(root.plain(), tools=tools):
        element, exact = root.find(problem.location)
        offset = element.key_offset if exact and problem.code in _AT_THE_KEY else element.offset
        if offset in faulty:  # what could not be read is no value to check
            continue
        if exact and problem.offset is not None:
            source.add(source.offset_in(element, problem.offset), problem)
        else:
            source.add(offset, _with_remedy(problem, element, source) if exact else problem)
    return root


def read_definition(
    source: Source, text_format: Format, tools: Iterable[str | NamedTool] | ToolSource | None = None
) -> WorkflowDefinition:
    """Read a text whose definition has no errors; what else was found is in the problems of the source.

    Args:
        source: The text.
        text_format: Its format.
        tools: The tools that exist, as for `check_definition`.

    Returns:
        The definition.

    Raises:
        ImportError: If the text is YAML and PyYAML is not installed.
        DefinitionError: If the definition has errors.
    """
    root = read_checked(source, text_format, tools)
    source.raise_errors()
    return WorkflowDefinition.model_validate(root.plain())


def _with_remedy(problem: Problem, element: Element, source: Source) -> Problem:
    """Add to a wrong type how to write what is meant."""
    remedy = _remedy(problem.message, element, source) if problem.code == "wrong_type" else None
    message = f"{problem.message}; {remedy}" if remedy else problem.message
    return replace(problem, message=message)


def _remedy(message: str, element: Element, source: Source) -> str | None:
    written = _SCALAR.match(source.text, element.offset)
    if written is None or element.is_container:
        return None
    content, token = element.content, written[0]
    if "should be a text" in message and content is not None and not isinstance(content, str):
        return f'write it in quotes: "{token}"'
    if not isinstance(content, str):
        return None
    if "true or false" in message:
        return "write true or false, without quotes"
    if "number" in message:
        return "write a number without quotes, in decimal digits"
    if "should be a list" in message and token[0].isalnum():
        return f"write a list in brackets: [{token}]"
    return None
