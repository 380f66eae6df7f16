"""Diagrams in a real browser: nothing overlaps, no text leaves its box, and hostile texts do nothing."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import Any

import pytest

from fibonacci.definitions import svg
from fibonacci.definitions.diagrams.svg import diagram_html
from tests.definitions.diagram_cases import (
    TRIAGE,
    execution_of,
    hostile_definition,
    hostile_execution,
    llm,
    random_definition,
    trace_of,
)
from tests.kit.browser import dump_dom

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("diagrams in a browser")]

SEEDS = range(24)

# Boxes are taken a little smaller: edges end at them.
MEASURE = """
const faults = {};
const note = (kind, text) => (faults[kind] ??= []).push(text);
const inside = (a, b, room) => a.left >= b.left - room && a.right <= b.right + room
  && a.top >= b.top - room && a.bottom <= b.bottom + room;
const overlap = (a, b) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1;
let measured = {svg: 0, node: 0, text: 0, edge: 0, word: 0};
for (const part of document.querySelectorAll("section")) {
  const picture = part.querySelector("svg");
  measured.svg++;
  const card = picture.querySelector(".fib-card").getBoundingClientRect();
  const boxes = [...picture.querySelectorAll(".fib-node")].map(node => {
    const box = node.querySelector(".fib-box").getBoundingClientRect();
    measured.node++;
    for (const text of node.querySelectorAll("text")) {
      measured.text++;
      if (!inside(text.getBoundingClientRect(), box, 0)) note("text leaves its box", part.id + ": " + text.textContent);
    }
    if (!inside(box, card, 0)) note("box leaves the card", part.id + ": " + node.textContent);
    return box;
  });
  for (const text of picture.querySelectorAll("text"))
    if (!inside(text.getBoundingClientRect(), card, 0)) note("text leaves the card", part.id + ": " + text.textContent);
  const words = [...picture.querySelectorAll(".fib-pill")].map(pill => {
    const frame = pill.getBoundingClientRect();
    measured.word++;
    if (!inside(pill.nextSibling.getBoundingClientRect(), frame, 2)) note("word leaves its frame", part.id);
    return frame;
  });
  const all = [...boxes, ...words];
  all.forEach((one, index) => all.slice(index + 1).forEach(other => {
    if (overlap(one, other)) note("boxes or words overlap", part.id);
  }));
  for (const path of picture.querySelectorAll(".fib-edge")) {
    measured.edge++;
    const matrix = path.getScreenCTM(), length = path.getTotalLength();
    const steps = Math.ceil(length / 12);
    for (let step = 0; step <= steps; step++) {
      const {x, y} = path.getPointAtLength(length * step / steps).matrixTransform(matrix);
      if (boxes.some(box => x > box.left + 2 && x < box.right - 2 && y > box.top + 2 && y < box.bottom - 2)) {
        note("edge runs through a box", part.id + ": " + path.previousSibling.textContent);
        break;
      }
      if (!inside({left: x, right: x, top: y, bottom: y}, card, 0)) { note("edge leaves the card", part.id); break; }
    }
  }
}
const scripts = document.scripts.length;
const handlers = [...document.querySelectorAll("svg *")]
  .filter(element => [...element.attributes].some(attribute => attribute.name.startsWith("on")));
const small = document.getElementById("narrow").firstChild;
const report = {faults, measured, scripts, handlers: handlers.length, title: document.title,
  narrow: [small.clientWidth, small.scrollWidth, small.firstChild.getBoundingClientRect().width],
  name: document.querySelector("#hostile svg").firstElementChild.textContent.slice(0, 20)};
const output = document.createElement("pre");
output.id = "report";
output.textContent = JSON.stringify(report);
document.body.append(output);
"""


def page() -> str:
    """Return a page with all pictures, which measures them."""
    failed = execution_of("failed", trace_of(classify=("completed", 71), page=("failed", 30, "channel " * 40)))
    pictures = {f"random {seed}": svg(random_definition(seed)) for seed in SEEDS}
    pictures |= {
        "one node": svg({"nodes": [llm("greet")]}),
        "no nodes": svg({"name": "W" * 200, "nodes": []}),
        "chain": svg({"nodes": [llm("n0"), *(llm(f"n{i + 1}", f"n{i}") for i in range(40))]}),
        "fan": svg({"nodes": [llm("plan"), *(llm(f"n{i}", "plan") for i in range(38)), llm("end", "n1", "plan")]}),
        "cycle": svg({"nodes": [llm("a", "c", "a"), llm("b", "a"), llm("c", "b", "nobody"), llm("d", "a", "c")]}),
        "failed": svg(TRIAGE, execution=failed),
        "hostile": svg(hostile_definition(), execution=hostile_execution()),
    }
    sections = "".join(f'<section id="{name}">{picture}</section>' for name, picture in pictures.items())
    narrow = f'<div id="narrow" style="width:200px">{diagram_html(TRIAGE)}</div>'
    # Where a page has its texts and lines.
    style = "<style>text, tspan {font-size: 30px; letter-spacing: 5px} g path {fill: red} svg {max-width: none}</style>"
    return (
        f'<!doctype html><meta charset="utf-8"><title>untouched</title>{style}<body>{sections}{narrow}'
        f'<script>addEventListener("load", () => {{{MEASURE}}})</script>'
    )


@pytest.fixture(scope="module")
def report() -> Any:
    """Return what the browser has measured."""
    found = re.search(r'<pre id="report">(.*?)</pre>', dump_dom(page()), re.DOTALL)
    assert found is not None
    return json.loads(unescape(found[1]))


def test_nothing_overlaps_and_no_text_leaves_its_box(report: Any) -> None:
    assert report["measured"]["svg"] == len(SEEDS) + 7
    assert min(report["measured"].values()) > 30
    assert report["faults"] == {}


def test_hostile_texts_do_nothing(report: Any) -> None:
    assert (report["title"], report["scripts"], report["handlers"]) == ("untouched", 1, 0)
    assert report["name"] == "Workflow <script>doc"


def test_a_picture_shrinks_as_far_as_it_is_readable_and_then_scrolls(report: Any) -> None:
    visible, scrolled, picture = report["narrow"]
    width = float(svg(TRIAGE).partition(' width="')[2].partition('"')[0])
    assert visible == 200 < scrolled
    assert picture == pytest.approx(0.65 * width, abs=1)
