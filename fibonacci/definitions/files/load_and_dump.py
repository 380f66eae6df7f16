"""Loading, checking and dumping definitions: files and texts, the old dialect, the place of each problem."""

from __future__ import annotations

import codecs
import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fibonacci._system.files import write_file
from fibonacci.definitions.checks.tools import NamedTool, ToolSource
from fibonacci.definitions.document import Document, Span
from fibonacci.definitions.files.legacy_dialect import modernize, warn_of_words
from fibonacci.definitions.files.source import (
    FORMATS,
    MAX_SIZE,
    Element,
    Format,
    Source,
    format_of,
    read_json,
    read_yaml,
)
from fibonacci.definitions.files.writing import in_order, write_yaml
from fibonacci.definitions.nodes import WorkflowDefinition
from fibonacci.definitions.problems import Problem, Problems
from fibonacci.definitions.spellings import Generation
from fibonacci.errors import DefinitionError

if TYPE_CHECKING:
    from fibonacci.definitions.authoring.builder import WorkflowBuilder


def load(path: str | os.PathLike[str]) -> WorkflowDefinition:
    """Read and check the definition in a file.

    The suffix decides the format: `.yaml` and `.yml`, or `.json`.

    Args:
        path: The file, in UTF-8.

    Returns:
        The definition as a model. It may have warnings, which `check_file` lists.

    Raises:
        DefinitionError: If the file has errors. `problems` has all of them, each with file, line and column.
        ImportError: If the file is YAML and PyYAML isn't installed. The message has the command that installs it.
        OSError: If the file can't be read, for example because it doesn't exist.
        ValueError: If the file has another suffix.

    Example:
        ```python
        from fibonacci.definitions import WorkflowDefinition, dump, load

        dump({"nodes": [{"id": "greet", "type": "llm", "instruction": "Greet {{input.name}}"}]}, "greeter.yaml")
        print(load("greeter.yaml").nodes[0].id)  # prints: greet
        ```
    """
    return load_with_warnings(path)[0]


def load_with_warnings(
    path: str | os.PathLike[str], *, tools: Iterable[str | NamedTool] | ToolSource | None = None
) -> tuple[WorkflowDefinition, Problems]:
    """Read and check the definition in a file, as `load` does, and return its warnings too.

    Args:
        path: The file, as for `load`.
        tools: The tools that nodes may call, as for `check_definition`.

    Raises:
        DefinitionError: If the file has errors. It has the warnings too.
        ImportError: If the file is YAML and PyYAML is not installed.
        OSError: If the file cannot be read.
        ValueError: If the file has another suffix.
    """
    return _checked(Document.load(path), tools)


def _checked(
    document: Document, tools: Iterable[str | NamedTool] | ToolSource | None = None
) -> tuple[WorkflowDefinition, Problems]:
    """Return the definition and its warnings, or raise its errors."""
    problems = document.check(tools=tools)
    warn_of_words(problems)
    if problems.errors:
        raise DefinitionError(problems)
    return WorkflowDefinition.model_validate(document.sent()), problems


def loads(text: str, *, name: str = "<text>") -> WorkflowDefinition:
    """Read and check the definition in a text: JSON if it begins with `{` or `[`, otherwise YAML.

    Args:
        text: A definition in JSON or YAML, with at most 4,194,304 characters.
        name: The file name to show in the positions of errors.

    Returns:
        The definition as a model. It may have warnings.

    Raises:
        DefinitionError: If the text has errors. `problems` has all of them, each with name, line and column.
        ImportError: If the text is YAML and PyYAML isn't installed. The message has the command that installs it.
        TypeError: If the text isn't a str.

    Example:
        >>> loads('{"nodes": [{"id": "greet", "type": "llm", "instruction": "Hello"}]}').nodes[0].id
        'greet'
    """
    return _checked(Document.parse(text, name=name))[0]


