"""The derived pages of the reference: they are those of the code, and name what there is."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from fibonacci import Fibonacci, errors
from fibonacci.cli.command_table import COMMANDS
from tests.docs.markdown import anchors
from tests.reference.command_line import PYTHON, ListedCommand, commands
from tests.reference.pages import FOLDER, PAGES, differences
from tests.reference.retried import failures

COMMANDS_FOUND = commands()


def test_the_committed_pages_are_the_derived_ones() -> None:
    assert differences() == {}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_no_page_depends_on_where_it_is_derived(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = page.read_text("utf-8")
    monkeypatch.setenv("SHELL", "/usr/bin/fish")
    monkeypatch.setenv("COLUMNS", "40")
    assert PAGES[page]() == before


def test_every_command_has_a_section() -> None:
    fragments = anchors((FOLDER / "command-line.md").read_text("utf-8"))
    assert {f"fibonacci-{each.name.replace(' ', '-')}" for each in COMMANDS_FOUND} <= fragments
    assert {each.name.split()[0] for each in COMMANDS_FOUND} >= set(COMMANDS)


@pytest.mark.parametrize("command", [each for each in COMMANDS_FOUND if each.python], ids=lambda each: each.name)
def test_what_a_command_is_in_python_exists(command: ListedCommand) -> None:
    first, *names = str(command.python).split(".")
    found: object = Fibonacci("key") if first == "client" else import_module(".".join([first, *names[:-1]]))
    for name in names if first == "client" else names[-1:]:
        found = getattr(found, name)
    assert callable(found)


def test_the_commands_in_the_table_of_names_exist() -> None:
    assert set(PYTHON) <= {each.name for each in COMMANDS_FOUND}


def test_every_error_has_a_section() -> None:
    assert {name.lower() for name in errors.__all__} <= anchors((FOLDER / "error-table.md").read_text("utf-8"))


def test_a_post_of_unknown_outcome_is_never_retried_in_the_table() -> None:
    follows = {failure.what: (failure.error, failure.get, failure.post) for failure in failures()}
    assert follows["the connection broke after the request was sent"] == ("APIConnectionError", "retried", "unknown")
    assert follows["503 with `Retry-After`"] == ("ServerError", "retried", "retried")
    assert follows["404"] == ("NotFoundError", "raised", "raised")
