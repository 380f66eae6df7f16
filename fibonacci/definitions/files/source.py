"""Texts of definitions, in JSON and YAML, read with the place of each value.

Values in YAML are those of YAML 1.2's core schema, except that octal numbers stay text. Features that a definition
doesn't need are refused: anchors and aliases, merge keys, tags, keys that are not text, and several documents.
"""

from __future__ import annotations

import json
import math
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Literal

from fibonacci._texts.text import is_unicode
from fibonacci.definitions.problems import MAX_DEPTH, TOO_DEEP, Problem, Problems, snippet
from fibonacci.errors import DefinitionError

if TYPE_CHECKING:
    from types import ModuleType


Format = Literal["yaml", "json"]
"""The format of the text of a definition."""

FORMATS: Final[Mapping[str, Format]] = {".yaml": "yaml", ".yml": "yaml", ".json": "json"}
"""The format of a definition file, by its suffix."""


def format_of(text: str) -> Format:
    """Return the format of a text: JSON if it begins with `{` or `[`, else YAML."""
    return "json" if text.removeprefix("\ufeff").lstrip()[:1] in ("{", "[") else "yaml"


MAX_SIZE: Final = 4 * 1024 * 1024
"""The most characters that a text may have."""

Content = dict[str, "Element"] | list["Element"] | str | int | float | bool | None
"""The content of an element: elements in an object or an array, or a scalar."""

_LINE_BREAK = re.compile(r"\r\n|\r|\n")
# How one character of a text may be escaped, by the quote that begins the value. Other characters are literal.
_ESCAPE: Final = r"\\(?:x..|u[dD][89abAB]..\\u[dD][c-fC-F]..|u.{4}|U.{8}|[\s\S])"
_WRITTEN: Final = {'"': re.compile(rf"{_ESCAPE}|[\s\S]"), "'": re.compile(r"''|[\s\S]")}
_AS_IT_IS: Final = re.compile(r"[\s\S]")
_SPACE: Final = re.compile(r"[ \t\r\n]|\\(?:[ntr \t\r\n]|(?:x|u00|U000000)(?:20|09|0[aAdD]))")
_AROUND: Final = 200
"""How many characters before and after a problem in its line may be shown."""
_NO_SPACE: Final = re.compile(r"[^ \t\r\n]")


class Element:
    """A value in the text, with its place."""

    __slots__ = ("content", "end", "key_end", "key_offset", "offset")

    content: Content
    offset: int
    """Where the value begins, in characters from the start of the text."""

    end: int
    """Where the value ends. A YAML block text ends where the next value or comment begins."""

    key_offset: int
    """Where the key of the value begins. The same as `offset` in an array."""

    key_end: int
    """Where the key of the value ends. The same as `offset` in an array."""

    def __init__(self, content: Content, offset: int, end: int | None = None) -> None:
        self.content = content
        self.offset = self.key_offset = self.key_end = offset
        self.end = offset if end is None else end

    @property
    def is_container(self) -> bool:
        """Whether the value is an object or an array."""
        return isinstance(self.content, dict | list)

    def plain(self) -> Any:
        """Return the value as plain JSON."""
        if isinstance(self.content, dict):
            return {key: child.plain() for key, child in self.content.items()}
        if isinstance(self.content, list):
            return [child.plain() for child in self.content]
        return self.content

    def find(self, location: str) -> tuple[Element, bool]:
        """Return the element at a location such as `nodes[2].name`, or the nearest one around it.

        Args:
            location: The location, as `Problem.location` writes it.

        Returns:
            The element, and whether it is at the location itself.
        """
        element = self
        while location:
            step = element._step(location)
            if step is None:
                return element, False
            element, location = step
        return element, True

    def _step(self, location: str) -> tuple[Element, str] | None:
        """Return the child at the beginning of a location, and the rest of the location."""
        if isinstance(self.content, list):
            index = re.match(r"\[([0-9]{1,9})\]", location)
            if index is None or int(index[1]) >= len(self.content):
                return None
            return self.content[int(index[1])], location[index.end() :]
        if not isinstance(self.content, dict):
            return None
        location = location.removeprefix(".")
        # A key may contain a dot or a bracket, so the shortest existing key wins.
        for end in sorted({len(key) for key in self.content}):
            child = self.content.get(location[:end]) if location[end : end + 1] in ("", ".", "[") else None
            if child is not None:
                return child, location[end:]
        return None

    def walk(self, location: str = "") -> Iterator[tuple[str, Element]]:
        """Yield this element and those inside it, each with its location, in order."""
        yield location, self
        if isinstance(self.content, dict):
            for key, child in self.content.items():
                yield from child.walk(f"{location}.{key}" if location else key)
        elif isinstance(self.content, list):
            for index, child in enumerate(self.content):
                yield from child.walk(f"{location}[{index}]")


