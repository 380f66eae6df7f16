"""Charts of lines: what stands where; test_stale.py compares the bars."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from tests.tools.pictures.charts.lines import Axis, ChartLine, LineChart
from tests.tools.pictures.themes import THEMES, Theme

SVG = "{http://www.w3.org/2000/svg}"


def texts(drawn: ElementTree.Element) -> list[str | None]:
    return [text.text for text in drawn.iter(f"{SVG}text")]


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_lines_are_drawn_to_the_scale_of_their_axes(theme: Theme) -> None:
    x, y = Axis("workers", [1, 10, 100], is_logarithmic=True), Axis("requests & more", [0, 50, 100])
    chart = LineChart("A chart", x, y, [ChartLine("one", [(1, 0), (10, 50), (100, 100)])], shaded=(1, 10, "few"))
    drawn = ElementTree.fromstring(chart.draw(theme))
    (line,) = drawn.iter(f"{SVG}polyline")
    assert line.attrib["points"] == "84.0,302.0 387.0,189.0 690.0,76.0"
    assert {"A chart", "one", "few", "workers", "requests & more", "100"} <= {*texts(drawn)}
    card = next(drawn.iter(f"{SVG}rect"))
    assert card.attrib["fill"] == theme.colors["card"]


def test_the_least_value_of_a_logarithmic_axis_stands_for_all_below() -> None:
    axis = Axis("workers", [1, 10, 100], is_logarithmic=True)
    assert [axis.label(tick) for tick in axis.ticks] == ["≤ 1", "10", "100"]
    assert axis.place(0) == 0.0
