"""The reference has every argument and environment variable of a client, and every extra."""

from __future__ import annotations

import inspect
import re

import pytest

from fibonacci import AsyncFibonacci, Fibonacci
from fibonacci._batch.options import CHOICES
from fibonacci.cli.commands.run_many import add_run_many_arguments
from fibonacci.cli.parser import CommandParser
from tests.tools.markdown import ROOT
from tests.tools.releases.project import read_extras

REFERENCE = ROOT / "docs" / "reference"
PAGE = REFERENCE / "options.md"
EXTRAS = REFERENCE / "extras.md"
RUN_MANY = REFERENCE / "run-many.md"
CONFIG = ROOT / "fibonacci" / "_core" / "config.py"

_ROW = re.compile(r"^\| `(\w+)` \| (?:`(FIBONACCI_\w+)`)? ?\|", re.MULTILINE)
_DOCUMENTED = re.compile(r"^    (\w+): ", re.MULTILINE)

ROWS: list[tuple[str, str]] = _ROW.findall(PAGE.read_text("utf-8"))


@pytest.mark.parametrize("client", [Fibonacci, AsyncFibonacci])
def test_every_argument_has_a_row(client: type[Fibonacci | AsyncFibonacci]) -> None:
    assert [name for name, _ in ROWS] == list(inspect.signature(client).parameters)


@pytest.mark.parametrize("client", [Fibonacci, AsyncFibonacci])
def test_the_docstring_has_the_same_arguments(client: type[Fibonacci | AsyncFibonacci]) -> None:
    arguments = (inspect.getdoc(client) or "").partition("Args:")[2].partition("Raises:")[0]
    assert _DOCUMENTED.findall(arguments) == [name for name, _ in ROWS]


def test_every_environment_variable_has_a_row() -> None:
    read = set(re.findall(r"FIBONACCI_\w+", CONFIG.read_text("utf-8")))
    assert {variable for _, variable in ROWS if variable} == read


def test_the_arguments_of_run_many_have_rows_and_the_command_has_options_for_them() -> None:
    parameters = inspect.signature(Fibonacci("key").workflows.run_many).parameters
    names = list(parameters)[2:]
    table = RUN_MANY.read_text("utf-8").partition("## Arguments")[2].partition("## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == names
    types = {name: parameters[name].annotation for name in names}
    choices = {name: re.findall(r"'(\w+)'", str(hint)) for name, hint in types.items() if "Literal" in str(hint)}
    assert {name: tuple(values) for name, values in choices.items()} == CHOICES
    parser = CommandParser()
    add_run_many_arguments(parser)
    actions = {action.dest: action for action in parser.actions()}
    assert set(names) - actions.keys() == {"inputs", "on_result", "progress"}  # functions, and what --quiet leaves out
    assert {name: actions[name].choices for name in CHOICES} == CHOICES
    assert {name: actions[name].default for name in CHOICES} == {name: values[0] for name, values in CHOICES.items()}


def test_every_extra_has_a_row() -> None:
    rows = re.findall(r"^\| `([\w-]+)` \|", EXTRAS.read_text("utf-8"), re.MULTILINE)
    assert rows == sorted(read_extras())
