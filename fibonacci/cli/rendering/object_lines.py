"""One object on a terminal: a line for each field, nested JSON below its name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from fibonacci._text import printable, printable_line
from fibonacci.cli.json_types import is_array, is_object
from fibonacci.cli.rendering.painter import style_of
from fibonacci.cli.rendering.shown_values import one_line
from fibonacci.cli.rendering.terminal_text import visible_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fibonacci.cli.json_types import is_array, is_object
from fibonacci.cli.rendering.painter import Painter

_INDENT: Final = "  "


def write_object(painter: Painter, fields: Mapping[str, Any]) -> None:
    """Print the fields of an object."""
    for name, value in fields.items():
        below = _below(value)
        text = "" if below else printable_line(one_line(name, value, with_seconds=True)) or _empty(value)
        parts = [(f"{printable_line(name)}:", "bold"), (f" {text}" if text else "", style_of(name, value))]
        painter.line(parts)
        for line in below:
            painter.line([(f"{_INDENT}{line}", "")])


def _below(value: Any) -> list[str]:
    """Return the lines that stand below the name; none when the value fits beside it."""
    if isinstance(value, str):
        return printable(value).splitlines() if "\n" in value.strip() else []
    if is_object(value) or (is_array(value) and any(isinstance(each, dict | list) for each in value)):
        return visible_json(json.dumps(value, ensure_ascii=False, indent=2)).split("\n") if value else []
    return []


def _empty(value: Any) -> str:
    """Return what stands for a value without a text: null, an empty text or list."""
    return json.dumps(value)
