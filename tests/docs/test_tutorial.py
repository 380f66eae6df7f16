"""Each chapter of the tutorial, followed by itself in terminals: what its reader sees is what it shows."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from threading import Event, Thread

import pytest

from tests.docs.terminal import Terminals, follow, matches
from tests.kit.assertions import each_row
from tests.kit.systems import needs_pseudo_terminals, needs_shell
from tests.tools.markdown import ROOT, SHELL, blocks_of

TUTORIAL = ROOT / "docs" / "tutorial"
CHAPTERS = [TUTORIAL / name for name in re.findall(r"^\| \[[^]]+\]\((.+)\)", (TUTORIAL / "index.md").read_text(), re.M)]
KEY = "tutorial-key"


@needs_shell
@needs_pseudo_terminals
@pytest.mark.slow
@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_prints_what_it_shows(chapter: Path, tmp_path: Path) -> None:
    follow_chapter(chapter, tmp_path, in_process=True)


@needs_shell
@needs_pseudo_terminals
@pytest.mark.slow
@pytest.mark.nightly  # short: test_a_chapter_prints_what_it_shows
@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_prints_it_in_terminals(chapter: Path, tmp_path: Path) -> None:
    follow_chapter(chapter, tmp_path, in_process=False)


def follow_chapter(chapter: Path, parent: Path, *, in_process: bool) -> None:
    folder = parent / "triage"
    folder.mkdir()
    terminals = Terminals(folder, in_process=in_process)
    try:
        with a_person_who_approves(terminals) if chapter.stem == "approvals" else nullcontext():
            follow(blocks_of(chapter), terminals)
    finally:
        terminals.close()


@contextmanager
def a_person_who_approves(terminals: Terminals) -> Generator[None]:
    """Approve a run as soon as a program waits for it, as the reader does on the emulator's page."""
    ends = Event()

    def approve() -> None:
        while not ends.wait(0.1):
            waited_for = re.search(r"GET /v1/executions/(exec_\w+) 200", terminals.dev.output if terminals.dev else "")
            if waited_for is not None:
                decide(terminals.address, waited_for[1])
                return

    person = Thread(target=approve)
    person.start()
    try:
        yield
    finally:
        ends.set()
        person.join()


def decide(address: str, execution_id: str) -> None:
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    url = f"http://{address}/_emulator/approvals/{execution_id}"
    request = urllib.request.Request(url, data=json.dumps({"by": "admin"}).encode(), headers=headers)
    with urllib.request.urlopen(request) as response:
        assert response.status == 200


@each_row("chapter", CHAPTERS)
def test_each_program_of_a_chapter_is_run(chapter: Path) -> None:
    blocks = [block for block in blocks_of(chapter) if block.not_run is None]
    lines = "\n".join(block.code for block in blocks if block.language in SHELL)
    imported = {name for block in blocks for name in re.findall(r"^from (\w+) import", block.code, re.MULTILINE)}
    names = [
        (block.saved_as or f"line {block.line}").removesuffix(".py") for block in blocks if block.language == "python"
    ]
    assert [name for name in names if name not in imported and not re.search(rf"\b{name}(\.py|:)", lines)] == []


def test_the_index_has_every_chapter() -> None:
    assert {*CHAPTERS, TUTORIAL / "index.md"} == {*TUTORIAL.glob("*.md")}


@each_row(
    ("expected", "output", "same"),
    [
        ("id-...\n2 * 3\n", "id-5\n2 * 3\n", True),
        ("id-...\n2 * 3\n", "id-5\nmore\n2 * 3\n", False),
        ("...\nlast\n", "first\nsecond\nlast\n", True),
        ("", "something\n", False),
        ("", "", True),
    ],
)
def test_an_output_is_compared(expected: str, output: str, *, same: bool) -> None:
    assert matches(expected, output) == same
