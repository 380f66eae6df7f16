"""The kinds of values in derived commands: how each is typed and parsed."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from fibonacci._texts.suggestions import did_you_mean
from fibonacci.cli.numbers import FORMS, list_of_names, period

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fibonacci.definitions import WorkflowDefinition

_BOOLEANS: Final = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0"), False),
}
_WHOLE_NUMBER: Final = re.compile(r"-?\d{1,18}", re.ASCII)
_LONGEST_AGO: Final = 36_525 * 86_400
"""A hundred years in seconds: subtracting more could lead to a time before the year 1."""
_TIME: Final = "2026-11-25 or 2026-11-25T09:00Z"


class ValueKind(NamedTuple):
    """How a value is typed.

    Attributes:
        metavar: The placeholder for it in the help of an option.
        read: Parses what was typed. Raises `ArgumentTypeError` with the remedy.
    """

    metavar: str
    read: Callable[[str], Any]


def boolean(text: str) -> bool:
    """Read `true` or `false`, as people type them."""
    value = _BOOLEANS.get(text.lower())
    if value is None:
        raise ArgumentTypeError(f"{text!r} is not true or false (or yes, no, on, off, 1 or 0){_null(text)}")
    return value


def integer(text: str) -> int:
    """Read a whole number."""
    if _WHOLE_NUMBER.fullmatch(text) is None:
        raise ArgumentTypeError(f"{text!r} is not a whole number{_null(text)}")
    return int(text)


def seconds(text: str) -> int:
    """Read whole seconds: `90`, `90s`, `1h30m`, `2d`."""
    if (number := _whole_seconds(text)) is None:
        raise ArgumentTypeError(f"{text!r} is not a time such as {FORMS}{_null(text)}")
    return number


def _whole_seconds(text: str) -> int | None:
    return int(text) if _WHOLE_NUMBER.fullmatch(text) else period(text)


def since(text: str) -> datetime | timedelta:
    """Read how long ago something was: `90`, `30m`, `1h`, `2d`, or a time in ISO 8601, by default in the local zone."""
    number = _whole_seconds(text)
    if number is not None and 0 < number <= _LONGEST_AGO:
        return timedelta(seconds=number)
    from fibonacci._texts.text import parse_time  # the help doesn't need it

    time = parse_time(text)
    if time is None:
        raise ArgumentTypeError(f"{text!r} is neither a period such as 30m, 1h or 2d nor a time such as {_TIME}")
    return time.astimezone()


def word(text: str, choices: Sequence[str]) -> str:
    """Read one of the documented words, or another one that the platform may have, but refuse a misspelling."""
    if text in choices:
        return text
    if hint := did_you_mean(text, choices):
        raise ArgumentTypeError(f"unknown word {text!r}{hint}")
    return text


def any_json(text: str) -> Any:
    """Read any JSON. A text needs quotes inside the argument."""
    return _json(text, ". A string needs double quotes inside the single ones: '\"text\"'")


def json_object(text: str) -> Any:
    """Read a JSON object, or null."""
    from fibonacci._core.json_bodies import is_object  # the help doesn't need it
    from fibonacci.cli.values import json_kind

    value = _json(text, '. It must be a JSON object such as \'{"name": "Ada"}\'')
    if value is not None and not is_object(value):
        raise ArgumentTypeError(f'it must be a JSON object such as \'{{"name": "Ada"}}\', not {json_kind(value)}')
    return value


def definition(text: str) -> Any:
    """Read a definition: a JSON object, or a file in JSON or YAML."""
    if not (text.startswith("@") and text.lower().endswith((".yaml", ".yml"))):
        return json_object(text)
    return definition_file(text[1:])


def definition_file(path: str) -> WorkflowDefinition:
    """Read a file with a definition, in JSON or YAML."""
    from fibonacci.definitions import load  # the help doesn't need it

    return load(path)


def _json(text: str, remedy: str) -> Any:
    from fibonacci.cli.values import NotJSONError, json_value  # the help doesn't need it

    try:
        return json_value(text).value
    except NotJSONError as error:
        raise ArgumentTypeError(f"{error}{remedy}") from None


def _null(text: str) -> str:
    return ". To send null, use --null NAME" if text.lower() in ("null", "none") else ""


KINDS: Final = {
    "text": ValueKind("TEXT", str),
    "word": ValueKind("WORD", str),
    "workflow": ValueKind("ID|NAME", str),
    "integer": ValueKind("N", integer),
    "boolean": ValueKind("true|false", boolean),
    "seconds": ValueKind("TIME", seconds),
    "since": ValueKind("TIME", since),
    "names": ValueKind("A,B", list_of_names),
    "json": ValueKind("JSON|@FILE|-", any_json),
    "object": ValueKind("JSON|@FILE|-", json_object),
    "file": ValueKind("FILE", definition_file),
    "definition": ValueKind("JSON|@FILE|-", definition),
}
"""The kinds, by their names in the tables."""
