"""The pictures of real runs can be made again."""

from __future__ import annotations

import struct

import pytest

from tests.kit.systems import needs_pseudo_terminals
from tests.tools.pictures.card import ASSETS, NAME, SIZE, card
from tests.tools.pictures.emulator_page import screenshots
from tests.tools.pictures.terminal.drawing import draw_terminal
from tests.tools.pictures.terminal.screen import screen_lines
from tests.tools.pictures.terminal.sessions import SESSIONS, played
from tests.tools.pictures.themes import IMAGES, THEMES

pytestmark = pytest.mark.slow

PNG = b"\x89PNG"


@pytest.mark.nightly  # short: the one after this, and tests/emulator/test_page_in_browser.py
def test_the_pictures_that_a_browser_makes() -> None:
    taken = screenshots()
    assert {*taken} == {path.name for path in IMAGES.glob("emulator-*.png")}
    assert {name for name, content in taken.items() if not content.startswith(PNG)} == set()
    assert taken["emulator-run-light.png"] != taken["emulator-run-dark.png"]
    check_card(card()[NAME])


def test_the_card_of_links_has_the_size_that_its_pages_state() -> None:
    check_card((ASSETS / NAME).read_bytes())


def check_card(content: bytes) -> None:
    assert content.startswith(PNG)
    assert struct.unpack(">II", content[16:24]) == (SIZE["width"], SIZE["height"])
    assert len(content) <= 120_000


@needs_pseudo_terminals
@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("terminal-watch", ("outline", "no answer in 30 s", "it depends on 'draft', which failed")),
        # short: the first
        pytest.param(
            *("terminal-run", ("Sorts incoming mail", "Good morning, Ada!", "Did you mean 'name'?", "completed")),
            marks=pytest.mark.nightly,
        ),
        pytest.param(
            *("terminal-plan", ("~ update greeter.yaml", "+ create summary.yaml", "No changes: /home/ada/flows")),
            marks=pytest.mark.nightly,
        ),
    ],
)
def test_a_session_shows_what_the_picture_shows(
    name: str, shown: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.tools.pictures.terminal.sessions.PAUSE", 0.1)
    screen = "\n".join(played(SESSIONS[name]))
    assert [text for text in shown if text not in screen] == []
    assert "\\x1b" not in screen
    assert "Traceback" not in screen


def test_each_session_has_its_files() -> None:
    assert {*(f"{name}-{theme.name}.svg" for name in SESSIONS for theme in THEMES)} == {
        path.name for path in IMAGES.glob("terminal-*.svg")
    }


def test_what_is_written_again_stands_once() -> None:
    live = "\x1b[?25lrunning\r\x1b[2K\x1b[1A\x1b[2K\x1b[32mdone\x1b[0m\r\nnext\r\n\x1b[?25h"
    assert screen_lines(f"first\r\n{live}") == ["\x1b[32mdone\x1b[0m", "next"]


def test_long_lines_continue_in_the_next_one() -> None:
    drawn = draw_terminal("A title", ["abcdefgh", "\x1b[31mred\x1b[0m"], 5, THEMES[0])
    for text in ("A&#160;title", ">abcde<", ">fgh<", ">red<", THEMES[0].colors["failed"]):
        assert text in drawn
