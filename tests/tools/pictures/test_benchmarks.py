"""The charts of the page of performance show the numbers of its table."""

from __future__ import annotations

import re

from tests.tools.pictures.benchmarks import CHARTS, benchmark_charts, by_measurement
from tests.tools.pictures.themes import IMAGES


def test_the_charts_are_not_stale() -> None:
    drawn = benchmark_charts()
    saved = {name: (IMAGES / name).read_text("utf-8") for name in drawn}
    assert saved == drawn, "python -m tests.tools.pictures benchmarks"


def test_each_number_of_the_table_is_in_its_chart() -> None:
    table, drawn = by_measurement(), benchmark_charts()
    for name, (_, measurements) in CHARTS.items():
        texts = re.findall(r">([^<]+)</text>", drawn[f"{name}-light.svg"])
        expected = [text for each in measurements for row in table[each] for text in (row.subject, row.median)]
        assert [text for text in expected if text not in texts] == []