def check_file(
    path: str | os.PathLike[str], *, tools: Iterable[str | NamedTool] | ToolSource | None = None
) -> Problems:
    """List all errors and warnings in a definition file.

    Warnings don't keep the file from loading.

    Args:
        path: The file, as for `load`.
        tools: The tools that nodes may call, as names, as `Tool` objects, or as a sync client that lists them. If a
            `Tool` has a JSON Schema in `parameters`, what nodes pass to it is checked too. Default: tools aren't
            checked.

    Returns:
        The problems in the order of the file, each with file, line and column. The list is empty if there are none. Its
        `.errors` has only the errors, and its `.warnings` only the warnings.

    Raises:
        ImportError: If the file is YAML and PyYAML isn't installed. The message has the command that installs it.
        OSError: If the file can't be read, for example because it doesn't exist.
        TypeError: If `tools` is something else.
        ValueError: If the file has another suffix.
        APIError: If you pass a client that can't list its tools.

    Example:
        ```python
        from pathlib import Path

        from fibonacci.definitions import check_file

        Path("greeter.yaml").write_text("nodes: [{id: greet, type: llm}]")
        for problem in check_file("greeter.yaml"):
            print(problem.source, problem.code)  # prints: greeter.yaml:1:9 missing_field
        ```
    """
    try:
        return Document.load(path).check(tools=tools)
    except DefinitionError as error:
        return error.problems


def dumps(
    definition: Document | WorkflowBuilder | WorkflowDefinition | Mapping[str, Any],
    *,
    generation: Generation = "newer",
    format: Format = "yaml",
) -> str:
    """Return a definition as text, without defaults and with its keys in a readable order.

    Args:
        definition: A `Document`, a `WorkflowBuilder`, a `WorkflowDefinition` or plain JSON. It isn't checked.
        generation: Which of the platform's two spellings to write: `newer` (such as `instruction`) or `older` (such as
            `prompt`).
        format: `yaml` or `json`.

    Returns:
        The text, which `loads` reads as the same definition.

    Raises:
        DefinitionError: If a field of a node has different values in its two spellings. Also if the definition has a
            value that isn't JSON, or more than 64 levels.
        ImportError: If the format is YAML and PyYAML isn't installed. The message has the command that installs it.
        TypeError: If the definition is none of these.
        ValueError: If there is no such format or generation.

    Example:
        >>> print(dumps({"nodes": [{"type": "llm", "id": "greet", "prompt": "Hello"}]}), end="")
        nodes:
        - id: greet
          type: llm
          instruction: Hello
    """
    value = in_order(definition, generation=generation)
    if format == "yaml":
        return write_yaml(value)
    if format == "json":
        return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    raise ValueError(f"{format!r} is not a format. Use 'yaml' or 'json'")


def dump(
    definition: Document | WorkflowBuilder | WorkflowDefinition | Mapping[str, Any],
    path: str | os.PathLike[str],
    *,
    generation: Generation = "newer",
) -> None:
    """Write a definition to a file, completely or not at all.

    If the file exists, it keeps its permissions.

    Args:
        definition: A `Document`, a `WorkflowBuilder`, a `WorkflowDefinition` or plain JSON. It isn't checked.
        path: The file. Its suffix decides the format: `.yaml` and `.yml`, or `.json`. The folder must exist.
        generation: Which of the platform's two spellings to write: `newer` (such as `instruction`) or `older` (such as
            `prompt`).

    Raises:
        DefinitionError: If a field of a node has different values in its two spellings. Also if the definition has a
            value that isn't JSON, or more than 64 levels.
        ImportError: If the file is YAML and PyYAML isn't installed. The message has the command that installs it.
        OSError: If the file can't be written.
        TypeError: If the definition is none of these.
        ValueError: If there is no such suffix or generation.

    Example:
        ```python
        from fibonacci.definitions import dump

        dump({"nodes": [{"id": "greet", "type": "llm", "instruction": "Hello"}]}, "greeter.json")
        ```
    """
    write_file(path, dumps(definition, generation=generation, format=format_of_file(path)))


# The codes of problems with a key. The others are about its value.
_AT_THE_KEY = ("misspelled_schema_keyword", "unknown_key", "unknown_parameter", "unknown_schema_keyword")
_SCALAR = re.compile(r"[^\s,\]}]+")


def read_text(source: Source, text_format: Format) -> Element:
    """Read a text without checking the definition in it. Problems are added to the source.

    Args:
        source: The text.
        text_format: Its format.

    Returns:
        The definition in the current dialect.

    Raises:
        ImportError: If the text is YAML and PyYAML is not installed.
        DefinitionError: If the text can't be read to its end, or isn't an object.
    """
    root = read_json(source) if text_format == "json" else read_yaml(source)
    if not isinstance(root.content, dict):
        kind = "a list" if isinstance(root.content, list) else json.dumps(root.content, ensure_ascii=False)[:80]
        raise source.failure(
            root.offset, "wrong_type", f"a definition must be an object with the key 'nodes', not {kind}"
        )
    modernize(root, source)
    return root


