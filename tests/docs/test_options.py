"""The reference has every argument and environment variable of a client with its default, and every extra."""

from __future__ import annotations

import inspect
import os
import re
from typing import Any

import pytest

from fibonacci import AsyncFibonacci, Fibonacci
from fibonacci._batch.estimate import DAILY
from fibonacci._batch.options import CHOICES
from fibonacci._core.config import Config
from fibonacci._core.options import RESERVED_HEADERS
from fibonacci._core.workflow_requests import execute_workflow
from fibonacci.cli.commands.executions import add_run_arguments
from fibonacci.cli.commands.run_many import add_run_many_arguments
from fibonacci.cli.parser import CommandParser
from fibonacci.emulator import Emulator
from fibonacci.emulator.account import PLANS
from fibonacci.emulator.cli_arguments import add_arguments as add_emulator_arguments
from fibonacci.emulator.option_values import PORT
from fibonacci.transports import AsyncHTTPXTransport, AsyncSocketTransport, HTTPXTransport, SocketTransport
from tests.tools.markdown import ROOT
from tests.tools.releases.project import read_extras

REFERENCE = ROOT / "docs" / "reference"
PAGE = REFERENCE / "options.md"
CONFIG = ROOT / "fibonacci" / "_core" / "config.py"

_ROW = re.compile(r"^\| `(\w+)` \| (?:`(FIBONACCI_\w+)`)? ?\|", re.MULTILINE)
_DOCUMENTED = re.compile(r"^    (\w+): ", re.MULTILINE)

ROWS: list[tuple[str, str]] = _ROW.findall(PAGE.read_text("utf-8"))


def table(page: str, heading: str) -> list[list[str]]:
    """Return the cells of each row of the tables below a heading."""
    text = (REFERENCE / page).read_text("utf-8").partition(f"{heading}\n")[2].partition("\n#")[0]
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[2:]]


def is_stated(cell: str, value: object) -> bool:
    """Whether a cell, or what a docstring says, states a default."""
    text = cell.strip('`"').replace(",", "")
    if isinstance(value, bool | str):
        return text == str(value)
    assert isinstance(value, int | float)
    return text == f"{value / 1024**2:g} MiB" or float(text.split(" ")[0]) == value


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
    meanings = {name.strip("`"): meaning for name, meaning in table("run-many.md", "## Arguments")}
    assert list(meanings) == names
    assert meanings["timeout"].startswith(
        f"Seconds to wait for each execution, {parameters['timeout'].default} by default."
    )
    assert [name for name, values in CHOICES.items() if not meanings[name].startswith(f'`"{values[0]}"`')] == []
    types = {name: parameters[name].annotation for name in names}
    choices = {name: re.findall(r"'(\w+)'", str(hint)) for name, hint in types.items() if "Literal" in str(hint)}
    assert {name: tuple(values) for name, values in choices.items()} == CHOICES
    parser = CommandParser()
    add_run_many_arguments(parser)
    actions = {action.dest: action for action in parser.actions()}
    assert set(names) - actions.keys() == {"inputs", "progress"}  # a function, and what --quiet leaves out
    assert {name: actions[name].choices for name in CHOICES} == CHOICES
    assert {name: actions[name].default for name in CHOICES} == {name: values[0] for name, values in CHOICES.items()}


def test_every_extra_has_a_row() -> None:
    rows = re.findall(r"^\| `([\w-]+)` \|", PAGE.read_text("utf-8").partition("## Extras")[2], re.MULTILINE)
    assert rows == sorted(["cli", *read_extras()])


def test_the_command_waits_as_long_as_the_calls_that_it_makes() -> None:
    client = Fibonacci("key")
    for add, call in ((add_run_arguments, client.workflows.run), (add_run_many_arguments, client.workflows.run_many)):
        parser = CommandParser()
        add(parser)
        (timeout,) = (action for action in parser.actions() if action.dest == "timeout")
        assert timeout.default == inspect.signature(call).parameters["timeout"].default
        assert f"default: {timeout.default:g} s" in str(timeout.help)


