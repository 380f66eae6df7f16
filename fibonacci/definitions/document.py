"""`Document`: a definition that was read once into plain JSON of limited depth, with the place of each value."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from pydantic import BaseModel

from fibonacci._texts.text import is_unicode, printable_line
from fibonacci.definitions.json_types import is_array, is_object, place_of
from fibonacci.definitions.problems import MAX_DEPTH, TOO_DEEP, Problem, Problems, problem
from fibonacci.errors import DefinitionError

if TYPE_CHECKING:
    from fibonacci.definitions.checks.tools import NamedTool, ToolSource
    from fibonacci.definitions.files.source import Format
    from fibonacci.definitions.nodes import WorkflowDefinition


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Where a value is written in a text. Lines and columns count from 1, and columns are characters.

    Example:
        >>> from fibonacci.definitions import Document
        >>> Document.parse('{"nodes": [], "timeout": 60}').span("timeout")
        Span(line=1, column=26, end_line=1, end_column=28)
    """

    line: int
    """The line where the value begins."""

    column: int
    """The column of its first character."""

    end_line: int
    """The line where the value ends."""

    end_column: int
    """The column after its last character."""


class Places(Protocol):
    """Knows where a definition was written, in a text or in a program."""

    def placed(self, problems: list[Problem]) -> Problems:
        """Return problems with the places where they are written."""
        ...

    def span(self, location: str) -> Span | None:
        """Return where the value at a location is written, or None if that isn't known."""
        ...


