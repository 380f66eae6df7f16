"""ChartLine charts as SVG, readable on light and dark pages."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_WIDTH, _HEIGHT = 720, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 84, 30, 44, 48
_INK = "#7a828e"  # has enough contrast on white and on black
_COLORS = ("#2f81f7", "#db6d28", "#3fb950")


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


def chart(title: str, x: Axis, y: Axis, lines: Sequence[ChartLine], shaded: tuple[float, float] | None = None) -> str:
    """Return a chart.

    Args:
        title: What it shows.
        x: The horizontal axis.
        y: The vertical axis.
        lines: The lines, three at most.
        shaded: A part of the horizontal axis that is marked.
    """
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'font-family="system-ui, sans-serif" font-size="12" fill="{_INK}">',
        f"<title>{escape(title)}</title>",
    ]
    if shaded is not None:
        left, right = (_across(x, at) for at in shaded)
        size = f'width="{right - left:.1f}" height="{_HEIGHT - _TOP - _BOTTOM}"'
        parts.append(f'<rect x="{left:.1f}" y="{_TOP}" {size} fill="{_INK}" fill-opacity="0.15"/>')
    for tick in y.ticks:
        at = _down(y, tick)
        parts.append(f'<path d="M{_LEFT} {at:.1f}H{_WIDTH - _RIGHT}" stroke="{_INK}" stroke-opacity="0.3"/>')
        parts.append(_text(_LEFT - 8, at + 4, y.label(tick), "end"))
    parts += [_text(_across(x, tick), _HEIGHT - _BOTTOM + 18, f"{tick:,.0f}", "middle") for tick in x.ticks]
    parts.append(_text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 10, x.name, "middle"))
    parts.append(_text(8, 16, y.name, "start"))
    for number, (line, color) in enumerate(zip(lines, _COLORS, strict=False)):
        points = " ".join(f"{_across(x, across):.1f},{_down(y, up):.1f}" for across, up in line.points)
        parts.append(f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="2"/>')
        at = _WIDTH - _RIGHT - 200 * (len(lines) - number)
        parts.append(f'<path d="M{at} 28h20" stroke="{color}" stroke-width="3"/>')
        parts.append(_text(at + 26, 32, line.name, "start"))
    return "\n".join([*parts, "</svg>", ""])


def _across(axis: Axis, value: float) -> float:
    return _LEFT + axis.place(value) * (_WIDTH - _LEFT - _RIGHT)


def _down(axis: Axis, value: float) -> float:
    return _HEIGHT - _BOTTOM - axis.place(value) * (_HEIGHT - _TOP - _BOTTOM)


def _text(across: float, down: float, text: str, anchor: str) -> str:
    return f'<text x="{across:.1f}" y="{down:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
