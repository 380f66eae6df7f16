"""Definitions in files and texts, in YAML and JSON. YAML needs the extra `yaml`, JSON needs none."""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from fibonacci._files import write_file
from fibonacci.definitions.checks.tools import NamedTool, ToolSource
from fibonacci.definitions.files.legacy_dialect import warn_of_words
from fibonacci.definitions.files.reading import FORMATS, Format, format_of, read_checked, read_definition
from fibonacci.definitions.files.source import MAX_SIZE, Source
from fibonacci.definitions.files.writing import write_definition
from fibonacci.definitions.nodes import WorkflowDefinition
from fibonacci.definitions.problems import Problems
from fibonacci.definitions.spellings import Generation
from fibonacci.errors import DefinitionError


def load(path: str | os.PathLike[str]) -> WorkflowDefinition:
    """Read and check the definition in a file.

    The suffix decides about the format: `.yaml` and `.yml`, or `.json`.

    Args:
        path: The file, in UTF-8.

    Returns:
        The definition as a model, in which warnings are possible; see `check_file`.

    Raises:
        DefinitionError: If the file has errors; `problems` holds all of them, each with file, line and column.
        ImportError: If the file is YAML and PyYAML is not installed; the message has the command that installs it.
        OSError: If the file cannot be read, for example because there is none.
        ValueError: If the suffix is another one.

    Example:
        ```python
        from fibonacci.definitions import WorkflowDefinition, dump, load

        dump({"nodes": [{"id": "greet", "type": "llm", "instruction": "Greet {{input.name}}"}]}, "greeter.yaml")
        print(load("greeter.yaml").nodes[0].id)  # prints: greet
        ```
    """
    definition, _ = load_with_warnings(path)
    return definition


def load_with_warnings(
    path: str | os.PathLike[str], *, tools: Iterable[str | NamedTool] | ToolSource | None = None
) -> tuple[WorkflowDefinition, Problems]:
    """Read and check the definition in a file, as `load` does, and return its warnings too.

    Args:
        path: The file, as for `load`.
        tools: The tools that exist, as for `check_definition`.

    Raises:
        DefinitionError: If the file has errors; it has the warnings, too.
        ImportError: If the file is YAML and PyYAML is not installed.
        OSError: If the file cannot be read.
        ValueError: If the suffix is another one.
    """
    text_format = format_of_file(path)
    source = Source(*text_of_file(path))
    return _read(source, text_format, tools), source.in_order()


def loads(text: str, *, name: str = "<text>") -> WorkflowDefinition:
    """Read and check the definition in a text: JSON if the text begins with `{` or `[`, else YAML.

    Args:
        text: A definition in JSON or YAML, of at most 4,194,304 characters.
        name: The name of the file, for the positions of faults.

    Returns:
        The definition as a model, in which warnings are possible.

    Raises:
        DefinitionError: If the text has errors; `problems` holds all of them, each with name, line and column.
        ImportError: If the text is YAML and PyYAML is not installed; the message has the command that installs it.
        TypeError: If the text is no str.

    Example:
        >>> loads('{"nodes": [{"id": "greet", "type": "llm", "instruction": "Hello"}]}').nodes[0].id
        'greet'
    """
    return _read(Source.of(text, name), format_of(text))


def check_file(
    path: str | os.PathLike[str], *, tools: Iterable[str | NamedTool] | ToolSource | None = None
) -> Problems:
    """List all faults of a definition's file: errors, and the warnings with which it can be loaded.

    Args:
        path: The file, as for `load`.
        tools: The tools that exist: their names, `Tool`s, or a sync client, which lists them. The parameters of a
            `Tool` with a JSON Schema in `parameters` are checked too. None checks neither.

    Returns:
        The faults in the order of the file, each with file, line and column; `.errors` and `.warnings` of the list are
        those of one kind. Empty without a fault.

    Raises:
        ImportError: If the file is YAML and PyYAML is not installed; the message has the command that installs it.
        OSError: If the file cannot be read, for example because there is none.
        TypeError: If `tools` is none of these.
        ValueError: If the suffix is another one.
        APIError: If a client is given, and cannot list its tools.

    Example:
        ```python
        from pathlib import Path

        from fibonacci.definitions import check_file

        Path("greeter.yaml").write_text("nodes: [{id: greet, type: llm}]")
        for problem in check_file("greeter.yaml"):
            print(problem.source, problem.code)  # prints: greeter.yaml:1:9 missing_field
        ```
    """
    text_format = format_of_file(path)
    try:
        text, name = text_of_file(path)
    except DefinitionError as error:
        return error.problems
    return problems_of(text, name, text_format, tools)


