"""JSON with the place of each value. No extra is needed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from fibonacci.definitions.files.source import MAX_DEPTH, Element, Source

# One without an end is read to the end of the text: a search does not begin again at each quote in it.
_STRING: Final = r'"[^"\\]*(?:\\.[^"\\]*)*"?'
_TOKEN = re.compile(rf'({_STRING}|[\[\]{{}}]|[^\s\[\]{{}},:"]+)')
_BRACKETS = re.compile(rf"{_STRING}|([\[{{])|([\]}}])")

_Tokens = Iterator[re.Match[str]]


def read_json(source: Source) -> Element:
    """Read a JSON document.

    Args:
        source: The text; what is wrong without ending the reading is added to its problems.

    Returns:
        The value of the document.

    Raises:
        DefinitionError: If the text is no JSON document, or too deep.
    """
    _check_depth(source)
    try:
        # This finds syntax errors. Its values are not used: they have no positions, and the last duplicate key wins.
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
            raise source.failure(match.start(), "too_deep", f"more than {MAX_DEPTH} levels of objects and arrays")


def _value(source: Source, token: re.Match[str], tokens: _Tokens) -> Element:
    """Read the value that begins with a token. The text is known to be JSON."""
    match token[1][0]:
        case "{":
            return Element(_members(source, tokens), token.start(1))
        case "[":
            return Element(list(_elements(source, tokens)), token.start(1))
        case _:
            return Element(_scalar(source, token), token.start(1))


def _members(source: Source, tokens: _Tokens) -> dict[str, Element]:
    members: dict[str, Element] = {}
    for token in tokens:
        if token[1] == "}":
            break
        key = source.text_value(json.loads(token[1]), token.start(1))
        value = _value(source, next(tokens), tokens)
        value.key_offset = token.start(1)
        source.add_member(members, key, value)
    return members


def _elements(source: Source, tokens: _Tokens) -> Iterator[Element]:
    for token in tokens:
        if token[1] == "]":
            break
        yield _value(source, token, tokens)


def _scalar(source: Source, token: re.Match[str]) -> Any:
    text, offset = token[1], token.start(1)
    if text[0] == '"':
        return source.text_value(json.loads(text), offset)
    if text in ("true", "false", "null"):
        return json.loads(text)
    if text in ("NaN", "Infinity", "-Infinity"):
        source.report(offset, "bad_number", f"{text} is not JSON; write a number, or a text in quotes")
        return None
    return source.number(text, offset)