def test_the_defaults_of_a_client_are_those_of_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("FIBONACCI_")]:
        monkeypatch.delenv(name)
    config = Config({"api_key": "key"})
    stated = {name.strip("`"): default for name, _, default, _ in table("options.md", "# Options")}
    execute, seconds = execute_workflow("wf-1", None, None).default_timeout, config.call_timeout
    assert stated.pop("timeout") == f"{seconds:g}, and {execute:g} for `workflows.execute`"
    of_itself = {name: cell for name, cell in stated.items() if cell not in ("none", "`None`", "the machine's")}
    assert {"max_retries", "rate_limiter", "max_response_bytes"} <= of_itself.keys()
    assert [name for name, cell in of_itself.items() if not is_stated(cell, getattr(config, name))] == []


def test_the_options_of_the_emulator_have_rows_and_their_defaults() -> None:
    rows = table("emulator.md", "## Options")
    parameters = inspect.signature(Emulator).parameters
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row[0])} == set(parameters)
    stated = {row[0].strip("`"): row[2] for row in rows}
    assert f"`{PORT}` on the command line" in stated.pop("port")
    defaults = {name: parameters[name].default for name in stated if name in parameters}
    of_itself = {name: value for name, value in defaults.items() if value not in (None, ())}
    assert len(of_itself) == 7
    assert [name for name, value in of_itself.items() if not is_stated(stated[name], value)] == []


def test_the_options_of_the_command_that_serves_an_emulator_have_rows() -> None:
    parser = CommandParser(add_help=False)
    add_emulator_arguments(parser)
    options = {option for action in parser.actions() for option in action.option_strings}
    in_rows = {option for row in table("emulator.md", "## Options") for option in re.findall(r"`(--[\w-]+)`", row[1])}
    assert options == in_rows | {"--shell"}  # which has a paragraph


def test_the_headers_that_a_client_refuses_are_named() -> None:
    paragraph = PAGE.read_text("utf-8").partition("## Headers\n")[2].partition("\n#")[0]
    assert {name.lower() for name in re.findall(r"`([\w-]+)`", paragraph)} == RESERVED_HEADERS


def test_the_plans_of_the_emulator_have_their_numbers_and_estimates_know_the_day() -> None:
    rows = {name.strip("`"): " ".join(cells).replace(",", "") for name, *cells in table("emulator.md", "## Plans")}
    assert list(rows) == list(PLANS)
    for name, plan in PLANS.items():
        numbers = [plan.per_minute] if plan.per_day is None else [plan.per_minute, plan.per_day]
        for quota in ("workflow_runs_per_hour", "concurrent_executions"):
            numbers += [plan.quota[quota], plan.ceilings[quota]]
        assert list(map(int, re.findall(r"\d+", rows[name]))) == numbers
        assert DAILY.get(name) == plan.per_day


@pytest.mark.parametrize("transport", [SocketTransport, HTTPXTransport])
def test_the_defaults_of_a_transport_are_those_of_the_table(transport: type) -> None:
    parameters = inspect.signature(transport).parameters
    rows = table("transports.md", f"### {transport.__name__}")
    stated = {name: cell for names, cell, _ in rows for name in re.findall(r"`(\w+)`", names)}
    assert set(stated) == set(parameters)
    of_itself = {name: cell for name, cell in stated.items() if cell not in ("none", "as above")}
    assert of_itself
    assert [name for name, cell in of_itself.items() if not is_stated(cell, parameters[name].default)] == []


@pytest.mark.parametrize("documented", [AsyncFibonacci, AsyncSocketTransport, AsyncHTTPXTransport, Emulator])
def test_the_numbers_that_a_docstring_calls_defaults_are_those_of_the_signature(documented: Any) -> None:
    docstring = f"{inspect.getdoc(documented)}\n\n{inspect.getdoc(documented.__init__)}"
    arguments = re.findall(r"^    (\w+): ((?:.|\n {5,})+)", docstring, re.MULTILINE)
    stated = {name: found[1] for name, text in arguments if (found := re.search(r"Default:\s+([\d,]+)", text))}
    defaults = {name: parameter.default for name, parameter in inspect.signature(documented).parameters.items()}
    assert stated
    assert [name for name, number in stated.items() if not is_stated(number, defaults[name])] == []
