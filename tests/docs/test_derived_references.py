"""The derived pages of the reference: they are those of the code, and name what there is."""

from __future__ import annotations

from importlib import import_module

import pytest

from fibonacci import Fibonacci, errors
from fibonacci.cli.parser import COMMANDS
from tests.kit.assertions import check_rows
from tests.tools.markdown import anchors
from tests.tools.reference.command_line import FOLDER, TASKS, ListedCommand, commands
from tests.tools.reference.retried import failures


@pytest.fixture(scope="module")
def found() -> list[ListedCommand]:
    """Return the commands, and what each is in Python."""
    return commands()


def test_every_command_has_a_section(found: list[ListedCommand]) -> None:
    fragments = {each for name in TASKS for each in anchors((FOLDER / name).read_text("utf-8"))}
    assert {f"fibonacci-{each.name.replace(' ', '-')}" for each in found} <= fragments
    assert {each.name.split()[0] for each in found} >= set(COMMANDS)


def test_what_a_command_is_in_python_exists(found: list[ListedCommand]) -> None:
    in_python = [(command.name, str(command.python)) for command in found if command.python]
    assert len(in_python) > 40
    check_rows(in_python, check_callable)


def check_callable(path: str) -> None:
    first, *names = path.split(".")
    named: object = Fibonacci("key") if first == "client" else import_module(".".join([first, *names[:-1]]))
    for name in names if first == "client" else names[-1:]:
        named = getattr(named, name)
    assert callable(named)


def test_every_error_has_a_remedy() -> None:
    page = (FOLDER / "errors.md").read_text("utf-8").partition("## Remedies")[2]
    bases = {"FibonacciError", "APIError", "APIStatusError"}
    assert [name for name in errors.__all__ if f"| `{name}` |" not in page and name not in bases] == []


def test_a_post_of_unknown_outcome_is_never_retried_in_the_table() -> None:
    follows = {failure.what: (failure.error, failure.get, failure.post) for failure in failures()}
    assert follows["the connection broke after the request was sent"] == ("APIConnectionError", "retried", "unknown")
    assert follows["503 with `Retry-After`"] == ("ServerError", "retried", "unknown")
    assert follows["404"] == ("NotFoundError", "raised", "raised")
