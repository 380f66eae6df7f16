"""A picture as PNG: that of the SVG, in the light colors."""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator
from importlib import import_module

import pytest

from fibonacci.definitions import svg
from fibonacci.definitions.diagrams.svg import LIGHT
from tests.definitions.diagram_cases import HOSTILE_TEXTS, TRIAGE, execution_of, hostile_definition, trace_of
from tests.definitions.pictures import parsed


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


def test_the_colors_are_the_light_ones_without_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """The renderer knows neither variables nor what a reader prefers."""
    from fibonacci.definitions.diagrams import png as module

    def drawn(*, svg_string: str, sans_serif_family: str | None = None, **_: object) -> bytes:
        return svg_string.encode()

    monkeypatch.setattr(module, "svg_to_bytes", drawn)
    text = module.png(TRIAGE, execution=execution_of(trace=trace_of(classify=("completed", 1)))).decode()
    assert [word for word in ("var(", "@media", "--") if word in text] == []
    assert f"fill:{LIGHT['completed-box']};stroke:{LIGHT['completed']}" in text


@pytest.mark.usefixtures("font")
def test_a_png_has_twice_the_size_and_a_very_large_one_less_for_hostile_texts_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from fibonacci.definitions.diagrams import png as module

    width, height = (float(parsed(svg(TRIAGE)).attrib[name]) for name in ("width", "height"))
    assert size(module.png(TRIAGE)) == pytest.approx((2 * width, 2 * height), abs=1)
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