class Document:
    r"""A definition that was read once.

    Build editors and other tools on it: whatever takes a definition in `fibonacci.definitions` takes a `Document` too,
    and doesn't read it again. It holds plain JSON of at most 64 levels. The definition may have errors. A value without
    a JSON form, such as a date, is replaced by null and listed in `problems`.

    Attributes:
        value: The definition as plain JSON, in the spelling in which it is written. Don't change it.
        problems: What couldn't be read. `check` has these too.

    Example:
        >>> from fibonacci.definitions import Document
        >>> document = Document.parse("nodes:\n- id: greet\n  type: llm\n", name="greeter.yaml")
        >>> for problem in document.check():
        ...     print(problem.source, problem.code)
        greeter.yaml:2:3 missing_field
        >>> document.value["nodes"][0]["id"], document.span("nodes[0].type")
        ('greet', Span(line=3, column=9, end_line=3, end_column=12))
    """

    def __init__(self, value: dict[str, Any], problems: Iterable[Problem] = (), places: Places | None = None) -> None:
        """Take what was read. To read a definition, use `of`, `parse` or `load`."""
        self.value: Final = value
        self.problems: Final = Problems(problems)
        self._places: Final = places

    @classmethod
    def of(cls, definition: object) -> Document:
        """Read a definition.

        Args:
            definition: A `WorkflowBuilder`, a `WorkflowDefinition`, or a dict with the keys of a definition's JSON,
                whose nodes may be dicts or objects such as `LLMNode`. A `Document` is returned as it is.

        Returns:
            The document. It shares no list or dictionary with the argument, unless that is a `Document`.

        Raises:
            DefinitionError: If it has more than 64 levels, or contains itself.
            TypeError: If it is none of these. The message says what to pass.

        Example:
            >>> from fibonacci.definitions import Document
            >>> Document.of({"nodes": [{"id": "greet", "type": "llm", "instruction": "Hello"}]}).definition.nodes[0].id
            'greet'
        """
        if isinstance(definition, Document):
            return definition
        if isinstance(definition, Mapping) or (
            isinstance(definition, BaseModel) and "nodes" in type(definition).model_fields
        ):
            reader = JSONReader()
            return cls(reader.read(definition), reader.problems)
        build: Callable[[Any], Document] | None = getattr(type(definition), "__document__", None)
        if build is not None:
            return build(definition)
        kind = "None" if definition is None else type(definition).__name__
        kinds = "a WorkflowBuilder, a WorkflowDefinition or a mapping"
        raise TypeError(f"a definition must be {kinds}, not {kind}{remedy(definition)}")

    @classmethod
    def parse(cls, text: str, *, name: str = "<text>", format: Format | None = None) -> Document:
        r"""Read a definition in YAML or JSON.

        Args:
            text: The text, with at most 4,194,304 characters.
            name: The file name to show in the positions of problems.
            format: `yaml` or `json`. With None (the default), a text that begins with `{` or `[` is JSON, and any other
                is YAML.

        Returns:
            The document in the words of today. Those of fibonacci-sdk 0.2.4 are replaced, with a problem for each.

        Raises:
            DefinitionError: If the text can't be read to its end, or isn't an object.
            ImportError: If the text is YAML and PyYAML isn't installed. The message has the command that installs it.
            TypeError: If the text isn't a str.

        Example:
            >>> from fibonacci.definitions import Document
            >>> [problem.code for problem in Document.parse("nodes: []\nnodes: []\n").problems]
            ['duplicate_key']
        """
        from fibonacci.definitions.files.load_and_dump import parse  # the readers of texts import this module

        return parse(text, name, format)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Document:
        """Read the definition in a file, which may have errors.

        Args:
            path: The file, in UTF-8. Its suffix decides the format: `.yaml` and `.yml`, or `.json`.

        Returns:
            The document, as `parse` returns it.

        Raises:
            DefinitionError: If the text can't be read to its end, or isn't an object.
            ImportError: If the file is YAML and PyYAML isn't installed. The message has the command that installs it.
            OSError: If the file can't be read, for example because it doesn't exist.
            ValueError: If the file has another suffix.

        Example:
            ```python
            from pathlib import Path

            from fibonacci.definitions import Document, diff

            Path("old.json").write_text('{"nodes": []}')
            Path("new.json").write_text('{"nodes": [], "timeout": 60}')
            print(diff(Document.load("old.json"), Document.load("new.json")))  # prints: ~ timeout: None -> 60
            ```
        """
        from fibonacci.definitions.files.load_and_dump import format_of_file, parse, text_of_file

        text_format = format_of_file(path)
        return parse(*text_of_file(path), text_format)

    def check(
        self,
        *,
        tools: Iterable[str | NamedTool] | ToolSource | None = None,
        models: Iterable[str] | None = None,
    ) -> Problems:
        """List all problems of the definition, as `check_definition` does.

        Args:
            tools: The tools that nodes may call, as for `check_definition`.
            models: The names of the models that nodes may use. Default: models aren't checked.

        Returns:
            The problems, in the order of the definition. Those of a text have file, line and column.

        Raises:
            TypeError: If `tools` or `models` is something else.
            APIError: If you pass a client that can't list its tools.

        Example:
            >>> from fibonacci.definitions import Document
            >>> [problem.source for problem in Document.parse('{"nodes": []}', name="empty.json").check()]
            ['empty.json:1:11']
        """
        from fibonacci.definitions.checks.check import problems_in  # it imports this module

        found = problems_in(self.value, tools, models)
        unread = {each.location: each for each in self.problems if each.location}
        problems = [*unread.values(), *(each for each in found if each.location not in unread)]
        problems.sort(key=_Positions(self.value).of)
        return Problems(problems) if self._places is None else self._places.placed(problems)

    def span(self, location: str) -> Span | None:
        """Return where a value is written in the text.

        Args:
            location: The place of the value, such as `nodes[2].timeout`, as in `Problem.location`.

        Returns:
            The lines and columns of the value. None if there is no such value, or the document isn't from a text.

        Example:
            >>> from fibonacci.definitions import Document
            >>> Document.parse('{"nodes": []}').span("outputs") is None
            True
        """
        return None if self._places is None else self._places.span(location)

    @property
    def definition(self) -> WorkflowDefinition:
        """The definition as a model.

        Raises:
            DefinitionError: If `check` finds an error. Warnings don't raise.
        """
        problems = self.check()
        if problems.errors:
            raise DefinitionError(problems)
        from fibonacci.definitions.nodes import WorkflowDefinition  # takes a quarter of a second to build

        return WorkflowDefinition.model_validate(self.sent())

    def sent(self) -> dict[str, Any]:
        """Return what is sent of the definition: all but `$schema`, which is for editors.

        Returns:
            A new dictionary, which shares its values with `value`.

        Example:
            >>> from fibonacci.definitions import Document
            >>> Document.parse('{"$schema": "definition.schema.json", "nodes": []}').sent()
            {'nodes': []}
        """
        return without_schema(self.value)


_PLACE: Final = re.compile(r"([^.\[]*)(?:\[(\d+)\])?(?:\.([^.\[]*))?")


