"""How data is printed: fields, JSON, tables, and lines that fit a terminal."""

from __future__ import annotations

import json
import re
import shutil
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from fibonacci._core.json_bodies import is_array, is_object
from fibonacci._display.text import cell_width, clusters
from fibonacci._texts.suggestions import did_you_mean
from fibonacci._texts.text import parse_time, printable, printable_line
from fibonacci.cli.exit_codes import UsageError
from fibonacci.cli.standard_streams import without_commands

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from typing import TextIO


def visible_json(text: str) -> str:
    """Escape the control characters of a JSON text, which doesn't change its meaning."""
    if text.isascii() and "\x7f" not in text:
        return text
    return "".join(character if printable(character) == character else f"\\u{ord(character):04x}" for character in text)


def encodable(text: str, encoding: str) -> str:
    """Escape the characters of a text that an encoding doesn't have."""
    return text.encode(encoding, "backslashreplace").decode(encoding)


def fitted(text: str, width: int, ellipsis: str) -> str:
    """Cut a text or pad it with spaces, so that it takes exactly a number of cells."""
    missing = width - cell_width(text)
    if missing >= 0:
        return text + " " * missing
    mark = ellipsis[:width]
    kept, taken = "", len(mark)
    for cluster, cells in clusters(text):
        taken += cells
        if taken > width:
            break
        kept += cluster
    return kept + mark + " " * (width - cell_width(kept + mark))


_TIME: Final = re.compile(r"(?:.*_)?at")


def field_text(name: str, value: Any, *, with_seconds: bool = False) -> str:
    """Return a value in one line. Empty for null.

    Args:
        name: The name of the field. If it ends with `at`, the value is a time.
        value: The value, which has a JSON form.
        with_seconds: Whether times include seconds and the name of the zone.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        time = parse_time(value) if _TIME.fullmatch(name) else None
        return value if time is None or time.tzinfo is None else _local(time, with_seconds=with_seconds)
    if is_array(value) and all(isinstance(member, str) for member in value):
        return ", ".join(value)
    return json.dumps(value, ensure_ascii=False)


def _local(time: datetime, *, with_seconds: bool) -> str:
    try:
        return time.astimezone().strftime("%Y-%m-%d %H:%M:%S %Z" if with_seconds else "%Y-%m-%d %H:%M")
    except (OverflowError, OSError, ValueError):  # a year outside the zone's range
        return time.isoformat()


def plain(value: Any) -> Any:
    """Return the `to_dict()` of a model, and any other value as it is."""
    return value.to_dict() if hasattr(value, "to_dict") else value


def named_fields(value: Any) -> dict[str, Any]:
    """Return all fields of an object, including the platform's other names for them. Other values have none."""
    fields = plain(value)
    if not is_object(fields):
        return {}
    from fibonacci.models._base import Model, other_names

    if isinstance(value, Model):
        fields |= {other: fields[name] for other, name in other_names(type(value)).items()}
    return fields


def select(value: Any, paths: Sequence[str]) -> dict[str, Any]:
    """Return the fields of an object that paths such as `outputs.greet` lead to, in their order.

    Args:
        value: A model, or an object of JSON.
        paths: Names, with dots between the levels. A number is an index of a list. What is missing is null.
    """
    fields = named_fields(value)
    selected: dict[str, Any] = {}
    for path in paths:
        name, *inner = [path] if path in fields else path.split(".")
        selection = fields.get(name)
        for part in inner:
            selection = _inside(selection, part)
        selected[path] = selection
    return selected


def unknown_fields(paths: Iterable[str], known: Collection[str]) -> list[str]:
    """Return the first name of each path that is not a field."""
    names = {path: path.partition(".")[0] for path in paths}
    return [name for path, name in names.items() if path not in known and name not in known]


def unknown_field_text(name: str, known: Collection[str]) -> str:
    """Return what is wrong with a name that isn't a field, with the nearest field or all of them."""
    remedy = did_you_mean(name, known) or f": the fields are {', '.join(known) or 'none'}"
    return f"--fields has the unknown name {name!r}{remedy}"


def check_fields(paths: Iterable[str], known: Collection[str]) -> None:
    """Check that the first name of each path is a field.

    Raises:
        UsageError: If a field doesn't exist.
    """
    for name in unknown_fields(paths, known):
        raise UsageError(unknown_field_text(name, known))