class Source:
    """The text of a definition, with the problems found while reading it."""

    def __init__(self, text: object, name: str) -> None:
        """Take a text.

        Args:
            text: The text from the user. A byte order mark at its start is dropped.
            name: The name of the file, for positions.

        Raises:
            DefinitionError: If the text is empty or too long.
            TypeError: If it isn't a text.
        """
        if not isinstance(text, str):
            kind = type(text).__name__
            raise TypeError(
                f"text must be a str, not {kind}. Decode bytes first, and read a file with load or format_file"
            )
        self.text: str = text.removeprefix("\ufeff")
        self.name = name
        self.problems: list[tuple[int, Problem]] = []
        """The problems with the offset of each."""
        self._line_starts: list[int] | None = None
        self._written: tuple[Element, list[int], list[int]] | None = None
        if len(self.text) > MAX_SIZE:
            self.text = ""
            raise self.failure(0, "too_large", f"the text has more than {MAX_SIZE} characters")
        if not self.text.strip():
            raise self.failure(0, "empty_document", "the text is empty. A definition has at least the key 'nodes'")

    def line(self, offset: int) -> int:
        """Return the line of an offset, counted from 1."""
        return bisect_right(self._starts(), offset)

    def column(self, offset: int) -> int:
        """Return the column of an offset, counted from 1 in characters."""
        return offset - self.line_start(offset) + 1

    def place(self, offset: int) -> tuple[int, int]:
        """Return the line and the column of an offset, counted from 1."""
        return self.line(offset), self.column(offset)

    def offset_in(self, value: Element, index: int) -> int:
        """Return the offset at which a character of a text value is written.

        A text may be escaped, folded or indented, which only changes spaces and line breaks. All other characters stay
        the same and in order, so this counts them.

        Args:
            value: The value, a text.
            index: The index of a character in the value, which isn't a space.
        """
        if self._written is None or self._written[0] is not value:  # one text may have many problems
            self._written = value, *self._places_in(value)
        _, in_value, in_text = self._written
        number = bisect_left(in_value, index)
        return in_text[number] if number < len(in_text) else value.offset

    def _places_in(self, value: Element) -> tuple[list[int], list[int]]:
        """Return the offsets of a text value's characters other than spaces, in the value and in the text."""
        assert isinstance(value.content, str)
        in_value = [match.start() for match in _NO_SPACE.finditer(value.content)]
        start, first = value.offset, self.text[value.offset]
        if first in "\"'":
            start += 1
        elif first in "|>":
            start = self._starts()[self.line(start)]  # a block text begins below its header
        characters = _WRITTEN.get(first, _AS_IT_IS).finditer(self.text, start)
        in_text = (match.start() for match in characters if not _SPACE.fullmatch(match[0]))
        return in_value, list(islice(in_text, len(in_value)))

    def line_start(self, offset: int) -> int:
        """Return the offset at which the line of an offset begins."""
        return self._starts()[self.line(offset) - 1]

    def text_of_line(self, line: int) -> str:
        """Return the text of a line without its line break."""
        starts = self._starts()
        return self.text[starts[line - 1] : starts[line] if line < len(starts) else None].rstrip("\r\n")

    def _starts(self) -> list[int]:
        if self._line_starts is None:
            self._line_starts = [0, *(match.end() for match in _LINE_BREAK.finditer(self.text))]
        return self._line_starts

    def report(self, offset: int, code: str, message: str) -> None:
        """Record a problem and continue."""
        self.add(offset, Problem(location="", code=code, message=message))

    def add(self, offset: int, problem: Problem) -> None:
        """Record a problem with its position."""
        self.problems.append((offset, self.placed(offset, problem)))

    def placed(self, offset: int, problem: Problem) -> Problem:
        """Return a problem with its position and line."""
        line = self.line(offset)
        start = max(self.line_start(offset), offset - _AROUND)  # a line may have thousands of problems
        end = self._starts()[line] if line < len(self._starts()) else len(self.text)
        around = self.text[start : min(end, offset + _AROUND)].rstrip("\r\n")
        shown = snippet(line, around, offset - start + 1)
        return replace(problem, source=f"{self.name}:{line}:{self.column(offset)}", snippet=shown)

    def failure(self, offset: int, code: str, message: str) -> DefinitionError:
        """Return the error for a text that can't be read any further, with all problems so far."""
        self.report(offset, code, message)
        return DefinitionError(self.in_order())

    def raise_errors(self) -> None:
        """Raise all problems if there is an error among them.

        Raises:
            DefinitionError: If there is an error. Warnings alone don't raise.
        """
        if any(problem.severity == "error" for _, problem in self.problems):
            raise DefinitionError(self.in_order())

    def in_order(self, others: Iterable[tuple[int, Problem]] = ()) -> Problems:
        """Return these problems and others without duplicates, in the order of the text."""
        ordered = sorted([*self.problems, *others], key=lambda pair: pair[0])
        return Problems(dict.fromkeys(problem for _, problem in ordered))

    def add_member(self, members: dict[str, Element], key: str, value: Element) -> None:
        """Add a member to an object. Report a duplicate key, and keep the first."""
        first = members.setdefault(key, value)
        if first is not value:
            message = f"{key!r} is already a key of this object, on line {self.line(first.key_offset)}"
            self.report(value.key_offset, "duplicate_key", message)

    def text_value(self, text: str, offset: int) -> str:
        """Return a text value, and report half of a surrogate pair in it, which UTF-8 cannot encode."""
        if not is_unicode(text):
            self.report(offset, "bad_character", "the text contains half of a surrogate pair, which is not a character")
        return text

    def number(self, token: str, offset: int) -> int | float | None:
        """Return the value of a decimal or hexadecimal number, and report one that no float can hold."""
        try:
            return _number(token)
        except (OverflowError, ValueError):
            shown = token if len(token) <= 20 else f"{token[:17]}..."
            self.report(offset, "bad_number", f"the number {shown} is too large")
            return None


