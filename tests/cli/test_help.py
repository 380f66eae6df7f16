"""The help of all commands: one form, and each argument is described."""

from __future__ import annotations

import contextlib
import itertools
import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any, cast

import pytest

from fibonacci.cli.call_tables import GROUPS
from fibonacci.cli.main import command_parser
from fibonacci.cli.parser import RESOURCES, SECTIONS, CommandParser, read_table
from tests.cli.invocation import invoke
from tests.kit.assertions import check_each, check_rows

COMMANDS: dict[str, str] = read_table("synonyms")


def commands(parser: CommandParser) -> Iterator[tuple[CommandParser, dict[str, str]]]:
    """Yield each parser with the lines of its help for the commands below it."""
    parser.complete()
    below = [action for action in parser.actions() if isinstance(action.choices, Mapping)]
    lines: dict[str, str] = {}
    for action in below:
        lines = {str(each.dest): str(each.help) for each in cast("Any", action)._get_subactions()}
        for child in cast("Mapping[str, CommandParser]", action.choices).values():
            yield from commands(child)
    yield parser, lines


def test_nothing_at_all_and_help_print_the_help() -> None:
    assert invoke() == invoke("help") == (whole := invoke("--help"))
    assert whole.out.startswith("usage: fibonacci ")
    assert invoke("help", "workflows", "get") == invoke("workflows", "get", "--help")


def test_the_help_lists_each_command_in_its_section() -> None:
    text = invoke("--help").out
    parts = {part.partition(":")[0]: part for part in text.split("\n\n")}
    for title, names in SECTIONS.items():
        listed = re.findall(r"^  ([a-z][a-z-]*)", parts[title], re.MULTILINE)
        assert listed == [*(GROUPS if title == RESOURCES else ()), *names]
    assert "commands" not in parts
    assert text.startswith("usage: fibonacci [-h] [--version] COMMAND ...\n")


WIDTHS = {80: 80, 200: 100}
"""The columns of a terminal, and those of the text on it, which is no wider than eyes follow with ease."""


def test_every_help_fits_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    def check(parser: CommandParser) -> None:
        for columns, widest in WIDTHS.items():
            monkeypatch.setenv("COLUMNS", str(columns))
            _, _, text = parser.format_help().partition("\n\n")  # argparse decides about the usage
            text, _, _ = text.partition("\nexamples:\n")  # lines to copy stay whole
            for line in text.splitlines():
                assert len(line) <= widest or is_one_word(line) or "$schema=" in line, f"{columns}: {line}"

    check_rows(((parser.prog, parser) for parser, _ in commands(command_parser())), check)


def is_one_word(line: str) -> bool:
    """Tell whether a line cannot be broken, like a word of a shell in quotes with the backslash behind it."""
    with contextlib.suppress(ValueError):  # an apostrophe is no quote
        return len(shlex.split(line.removesuffix(" \\"))) == 1
    return len(line.split()) == 1


def test_what_people_type_from_habit_is_a_command() -> None:
    def check(typed: str) -> None:
        assert invoke(typed).err == f"fibonacci: unknown command {typed!r}. Did you mean {COMMANDS[typed]!r}?\n"

    check_each(("login", "show", "security"), check)  # the last one is of 0.2.4
    programs = {parser.prog for parser, _ in commands(command_parser())}
    for meant in COMMANDS.values():
        words = itertools.takewhile(re.compile(r"[a-z][a-z-]*").fullmatch, meant.split())
        assert " ".join(["fibonacci", *words]) in programs
