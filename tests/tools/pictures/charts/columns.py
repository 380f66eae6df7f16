"""Columns over time: how many there were of each kind, interval by interval."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from tests.tools.pictures.charts.parts import SMALL, WIDTH, line, rect, text
from tests.tools.pictures.themes import Theme

_LEFT, _RIGHT, _HEAD, _TOP = 56.0, 20.0, 46.0, 26.0
_PLOT = 96.0
_STEP = 5  # of the ticks


@dataclass(frozen=True)
class TimeSpan:
    """A part of the time.

    Attributes:
        begin: Its begin in seconds.
        end: Its end in seconds.
        label: What is written in it.
    """

    begin: float
    end: float
    label: str


@dataclass(frozen=True)
class ColumnPanel:
    """Columns that are stacked.

    Attributes:
        title: What they show.
        note: A remark in one line.
        interval: The seconds of a column.
        seconds: The seconds of the horizontal axis.
        stacks: For each column the counts of each kind, the lowest first.
        spans: The parts into which the time is divided.
        shaded: The parts that are shaded.
    """

    HEIGHT: ClassVar[float] = _HEAD + _TOP + _PLOT + 34

    title: str
    note: str
    interval: float
    seconds: float
    stacks: Sequence[Sequence[int]]
    spans: Sequence[TimeSpan]
    shaded: Sequence[TimeSpan]

    @property
    def _most(self) -> int:
        """The end of the vertical axis."""
        return _STEP * math.ceil(max(map(sum, self.stacks)) / _STEP)

    def draw(self, y: float, colors: Sequence[str], theme: Theme) -> Iterator[str]:
        """Yield its elements.

        Args:
            y: Where it begins, from the top.
            colors: A color for each kind.
            theme: The colors of the rest.
        """
        yield text(20, y + 13, self.title, color=theme.colors["ink"], size=13, is_bold=True)
        yield text(20, y + 30, self.note)
        bottom = y + _HEAD + _TOP + _PLOT
        yield from self._axes(bottom, theme)
        for number, counts in enumerate(self.stacks):
            top = bottom
            for count, color in zip(counts, colors, strict=True):
                height = _PLOT * count / self._most
                top -= height
                if count:
                    width = self._across(self.interval) - self._across(0) - 1
                    yield rect(self._across(number * self.interval), top, width, height, color)

    def _axes(self, bottom: float, theme: Theme) -> Iterator[str]:
        top = bottom - _PLOT
        for span in self.shaded:
            left, right = self._across(span.begin), self._across(min(span.end, self.seconds))
            yield rect(left, top, right - left, _PLOT, theme.colors["soft"], 'fill-opacity="0.12"')
            yield text((left + right) / 2, top + _PLOT / 2, span.label, anchor="middle", size=SMALL)
        for span in self.spans:
            left = self._across(span.begin)
            yield line(f"M{left:.1f} {top - 22:.1f}V{bottom:.1f}", theme.colors["rim"], 'stroke-dasharray="3 3"')
            if span.end <= self.seconds:
                yield text(left + 6, top - 10, span.label, size=SMALL)
        for tick in range(0, self._most + 1, _STEP):
            at = bottom - _PLOT * tick / self._most
            yield line(f"M{_LEFT:g} {at:.1f}H{WIDTH - _RIGHT:g}", theme.colors["frame"])
            yield text(_LEFT - 8, at + 4, str(tick), anchor="end")
        for second in range(0, int(self.seconds) + 1, _STEP):
            yield text(self._across(second), bottom + 16, f"{second} s", anchor="middle", size=SMALL)

    def _across(self, second: float) -> float:
        return _LEFT + (WIDTH - _LEFT - _RIGHT) * second / self.seconds
