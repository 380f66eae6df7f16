"""Lines over one or two logarithmic or linear axes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.tools.pictures.charts.parts import WIDTH, card, legend, line, rect, text
from tests.tools.pictures.themes import Theme

_HEIGHT = 350.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 84.0, 30.0, 76.0, 48.0


@dataclass(frozen=True)
class ChartLine:
    """One line of a chart.

    Attributes:
        name: Its name in the legend.
        points: Its points, from left to right.
    """

    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Axis:
    """One axis of a chart.

    Attributes:
        name: What it shows.
        ticks: The values that are labeled; the first and the last are its ends.
        is_logarithmic: Whether equal distances are equal ratios; a value of 0 is drawn at the first tick.
    """

    name: str
    ticks: Sequence[float]
    is_logarithmic: bool = False

    def label(self, tick: float) -> str:
        """Return the text of a tick."""
        is_least = self.is_logarithmic and tick == self.ticks[0]
        return f"≤ {tick:,.0f}" if is_least else f"{tick:,.0f}"

    def place(self, value: float) -> float:
        """Return where a value is, from 0 to 1."""
        least, most = self.ticks[0], self.ticks[-1]
        value = min(most, max(least, value))
        if self.is_logarithmic:
            return math.log(value / least) / math.log(most / least)
        return (value - least) / (most - least)


@dataclass(frozen=True)
class LineChart:
    """A chart.

    Attributes:
        title: What it shows.
        x: The horizontal axis.
        y: The vertical axis.
        lines: The lines, four at most.
        shaded: A part of the horizontal axis that is marked: begin, end and name.
    """

    title: str
    x: Axis
    y: Axis
    lines: Sequence[ChartLine]
    shaded: tuple[float, float, str] | None = None

    def draw(self, theme: Theme) -> str:
        """Return it as SVG."""
        names = [drawn.name for drawn in self.lines]
        entries = list(zip(names, theme.series, strict=False))
        parts = [*self._shade(theme), *self._grid(theme), *legend(54, entries), *self._drawn(theme)]
        return card(self.title, _HEIGHT, theme, parts)

    def _shade(self, theme: Theme) -> Iterator[str]:
        if self.shaded is not None:
            left, right = _across(self.x, self.shaded[0]), _across(self.x, self.shaded[1])
            color = theme.colors["soft"]
            yield rect(left, _TOP, right - left, _HEIGHT - _TOP - _BOTTOM, color, 'fill-opacity="0.15"')
            yield text((left + right) / 2, _TOP + 16, self.shaded[2], anchor="middle")

    def _grid(self, theme: Theme) -> Iterator[str]:
        for tick in self.y.ticks:
            at = _down(self.y, tick)
            yield line(f"M{_LEFT:g} {at:.1f}H{WIDTH - _RIGHT:g}", theme.colors["frame"])
            yield text(_LEFT - 8, at + 4, self.y.label(tick), anchor="end")
        for tick in self.x.ticks:
            yield text(_across(self.x, tick), _HEIGHT - _BOTTOM + 18, f"{tick:,.0f}", anchor="middle")
        yield text((_LEFT + WIDTH - _RIGHT) / 2, _HEIGHT - 12, self.x.name, anchor="middle")
        yield text(20, 54, self.y.name)

    def _drawn(self, theme: Theme) -> Iterator[str]:
        for drawn, color in zip(self.lines, theme.series, strict=False):
            points = " ".join(f"{_across(self.x, x):.1f},{_down(self.y, y):.1f}" for x, y in drawn.points)
            yield f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="2"/>'


def _across(axis: Axis, value: float) -> float:
    return _LEFT + axis.place(value) * (WIDTH - _LEFT - _RIGHT)


def _down(axis: Axis, value: float) -> float:
    return _HEIGHT - _BOTTOM - axis.place(value) * (_HEIGHT - _TOP - _BOTTOM)
