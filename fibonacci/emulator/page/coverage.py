"""The coverage of a workflow as HTML, for its page and for the report of the pytest plugin."""

from __future__ import annotations

from itertools import islice
from typing import Any, Final

from fibonacci.definitions.comparison import definition_digest
from fibonacci.definitions.coverage import COLUMNS, Coverage, in_words
from fibonacci.emulator.engine.recipes import Recipes
from fibonacci.emulator.page.components import facts, table, wide
from fibonacci.emulator.page.context import ViewContext
from fibonacci.emulator.page.html import Content, HTMLElement, h
from fibonacci.emulator.state.records import TERMINAL

MAX_RUNS: Final = 500
"""How many of the latest runs of a workflow its page counts."""

LEGEND: Final = h.p(
    "Green: it ran, and took each of its branches. Amber: it ran, and never took one of them. Red: it never ran. "
    "Each number is a number of runs.",
    class_="note",
)


def coverage_of(context: ViewContext, workflow: Any) -> Coverage:
    """Return the coverage of a workflow as it is now, by the latest runs of versions that mean the same."""
    coverage = Coverage(workflow["name"], workflow["definition"] or {})
    means_same: dict[int, bool] = {workflow["version"]: True}
    with context.reading() as store:
        rows = store.executions.rows(newest_first=True, workflow_id=workflow["id"], brief=True)
        records = [record for _, record in islice(rows, MAX_RUNS)]
    for record in records:
        version = record["workflow_version"]
        if version not in means_same:
            other = context.definition(workflow["id"], version) or {}
            means_same[version] = definition_digest(other) == coverage.digest
        if means_same[version] and record["status"] in TERMINAL:
            coverage.add(context.get(f"/executions/{record['id']}")["trace"])
    return coverage


def coverage_facts(coverage: Coverage) -> HTMLElement:
    """Return the numbers of a coverage."""
    return facts(*zip(COLUMNS, coverage.tally.cells(), strict=True))


def missing_table(coverage: Coverage) -> Content:
    """Return what no run has reached, and how to reach it where that can be computed."""
    recipes = Recipes(coverage)
    rows = {
        f"missing-{number}": {
            "Node": h.code(target.node),
            "What never happened": wide(in_words(target, coverage.nodes)),
            "To reach it": wide(h.code(recipes.of(target) or "")),
        }
        for number, target in enumerate(coverage.missing())
    }
    return table("Never reached", rows, h.p("The runs have reached everything."))