def _number(token: str) -> int | float:
    """Return the value of a number.

    Raises:
        OverflowError: If no float holds it.
        ValueError: If it has thousands of decimal digits.
    """
    is_hexadecimal = token.startswith("0x")
    is_float = not is_hexadecimal and re.search(r"[.eE]", token)
    value = float(token) if is_float else int(token, 16 if is_hexadecimal else 10)
    if math.isinf(value):  # raises an OverflowError for a large int
        raise OverflowError
    return value


# An unterminated string extends to the end of the text, so that the search doesn't restart at each quote in it.
_STRING: Final = r'"[^"\\]*(?:\\.[^"\\]*)*"?'
_TOKEN = re.compile(rf'({_STRING}|[\[\]{{}}]|[^\s\[\]{{}},:"]+)')
_BRACKETS = re.compile(rf"{_STRING}|([\[{{])|([\]}}])")

_Tokens = Iterator[re.Match[str]]


def read_json(source: Source) -> Element:
    """Read a JSON document.

    Args:
        source: The text. Problems that don't stop the reading are added to it.

    Returns:
        The value of the document.

    Raises:
        DefinitionError: If the text is not a JSON document, or too deep.
    """
    _check_depth(source)
    try:
        # This only finds syntax errors. Its values have no positions, and the last duplicate key wins.
        json.loads(source.text, parse_int=_as_written, parse_float=_as_written)
    except json.JSONDecodeError as error:
        raise source.failure(error.pos, "syntax_error", f"not a JSON document: {error.msg}") from None
    tokens = _TOKEN.finditer(source.text)
    return _value(source, next(tokens), tokens)


def _as_written(token: str) -> str:
    return token


def _check_depth(source: Source) -> None:
    depth = 0
    for match in _BRACKETS.finditer(source.text):
        depth += bool(match[1]) - bool(match[2])
        if depth > MAX_DEPTH:
            raise source.failure(match.start(), "too_deep", TOO_DEEP)


def _value(source: Source, token: re.Match[str], tokens: _Tokens) -> Element:
    """Read the value that begins with a token. The text is known to be JSON."""
    match token[1][0]:
        case "{":
            return _object(source, token, tokens)
        case "[":
            return _array(source, token, tokens)
        case _:
            return Element(_scalar(source, token), token.start(1), token.end(1))


def _object(source: Source, start: re.Match[str], tokens: _Tokens) -> Element:
    members: dict[str, Element] = {}
    token = next(tokens)
    while token[1] != "}":
        key = source.text_value(json.loads(token[1]), token.start(1))
        value = _value(source, next(tokens), tokens)
        value.key_offset, value.key_end = token.span(1)
        source.add_member(members, key, value)
        token = next(tokens)
    return Element(members, start.start(1), token.end(1))


