"""A picture as PNG: what CSS variables and classes say in the SVG, each element says itself."""

from __future__ import annotations

import re
import struct
import sys
from collections.abc import Iterator
from importlib import import_module

import pytest

from fibonacci.definitions import svg
from fibonacci.definitions.diagrams.png import flat_svg
from fibonacci.definitions.diagrams.svg import LIGHT
from tests.definitions.diagram_cases import HOSTILE_TEXTS, TRIAGE, execution_of, hostile_definition, llm, trace_of
from tests.definitions.pictures import SVG, parsed


def size(picture: bytes) -> tuple[int, int]:
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", picture[16:24])
    return width, height


@pytest.fixture
def no_resvg(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    name = "fibonacci.definitions.diagrams.png"
    monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    yield
    sys.modules.pop(name, None)


def test_nothing_is_left_to_a_style_sheet() -> None:
    text = flat_svg(svg(TRIAGE)).text
    assert [word for word in ("var(", "class=", "<style", "@media") if word in text] == []


def test_the_elements_have_the_light_colors_of_their_states() -> None:
    execution = execution_of("failed", trace_of(classify=("completed", 1), draft=("failed", 2, "no")))
    picture = parsed(flat_svg(svg(TRIAGE, execution=execution)).text)
    styles = [element.get("style", "") for element in picture.iter() if element.tag in (f"{SVG}rect", f"{SVG}path")]
    for state in ("completed", "failed"):
        box = f"fill:{LIGHT[f'{state}-box']};stroke:{LIGHT[state]}"
        assert any(box in style for style in styles), box


def test_the_later_rule_holds() -> None:
    nodes = {"nodes": [{**llm("a"), "dependencies": ["b"]}, {**llm("b"), "dependencies": ["a"]}]}
    picture = flat_svg(svg(nodes)).text
    assert re.search(rf"fill:none;stroke:{LIGHT['failed']};stroke-width:1.5;stroke-dasharray:6 3", picture)


@pytest.mark.usefixtures("font")
def test_a_png_has_twice_the_size_and_a_very_large_one_less_for_hostile_texts_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from fibonacci.definitions.diagrams import png as module

    flat = flat_svg(svg(TRIAGE))
    assert size(module.png(TRIAGE)) == pytest.approx((2 * flat.width, 2 * flat.height), abs=1)
    monkeypatch.setattr(module, "_MOST_PIXELS", 10_000)
    width, height = size(module.png(hostile_definition(HOSTILE_TEXTS[7:8])))
    assert 8_000 < width * height <= 11_000


def test_texts_that_no_font_can_draw_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    from fibonacci.definitions.diagrams import png as module

    def blank(**_: object) -> bytes:
        return b"blank"

    monkeypatch.setattr(module, "svg_to_bytes", blank)
    with pytest.raises(OSError, match="no font"):
        module.png(TRIAGE)


def test_dejavu_is_used_where_the_font_that_the_system_prefers_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    from fibonacci.definitions.diagrams import png as module

    def drawn(*, svg_string: str, sans_serif_family: str | None = None, **_: object) -> bytes:
        return svg_string.encode() if sans_serif_family == "DejaVu Sans" else b"blank"

    monkeypatch.setattr(module, "svg_to_bytes", drawn)
    assert module.png(TRIAGE).startswith(b"<svg")


@pytest.mark.usefixtures("no_resvg")
def test_the_missing_extra_is_named() -> None:
    with pytest.raises(ImportError, match=r"pip install 'fibonacci-sdk\[png\]'"):
        import_module("fibonacci.definitions.diagrams.png")