def _inside(value: Any, name: str) -> Any:
    if is_object(value):
        return value.get(name)
    if is_array(value) and name.isdecimal():
        return value[int(name)] if int(name) < len(value) else None
    return None


_COLUMNS: Final[dict[str, Sequence[str]]] = {
    "Workflow": ("id", "name", "version", "status", "updated_at"),
    "Execution": ("id", "status", "created_at", "duration_ms", "workflow_id", "nodes_failed"),
    "WorkflowVersion": ("version", "name", "rolled_back_from", "created_at"),
    "RegistryEntry": ("workflow_id", "name", "status", "updated_at"),
    "ToolPolicy": ("tool_name", "enabled", "allowed_roles", "updated_at"),
    "RolePolicyOverride": ("role", "tool_name", "enabled"),
    "Tool": ("name", "description"),
}
_MOST: Final = 6


def columns_of(item: Any, fields: Mapping[str, Any]) -> Sequence[str]:
    """Return the columns for objects like this one: those of its class, or else its first simple fields."""
    simple = [name for name, value in fields.items() if not isinstance(value, dict | list)]
    return _COLUMNS.get(type(item).__name__) or simple[:_MOST] or list(fields)[:_MOST]


_STATUS_STYLES: Final = {
    **dict.fromkeys(("active", "approved", "completed", "connected", "healthy"), "green"),
    **dict.fromkeys(("failed", "unhealthy"), "red"),
    **dict.fromkeys(("pending", "pending_approval", "running"), "yellow"),
    **dict.fromkeys(("archived", "cancelled", "deprecated"), "dim"),
}
_NARROWEST: Final = 10
_CODES: Final = {"bold": 1, "dim": 2, "red": 31, "green": 32, "yellow": 33, "magenta": 35, "cyan": 36}


def styled(text: str, style: str) -> str:
    """Return a text in a style of the terminal, such as `bold` or `red`. An empty style is the terminal's own."""
    return f"\x1b[{_CODES[style]}m{text}\x1b[0m" if style and text else text


class Painter:
    """Prints lines of styled texts.

    Args:
        stream: The terminal.
        has_color: Whether to use colors.

    Attributes:
        encoding: The encoding of the terminal.
        ellipsis: What replaces the end of a cut text.
        width: The width of the terminal in cells.
    """

    def __init__(self, stream: TextIO, *, has_color: bool) -> None:
        self._stream = stream
        self.encoding: str = encoding_of(stream)
        self.ellipsis: str = "\N{HORIZONTAL ELLIPSIS}" if self.encoding.lower().startswith("utf") else "..."
        self.width: int = max(_NARROWEST, shutil.get_terminal_size().columns)
        self._has_color = has_color

    def line(self, parts: Sequence[tuple[str, str]]) -> None:
        """Print a line, without colors if CI would take it for a command, as it may with a container's terminal.

        Args:
            parts: Texts, each with its style (see `styled`).
        """
        whole = "".join(text for text, _ in parts)
        if (safe := without_commands(whole)) != whole:
            parts = [(safe, "")]
        encoded = [(encodable(text, self.encoding), style if self._has_color else "") for text, style in parts]
        print("".join(styled(text, style) for text, style in encoded).rstrip(), file=self._stream, flush=True)


def style_of(name: str, value: Any) -> str:
    """Return the style of a field's value."""
    return _STATUS_STYLES.get(value, "") if name == "status" and isinstance(value, str) else ""


def encoding_of(stream: TextIO | None) -> str:
    """Return the encoding of a stream, or none for an in-memory text stream."""
    return getattr(stream, "encoding", None) or "utf-8"


_GAP: Final = "  "
_SAMPLE: Final = 100


# How far the first column, which names the object, and the others shrink before columns are left out. IDs and times are
# useless when cut. A column that `--fields` names is always shown.
_DEFAULT: Final = (24, 16)
_CHOSEN: Final = (4, 4)