def _array(source: Source, start: re.Match[str], tokens: _Tokens) -> Element:
    elements: list[Element] = []
    token = next(tokens)
    while token[1] != "]":
        elements.append(_value(source, token, tokens))
        token = next(tokens)
    return Element(elements, start.start(1), token.end(1))


def _scalar(source: Source, token: re.Match[str]) -> Any:
    text, offset = token[1], token.start(1)
    if text[0] == '"':
        return source.text_value(json.loads(text), offset)
    if text in ("true", "false", "null"):
        return json.loads(text)
    if text in ("NaN", "Infinity", "-Infinity"):
        source.report(offset, "bad_number", f"{text} is not JSON. Write a number, or a string in quotes")
        return None
    return source.number(text, offset)


_CONSTANTS: Final = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_OCTAL = re.compile(r"[-+]?0o?[0-9]+")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_DECIMAL = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")

UNREADABLE: Final = re.compile("[^\t\n\r -~\u00a0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
"""The characters that YAML doesn't allow, and those that are line breaks in YAML 1.1 but not in YAML 1.2."""

_UNQUOTED_TEMPLATE = re.compile(r"(?:^|[:\-,\[{])[ \t]*\{\{", re.MULTILINE)
_GIT_CONFLICT = re.compile("^<{7} ", re.MULTILINE)
_QUOTE_TEMPLATE: Final = "a string that begins with {{ needs quotes: '{{input.name}}'"


def pyyaml() -> ModuleType:
    """Import PyYAML.

    Raises:
        ImportError: If it is not installed. The message has the command that installs it.
    """
    try:
        import yaml
    except ImportError as error:
        raise ImportError("YAML needs PyYAML: pip install 'fibonacci-sdk[yaml]'") from error
    return yaml


def events(text: str) -> Iterator[Any]:
    """Yield the events of PyYAML's parser, which is libyaml's if available."""
    yaml = pyyaml()
    yield from yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def is_text(token: str) -> bool:
    """Tell whether an unquoted scalar is a text, and not a number, a boolean, null or a merge key."""
    if token in _CONSTANTS or token == "<<":
        return False
    if _OCTAL.fullmatch(token):
        return True
    return not any(pattern.fullmatch(token) for pattern in (_DECIMAL, _HEXADECIMAL, _NOT_FINITE))


def read_yaml(source: Source) -> Element:
    """Read a YAML document.

    Args:
        source: The text. Problems that don't stop the reading are added to it.

    Returns:
        The value of the document.

    Raises:
        ImportError: If PyYAML is not installed.
        DefinitionError: If the text is not a YAML document, or too deep.
    """
    yaml = pyyaml()
    unreadable = UNREADABLE.search(source.text)
    if unreadable:
        raise source.failure(unreadable.start(), "bad_character", _bad_character(unreadable[0]))
    try:
        return _Reader(source).document()
    except yaml.MarkedYAMLError as error:
        raise source.failure(*_syntax_error(source, error)) from None


class _Reader:
    """Builds elements from the parser's events. PyYAML itself would allow any depth, and resolve aliases."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._events = events(source.text)
        self._end = 0
        """Where the last value ended. Objects and arrays in block style end there too."""

    def document(self) -> Element:
        """Return the value of the document."""
        next(self._events)  # the start of the stream
        if type(next(self._events)).__name__ == "StreamEndEvent":
            raise self._source.failure(0, "empty_document", "the document is empty. It needs at least the key 'nodes'")
        root = self._value(next(self._events), 1)
        next(self._events)  # the end of the document
        following = next(self._events)
        if type(following).__name__ != "StreamEndEvent":
            message = "a file has one definition: this is a second one"
            raise self._source.failure(following.start_mark.index, "several_documents", message)
        return root

    def _value(self, event: Any, depth: int) -> Element:
        """Read the value that begins with an event."""
        offset: int = event.start_mark.index
        kind = type(event).__name__
        if kind == "AliasEvent":
            message = f"the alias *{event.anchor} is not allowed: write the value out"
            self._source.report(offset, "alias", message)
            return self._scalar(event, None)
        self._refuse_properties(event, offset)
        if kind == "ScalarEvent":
            return self._scalar(event, self._content(event, offset))
        if depth > MAX_DEPTH:
            raise self._source.failure(offset, "too_deep", TOO_DEEP)
        element = Element({} if kind == "MappingStartEvent" else [], offset)
        event = next(self._events)
        while type(event).__name__ not in ("SequenceEndEvent", "MappingEndEvent"):
            if isinstance(element.content, dict):
                self._member(element.content, event, depth)
            elif isinstance(element.content, list):
                element.content.append(self._value(event, depth + 1))
            event = next(self._events)
        if self._source.text.startswith(("]", "}"), event.start_mark.index):
            self._end = event.end_mark.index
        element.end = self._end
        return element

    def _scalar(self, event: Any, content: str | float | bool | None) -> Element:
        self._end = event.end_mark.index
        return Element(content, event.start_mark.index, self._end)

    def _member(self, members: dict[str, Element], event: Any, depth: int) -> None:
        """Read a key and its value."""
        offset: int = event.start_mark.index
        if type(event).__name__ == "ScalarEvent":
            self._refuse_properties(event, offset)
            key, key_end = self._key(event, offset), event.end_mark.index
        else:
            key, key_end = None, offset
            if self._source.text.startswith("{{", offset - 1):
                self._source.report(offset - 1, "bad_key", _QUOTE_TEMPLATE)
            elif type(event).__name__ != "AliasEvent":
                self._source.report(offset, "bad_key", "a key is a string, not a list or a mapping")
            self._value(event, depth + 1)
        value = self._value(next(self._events), depth + 1)
        value.key_offset, value.key_end = offset, key_end
        if key is not None:
            self._source.add_member(members, key, value)

    def _key(self, event: Any, offset: int) -> str | None:
        """Return a key, or None if it is refused."""
        if event.style or is_text(event.value):
            return self._source.text_value(event.value, offset)
        if event.value == "<<":
            self._source.report(offset, "merge_key", "the merge key << is not allowed: write the keys out")
        else:
            self._source.report(offset, "bad_key", f'a key is a string: write "{event.value}" in quotes')
        return None

    def _refuse_properties(self, event: Any, offset: int) -> None:
        if event.anchor is not None:
            message = f"the anchor &{event.anchor} is not allowed: write the value out where you need it"
            self._source.report(offset, "alias", message)
        if event.tag is not None:
            message = f"the tag {event.tag} is not allowed: write a string in quotes, and everything else without a tag"
            self._source.report(offset, "tag", message)

    def _content(self, event: Any, offset: int) -> str | int | float | bool | None:
        token: str = event.value
        if event.style or is_text(token) or token == "<<":
            return self._source.text_value(token, offset)
        if token in _CONSTANTS:
            return _CONSTANTS[token]
        if _NOT_FINITE.fullmatch(token):
            message = f"{token} is not JSON. Write a number, or a string in quotes"
            self._source.report(offset, "bad_number", message)
            return None
        return self._source.number(token, offset)


def _syntax_error(source: Source, error: Any) -> tuple[int, str, str]:
    """Return the offset, code and message of a parser error."""
    mark = error.problem_mark or error.context_mark
    offset = min(mark.index, len(source.text)) if mark else 0
    line = source.text_of_line(source.line(offset))
    begin = error.context_mark and source.text_of_line(source.line(error.context_mark.index))
    if "maximum nesting depth" in str(error.problem):  # libyaml's own limit for reading ahead
        return offset, "too_deep", TOO_DEEP
    if conflict := _GIT_CONFLICT.search(source.text):
        return conflict.start(), "syntax_error", "git could not merge these lines: keep one side, and no markers"
    message = f"not a YAML document: {error.problem or error.context}"
    if error.context and error.problem:
        message += f" ({error.context})"
    if _UNQUOTED_TEMPLATE.search(line) or (begin and _UNQUOTED_TEMPLATE.search(begin)):
        message += f". {_QUOTE_TEMPLATE.capitalize()}"
    elif source.text.startswith("\t", offset) or re.match(r" *\t", line):
        message += ". Indent with spaces, not with tabs"
    elif "mapping values are not allowed" in message:
        message += ". A string with a colon and a space in it needs quotes"
    return offset, "syntax_error", message


def _bad_character(character: str) -> str:
    code = f"U+{ord(character):04X}"
    if character in "\x85\u2028\u2029":
        return f"{code} is a line break in YAML 1.1 but not in YAML 1.2: write it as an escape, in double quotes"
    return f"{code} is not allowed in YAML: write it as an escape, in double quotes"
