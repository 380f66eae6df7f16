"""Aligned columns that fit the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from fibonacci._display.text import cell_width
from fibonacci._text import printable_line
from fibonacci.cli.rendering.columns import columns_of
from fibonacci.cli.rendering.fields import named_fields, select
from fibonacci.cli.rendering.painter import style_of
from fibonacci.cli.rendering.shown_values import one_line
from fibonacci.cli.rendering.terminal_text import encodable, fitted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fibonacci.cli.rendering.painter import Painter

_GAP: Final = "  "
_SAMPLE: Final = 100


class ShortestColumns(NamedTuple):
    """The cells that columns keep before others are left out.

    Attributes:
        first: Those of the first column, which names the object.
        others: Those of each other column.
    """

    first: int
    others: int


# Ids and times are of no use in part.
_DEFAULT: Final = ShortestColumns(24, 16)
# A column that `--fields` names is always shown.
_CHOSEN: Final = ShortestColumns(4, 4)


class TerminalTable:
    """Prints objects as rows. The first ones decide about the widths, so that a long list need not be read first.

    Args:
        painter: The terminal.
        columns: The fields to show; default: those of the objects' class that any of the first objects has.
        is_checked: Whether the first object must have the columns.
    """

    def __init__(self, painter: Painter, columns: Sequence[str], *, is_checked: bool) -> None:
        self._painter = painter
        self._columns = list(columns)
        self._is_checked = is_checked
        self._widths: list[int] = []

    def write(self, items: Iterable[Any]) -> int:
        """Print the objects, and return how many there were. Those before an error are printed all the same."""
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
        if self._is_checked:
            select(first[0], self._columns)
        columns = self._columns or columns_of(first[0], named_fields(first[0]))
        rows = [select(item, columns, is_checked=False) for item in first]
        self._columns = [name for name in columns if is_chosen or any(row[name] is not None for row in rows)]
        widths = [
            max(cell_width(each) for each in (printable_line(name), *(self._cell(name, row[name]) for row in rows)))
            for name in self._columns
        ]
        self._widths = fitting_widths(widths, self._painter.width, _CHOSEN if is_chosen else _DEFAULT)
        self._columns = self._columns[: len(self._widths)]
        self._line([(printable_line(name), "bold") for name in self._columns])
        for item in first:
            self._row(item)

    def _row(self, item: Any) -> None:
        values = select(item, self._columns, is_checked=False)
        self._line([(self._cell(name, value), style_of(name, value)) for name, value in values.items()])

    def _line(self, cells: Sequence[tuple[str, str]]) -> None:
        parts: list[tuple[str, str]] = []
        for (text, style), width in zip(cells, self._widths, strict=True):
            parts += [(fitted(text, width, self._painter.ellipsis), style), (_GAP, "")]
        self._painter.line(parts[:-1])

    def _cell(self, name: str, value: Any) -> str:
        return encodable(printable_line(one_line(name, value)), self._painter.encoding)


def fitting_widths(widths: Sequence[int], available: int, shortest: ShortestColumns) -> list[int]:
    """Return widths that fit, with the gaps: the widest columns shrink, and then the last ones are left out.

    Args:
        widths: What the columns would take.
        available: The cells of the terminal.
        shortest: What columns shrink to.
    """
    fitting = [min(width, available) for width in widths]
    while sum(fitting) + len(_GAP) * (len(fitting) - 1) > available:
        wide = [index for index, width in enumerate(fitting) if width > (shortest.others if index else shortest.first)]
        if wide:
            fitting[max(wide, key=fitting.__getitem__)] -= 1
        elif len(fitting) > 1:
            fitting.pop()
        else:
            fitting[0] = available
    return fitting