def problems_of(
    text: str, name: str, text_format: Format, tools: Iterable[str | NamedTool] | ToolSource | None = None
) -> Problems:
    """Return the faults of a text, in its order.

    Args:
        text: The text.
        name: The name of the file, for the positions of faults.
        text_format: Its format.
        tools: The tools that exist, as for `check_definition`.

    Raises:
        ImportError: If the text is YAML and PyYAML is not installed.
    """
    try:
        source = Source(text, name)
        read_checked(source, text_format, tools)
    except DefinitionError as error:
        return error.problems
    return source.in_order()


def dumps(
    definition: WorkflowDefinition | Mapping[str, Any], *, generation: Generation = "newer", format: Format = "yaml"
) -> str:
    """Return a definition as text: without defaults, in the order in which people read it.

    Args:
        definition: The definition, as JSON or as a model; it is not checked.
        generation: The spelling of the documentation's generation to write, `newer` or `older`.
        format: `yaml` or `json`.

    Returns:
        The text, which `loads` reads as the same definition.

    Raises:
        DefinitionError: If a field of a node differs in its two spellings.
        ImportError: If the format is YAML and PyYAML is not installed; the message has the command that installs it.
        TypeError: If the definition holds a value that is not JSON; the message names its place.
        ValueError: If it holds a number or a text that cannot be written, or is too deep; or for another format or
            generation.

    Example:
        >>> print(dumps({"nodes": [{"type": "llm", "id": "greet", "prompt": "Hello"}]}), end="")
        nodes:
        - id: greet
          type: llm
          instruction: Hello
    """
    return write_definition(definition, generation=generation, text_format=format)


def dump(
    definition: WorkflowDefinition | Mapping[str, Any],
    path: str | os.PathLike[str],
    *,
    generation: Generation = "newer",
) -> None:
    """Write a definition to a file, whole or not at all; an existing file keeps its permissions.

    Args:
        definition: The definition, as JSON or as a model; it is not checked.
        path: The file; `.yaml` and `.yml`, or `.json`, decide about the format. Its folder has to exist.
        generation: The spelling of the documentation's generation to write, `newer` or `older`.

    Raises:
        DefinitionError: If a field of a node differs in its two spellings.
        ImportError: If the file is YAML and PyYAML is not installed; the message has the command that installs it.
        OSError: If the file cannot be written.
        TypeError: If the definition holds a value that is not JSON; the message names its place.
        ValueError: If it holds a number or a text that cannot be written, or is too deep; or for another suffix or
            generation.

    Example:
        ```python
        from fibonacci.definitions import dump

        dump({"nodes": [{"id": "greet", "type": "llm", "instruction": "Hello"}]}, "greeter.json")
        ```
    """
    write_file(path, dumps(definition, generation=generation, format=format_of_file(path)))


def format_of_file(path: str | os.PathLike[str]) -> Format:
    """Return the format that the suffix of a file names.

    Raises:
        ValueError: If it names none.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in FORMATS:
        message = f"{os.fspath(path)!r} ends with {suffix!r}" if suffix else f"{os.fspath(path)!r} has no suffix"
        raise ValueError(f"{message}: the name of a definition's file ends with .yaml, .yml or .json")
    return FORMATS[suffix]


def text_of_file(path: str | os.PathLike[str]) -> tuple[str, str]:
    """Return the text of a file and its name.

    Raises:
        DefinitionError: If the file is not UTF-8.
        OSError: If it cannot be read.
    """
    name = os.fspath(path)
    with Path(path).open("rb") as file:
        content = file.read(4 * MAX_SIZE + 1)  # a character has at most four bytes; what is longer is refused
    try:
        return content.decode("utf-8"), name
    except UnicodeDecodeError as error:
        readable = Source(content[: error.start].decode("utf-8") + "\N{REPLACEMENT CHARACTER}", name)
        message = f"the byte 0x{content[error.start]:02X} is not UTF-8: save the file as UTF-8"
        if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            message = "the file is UTF-16: save it as UTF-8"
        raise readable.failure(len(readable.text) - 1, "bad_encoding", message) from None


def _read(
    source: Source, text_format: Format, tools: Iterable[str | NamedTool] | ToolSource | None = None
) -> WorkflowDefinition:
    """Read a text, with warnings for words of fibonacci-sdk 0.2.4."""
    try:
        return read_definition(source, text_format, tools)
    finally:
        warn_of_words(source)