class _Positions:
    """The positions of places in a definition, which determine the order of problems."""

    def __init__(self, definition: Mapping[str, Any]) -> None:
        nodes = definition.get("nodes")
        self._nodes = nodes if is_array(nodes) else ()
        self._keys = _ranks(definition)
        self._node_keys: dict[int, Mapping[str, int]] = {}  # for nodes with problems, because one may have many

    def of(self, problem: Problem) -> tuple[int, int, int]:
        """Return the positions of the key, the node, and the node's key. Missing ones come first."""
        match = _PLACE.match(problem.location)
        assert match is not None  # every part of the pattern is optional
        key, index, inner = match.groups()
        if key != "nodes" or index is None:
            return self._keys.get(key, -1), int(index or -1), -1
        position = int(index)
        if position not in self._node_keys:
            self._node_keys[position] = _ranks(self._nodes[position] if position < len(self._nodes) else None)
        return self._keys.get(key, -1), position, self._node_keys[position].get(inner, -1)


def _ranks(value: object) -> dict[str, int]:
    """Return the positions of an object's keys, or none for any other value."""
    return {key: rank for rank, key in enumerate(value)} if is_object(value) else {}


def remedy(value: object) -> str:
    """Return the end of a message about a value that has a definition but isn't one, or an empty text."""
    if isinstance(value, str | os.PathLike):
        return ". To read a file, use load(path)"
    fields = type(value).model_fields if isinstance(value, BaseModel) else ()
    return ". Use its .definition" if "definition" in fields else ""  # a `Workflow`


def without_schema(definition: Mapping[str, Any]) -> dict[str, Any]:
    """Return a definition without its `$schema`, which is for editors."""
    return {key: value for key, value in definition.items() if key != "$schema"}


def checked_definition(definition: object) -> Mapping[str, Any] | BaseModel:
    """Return the part of a definition that is sent.

    Raises:
        DefinitionError: If the definition of a builder or a document has an error.
        TypeError: If it isn't a definition. The message says what to pass.
    """
    if isinstance(definition, Mapping):
        return without_schema(cast("Mapping[str, Any]", definition))
    if isinstance(definition, BaseModel) and "nodes" in type(definition).model_fields:
        return definition
    return Document.of(definition).definition


def _set_fields(model: BaseModel) -> object:
    return model.model_dump(exclude_unset=True, warnings=False)


class JSONReader:
    """Reads a Python value as plain JSON: dictionaries, lists, texts and numbers, of at most 64 levels.

    Args:
        dump: Converts a model. Default: to its set fields.

    Attributes:
        problems: The values without a JSON form, which are read as null.
    """

    def __init__(self, dump: Callable[[BaseModel], object] = _set_fields) -> None:
        self.problems: Final[list[Problem]] = []
        self._dump = dump
        self._path: list[int | str] = []

    def read(self, value: Any) -> Any:
        """Read a value.

        Raises:
            DefinitionError: If it has more levels, or contains itself.
        """
        if isinstance(value, BaseModel):
            value = self._dump(value)
        if isinstance(value, Mapping):
            return self._object(cast("Mapping[object, object]", value))
        if isinstance(value, list | tuple):
            return [self._inner(index, item) for index, item in enumerate(cast("list[object]", value))]
        if isinstance(value, str):
            if not is_unicode(value):
                self._refuse("contains half of a surrogate pair, which is not a character. Remove it")
            return value if type(value) is str else str.__str__(value)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int):  # a subclass, such as a numpy number, is read as the plain value
            return int(value)
        if isinstance(value, float) and math.isfinite(value):
            return float(value)
        if isinstance(value, float):
            return self._refuse(f"is {value}, which JSON cannot represent. Use null or a number")
        kind = type(value).__name__
        return self._refuse(f"is a {kind}, which has no JSON form. Use a string, a number, a list or an object")

    def _object(self, value: Mapping[object, object]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key, item in value.items():
            if isinstance(key, str):
                result[key if type(key) is str else str.__str__(key)] = self._inner(key, item)
            else:
                self._path.append(printable_line(str(key)))
                self._refuse(f"has the key {key!r}, but a key in JSON is a string")
                self._path.pop()
        return result

    def _inner(self, part: int | str, item: object) -> Any:
        self._path.append(part)
        if len(self._path) >= MAX_DEPTH and isinstance(item, Mapping | list | tuple | BaseModel):
            raise DefinitionError(Problems([problem(place_of(self._path[:3]), "too_deep", TOO_DEEP)]))
        result = self.read(item)
        self._path.pop()
        return result

    def _refuse(self, message: str) -> None:
        self.problems.append(problem(place_of(self._path), "not_json", message))
