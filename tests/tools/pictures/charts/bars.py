"""Bars beside each other: what is compared, in panels of one measurement each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.tools.pictures.charts.parts import SMALL, WIDTH, card, rect, text, text_width
from tests.tools.pictures.themes import Theme

_COLUMNS = 2
_MARGIN, _GAP, _TOP = 20.0, 28.0, 48.0
_HEAD, _ROW, _FOOT = 40.0, 21.0, 18.0
_VALUE = 52.0
_PANEL = (WIDTH - 2 * _MARGIN - _GAP * (_COLUMNS - 1)) / _COLUMNS


@dataclass(frozen=True)
class BarPanel:
    """The values of one measurement.

    Attributes:
        title: What was measured.
        unit: The unit, and whether less is better.
        bars: For each subject its name, its value, and the value as text.
    """

    title: str
    unit: str
    bars: Sequence[tuple[str, float, str]]

    def draw(self, x: float, y: float, theme: Theme) -> Iterator[str]:
        """Yield its elements.

        Args:
            x: Where it begins, from the left.
            y: Where it begins, from the top.
            theme: The colors; the first subject stands out.
        """
        yield text(x, y + 11, self.title, color=theme.colors["ink"], size=13, is_bold=True)
        yield text(x, y + 27, self.unit, size=SMALL)
        most = max(value for _, value, _ in self.bars)
        names = max(text_width(name) for name, _, _ in self.bars) + 12
        for number, (name, value, written) in enumerate(self.bars):
            top = y + _HEAD + number * _ROW
            color = theme.colors["ink"] if number == 0 else ""
            length = max(1.0, (_PANEL - names - _VALUE) * value / most)
            fill = theme.series[0] if number == 0 else theme.colors["rim"]
            yield text(x, top + 12, name, color=color, is_bold=number == 0)
            yield rect(x + names, top + 1, length, 14, fill, 'rx="2"')
            yield text(x + names + length + 6, top + 12, written, color=color, is_bold=number == 0)


def bar_chart(title: str, panels: Sequence[BarPanel], theme: Theme) -> str:
    """Return panels as SVG, two in a row."""
    parts: list[str] = []
    y = _TOP
    for first in range(0, len(panels), _COLUMNS):
        row = panels[first : first + _COLUMNS]
        for column, panel in enumerate(row):
            parts += panel.draw(_MARGIN + column * (_PANEL + _GAP), y, theme)
        y += _HEAD + _ROW * max(len(panel.bars) for panel in row) + _FOOT
    return card(title, y, theme, parts)
