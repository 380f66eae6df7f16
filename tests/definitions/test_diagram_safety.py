"""Pictures are well-formed, inert, readable, and alone on a page or beside others."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest
from hypothesis import given

from fibonacci.definitions import mermaid, svg
from fibonacci.definitions.diagrams.svg import DARK, LIGHT
from fibonacci.models import Execution
from tests.definitions.diagram_cases import (
    TRIAGE,
    Plain,
    any_definitions,
    any_executions,
    hostile_definition,
    hostile_execution,
)
from tests.definitions.pictures import SVG, parsed, title


@given(any_definitions, any_executions)
def test_any_definition_is_drawn_as_xml(definition: Plain, execution: Execution) -> None:
    for picture in (svg(definition), svg(definition, execution=execution)):
        parsed(picture)
        picture.encode()
    check_mermaid(mermaid(definition, execution=execution))


def check_mermaid(text: str) -> None:
    """Check that each line has the form of a line that Mermaid reads, with inert texts."""
    label = r'"(?:[^"#<>;\x00-\x1f]|#\d+;|<br/>)*"'
    node = rf"n\d+(?:\({label}\)|\[\[{label}\]\]|\(\[{label}\]\)|\{{\{{{label}\}}\}}|\[{label}\])"
    edge = rf"n\d+ -\.?->(?:\|{label}\|)? n\d+"
    style = r"classDef \w+ [\w#,:\- ]+|class [\w,]+ \w+"
    lines = text.split("\n")
    if lines[0] == "---":
        assert re.fullmatch(r'title: "(?:[^"#<>;%\\\x00-\x1f]|\\U[0-9a-f]{8})*"', lines[1])
        assert lines[2] == "---"
        del lines[:3]
    assert lines[0] in ("flowchart TD", "flowchart LR")
    for line in lines[1:]:
        assert re.fullmatch(rf"    (?:{node}|{edge}|{style})", line), line


def test_hostile_texts_are_inert() -> None:
    definition, execution = hostile_definition(), hostile_execution()
    picture = svg(definition, execution=execution)
    allowed = {"svg", "title", "desc", "style", "rect", "g", "path", "text", "circle"}
    assert {element.tag.removeprefix(SVG) for element in parsed(picture).iter()} == allowed
    names = {name for element in parsed(picture).iter() for name in element.attrib}
    assert not {name for name in names if name.startswith("on") or "href" in name or name in ("id", "src")}
    assert not re.search(r"url\(|@import|https?:(?!//www\.w3\.org/2000/svg\")", picture)
    assert not re.search("[\u202a-\u202e\u2066-\u2069\u200e\u200f]", picture)
    check_mermaid(mermaid(definition, execution=execution))


def test_it_is_an_image_with_a_title_and_a_description() -> None:
    root = parsed(svg(TRIAGE))
    assert root.get("role") == "img"
    assert title(root) == "Workflow Triage"
    assert root.findtext(f"{SVG}desc") == (
        "5 nodes, 5 edges. Classify the mail: llm, leads to Urgent?, page. "
        "Urgent?: conditional, classify.urgency equals high, leads to page (true), draft (false). "
        "page: tool: slack_send_message. draft: llm, leads to judge. judge: critic: draft."
    )


def luminance(color: str) -> float:
    channels = (int(color[place : place + 2], 16) / 255 for place in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(colors: Mapping[str, str], one: str, other: str) -> float:
    brighter, darker = sorted((luminance(colors[one]), luminance(colors[other])), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("colors", [LIGHT, DARK], ids=["light", "dark"])
def test_texts_and_lines_stand_out(colors: Mapping[str, str]) -> None:
    boxes = [name for name in colors if name.endswith("box")]
    states = [name.removesuffix("-box") for name in boxes if name != "box"]
    pairs = [(text, box) for text in ("ink", "soft") for box in (*boxes, "card")]
    pairs += [(state, box) for state in states for box in (f"{state}-box", "card")]
    for text, box in pairs:
        assert contrast(colors, text, box) >= 4.5, (text, box)
    for line in ("edge", "rim", *states):
        assert contrast(colors, line, "card") >= 3, line
    assert LIGHT.keys() == DARK.keys()