def parse(text: str, name: str, text_format: Format | None = None) -> Document:
    """Read a text, as `Document.parse` does.

    Args:
        text: The text.
        name: The name of the file, for the positions of problems.
        text_format: Its format. With None, it depends on the text.
    """
    source = Source(text, name)
    root = read_text(source, text_format or format_of(text))
    return Document(root.plain(), source.in_order(), _TextPlaces(source, root))


class _TextPlaces:
    """Where the values of a definition are in its text."""

    def __init__(self, source: Source, root: Element) -> None:
        self._source = source
        self._root = root

    def placed(self, problems: Iterable[Problem]) -> Problems:
        """Merge the problems of the text with others, in the order of the text."""
        source = self._source
        faulty = {offset for offset, problem in source.problems if problem.severity == "error"}
        found: list[tuple[int, Problem]] = []
        for problem in problems:
            element, exact = self._root.find(problem.location)
            offset = element.key_offset if exact and problem.code in _AT_THE_KEY else element.offset
            if offset in faulty:  # a value that couldn't be read can't be checked
                continue
            if exact and problem.offset is not None:
                offset = source.offset_in(element, problem.offset)
            elif exact:
                problem = _with_remedy(problem, element, source)
            found.append((offset, source.placed(offset, problem)))
        return source.in_order(found)

    def span(self, location: str) -> Span | None:
        """Return where the value at a location is written, or None if there is none."""
        element, exact = self._root.find(location)
        if not exact:
            return None
        (line, column), (end_line, end_column) = map(self._source.place, (element.offset, element.end))
        return Span(line=line, column=column, end_line=end_line, end_column=end_column)


def _with_remedy(problem: Problem, element: Element, source: Source) -> Problem:
    """Add to the problem of a wrong type how to write what was probably meant."""
    remedy = _remedy(problem.message, element, source) if problem.code == "wrong_type" else None
    message = f"{problem.message}. {remedy}" if remedy else problem.message
    return replace(problem, message=message)


def _remedy(message: str, element: Element, source: Source) -> str | None:
    written = _SCALAR.match(source.text, element.offset)
    if written is None or element.is_container:
        return None
    content, token = element.content, written[0]
    if "should be a string" in message and content is not None and not isinstance(content, str):
        return f'Write it in quotes: "{token}"'
    if not isinstance(content, str):
        return None
    if "true or false" in message:
        return "Write true or false, without quotes"
    if "number" in message:
        return "Write a number without quotes, in decimal digits"
    if "should be a list" in message and token[0].isalnum():
        return f"Write a list in brackets: [{token}]"
    return None


def format_of_file(path: str | os.PathLike[str]) -> Format:
    """Return the format that the suffix of a file implies.

    Raises:
        ValueError: If it implies none.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in FORMATS:
        message = f"{os.fspath(path)!r} ends with {suffix!r}" if suffix else f"{os.fspath(path)!r} has no suffix"
        raise ValueError(f"{message}: the name of a definition file must end with .yaml, .yml or .json")
    return FORMATS[suffix]


def text_of_file(path: str | os.PathLike[str]) -> tuple[str, str]:
    """Return the text of a file and its name.

    Raises:
        DefinitionError: If the file is not UTF-8.
        OSError: If it cannot be read.
    """
    name = os.fspath(path)
    with Path(path).open("rb") as file:
        content = file.read(
            4 * MAX_SIZE + 1
        )  # a character has at most four bytes, so a longer file is too long in any case
    try:
        return content.decode("utf-8"), name
    except UnicodeDecodeError as error:
        readable = Source(content[: error.start].decode("utf-8") + "\N{REPLACEMENT CHARACTER}", name)
        message = f"the byte 0x{content[error.start]:02X} is not UTF-8: save the file as UTF-8"
        if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            message = "the file is UTF-16: save it as UTF-8"
        raise readable.failure(len(readable.text) - 1, "bad_encoding", message) from None