class TerminalTable:
    """Prints objects as rows. The first ones determine the widths, so a long list isn't read first.

    Args:
        painter: The terminal.
        columns: The fields to show. Default: those of the objects' class that any of the first objects has. The name of
            a workflow then replaces its ID, unless the objects have a field for it.
        name_of: Returns the name for the ID of a workflow.
    """

    def __init__(self, painter: Painter, columns: Sequence[str], name_of: Callable[[str], str]) -> None:
        self._painter = painter
        self._name_of = name_of
        self._columns = list(columns)
        self._widths: list[int] = []

    def write(self, items: Iterable[Any]) -> int:
        """Print the objects, and return their number. Objects before an error are printed too."""
        first: list[Any] = []
        count = 0
        try:
            for item in items:
                count += 1
                if self._widths:
                    self._row(item)
                    continue
                first.append(item)
                if len(first) == _SAMPLE:
                    self._begin(first)
        finally:
            if first and not self._widths:
                self._begin(first)
        return count

    def _begin(self, first: list[Any]) -> None:
        is_chosen = bool(self._columns)
        fields = named_fields(first[0])
        if is_chosen or "name" in fields:
            self._name_of = str
        columns = self._columns or columns_of(first[0], fields)
        rows = [select(item, columns) for item in first]
        self._columns = [name for name in columns if is_chosen or any(row[name] is not None for row in rows)]
        widths = [
            max(cell_width(text) for text in (self._header(name), *(self._cell(name, row[name]) for row in rows)))
            for name in self._columns
        ]
        self._widths = fitting_widths(widths, self._painter.width, _CHOSEN if is_chosen else _DEFAULT)
        self._columns = self._columns[: len(self._widths)]
        self._line([(self._header(name), "bold") for name in self._columns])
        for item in first:
            self._row(item)

    def _row(self, item: Any) -> None:
        values = select(item, self._columns)
        self._line([(self._cell(name, value), style_of(name, value)) for name, value in values.items()])

    def _line(self, cells: Sequence[tuple[str, str]]) -> None:
        parts: list[tuple[str, str]] = []
        for (text, style), width in zip(cells, self._widths, strict=True):
            parts += [(fitted(text, width, self._painter.ellipsis), style), (_GAP, "")]
        self._painter.line(parts[:-1])

    def _header(self, name: str) -> str:
        return "workflow" if name == "workflow_id" and self._name_of is not str else printable_line(name)

    def _cell(self, name: str, value: Any) -> str:
        if name == "workflow_id" and isinstance(value, str):
            value = self._name_of(value)
        return encodable(printable_line(field_text(name, value)), self._painter.encoding)


def fitting_widths(widths: Sequence[int], available: int, shortest: tuple[int, int]) -> list[int]:
    """Return widths that fit, including gaps: first the widest columns shrink, then the last ones are left out.

    Args:
        widths: The widths that the columns would need.
        available: The cells of the terminal.
        shortest: What the first column and the others shrink to.
    """
    fitting = [min(width, available) for width in widths]
    while sum(fitting) + len(_GAP) * (len(fitting) - 1) > available:
        wide = [index for index, width in enumerate(fitting) if width > shortest[min(index, 1)]]
        if wide:
            fitting[max(wide, key=fitting.__getitem__)] -= 1
        elif len(fitting) > 1:
            fitting.pop()
        else:
            fitting[0] = available
    return fitting


_INDENT: Final = "  "


def write_object(painter: Painter, fields: Mapping[str, Any], name_of: Callable[[str], str]) -> None:
    """Print the fields of an object, and after the ID of a workflow its name.

    Args:
        painter: The terminal.
        fields: The fields.
        name_of: Returns the name for the ID of a workflow.
    """
    for name, value in fields.items():
        below = _below(value)
        text = "" if below else printable_line(field_text(name, value, with_seconds=True)) or json.dumps(value)
        if name == "workflow_id" and value and (workflow := name_of(value)) != value:
            text += f" ({printable_line(workflow)})"
        parts = [(f"{printable_line(name)}:", "bold"), (f" {text}" if text else "", style_of(name, value))]
        painter.line(parts)
        for line in below:
            painter.line([(f"{_INDENT}{line}", "")])


def _below(value: Any) -> list[str]:
    """Return the lines to print below the name, or none if the value fits next to it."""
    if isinstance(value, str):
        return printable(value).splitlines() if "\n" in value.strip() else []
    if is_object(value) or (is_array(value) and any(isinstance(member, dict | list) for member in value)):
        return visible_json(json.dumps(value, ensure_ascii=False, indent=2)).split("\n") if value else []
    return []
