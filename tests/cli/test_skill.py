"""The skill in the package: at its conventional path, with front matter that programs can read."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Any

import yaml

from fibonacci.cli import exit_codes
from fibonacci.cli.call_tables import GROUPS
from fibonacci.cli.parser import COMMANDS

FOLDER = files("fibonacci").joinpath(".agents", "skills")
NAME = "fibonacci-sdk"
TEXT = FOLDER.joinpath(NAME, "SKILL.md").read_text("utf-8")


def test_the_front_matter() -> None:
    opening, front, body = TEXT.split("---\n", 2)
    fields: dict[str, Any] = yaml.safe_load(front)
    assert opening == ""
    assert set(fields) == {"name", "description"}
    assert fields["name"] == NAME  # which is that of its folder
    assert 0 < len(fields["description"]) <= 1024
    assert body.lstrip().startswith(f"# {NAME}\n")


def test_it_has_each_exit_code() -> None:
    codes = {code for code in vars(exit_codes).values() if isinstance(code, int) and code != exit_codes.SIGNALED}
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", TEXT, re.MULTILINE)} == codes


def test_its_commands_exist() -> None:
    commands = set(re.findall(r"^fibonacci ([\w-]+)", TEXT, re.MULTILINE))
    assert commands
    assert commands - {*COMMANDS, *GROUPS} == set()
