"""A picture as PNG: that of the SVG, in the light colors."""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator
from importlib import import_module

import pytest

from fibonacci.definitions import svg
from tests.definitions.diagram_cases import HOSTILE_TEXTS, TRIAGE, hostile_definition
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


@pytest.mark.usefixtures("no_resvg")
def test_the_missing_extra_is_named() -> None:
    with pytest.raises(ImportError, match=r"pip install 'fibonacci-sdk\[png\]'"):
        import_module("fibonacci.definitions.diagrams.png")
