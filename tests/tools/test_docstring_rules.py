"""The docstrings of the public API follow the rules, and each rule finds what breaks it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import griffe
import pytest

from fibonacci import AsyncFibonacci
from fibonacci.emulator import Emulator
from fibonacci.transports import AsyncHTTPXTransport, AsyncSocketTransport
from tests.kit.assertions import each_row
from tests.tools import docstring_rules as rules
from tests.tools.markdown import ROOT
from tests.tools.public_items import Item, each_once, public_items

# The sources are read once, which takes some seconds.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("docstrings")]

SOUND = '''
"""A module whose docstrings follow the rules."""


class AsyncResource:
    """What groups of calls have in common.

    Example:
        >>> AsyncResource()
    """


class Model:
    """What models have in common: attributes for all that a response has.

    Example:
        >>> Model()
    """


class Tide(Model):
    """A rise and fall of the sea, whose fields are documented.

    Example:
        >>> Tide()
    """

    height: float
    """The number of meters above the mean."""

    marks: list[str]
    """What was measured, in the order of time."""

    names: dict[str, str]
    """What people call it, by language."""


class Tides(AsyncResource):
    """Look up tides, whose endpoints are documented.

    Times have a form: https://docs.fibonacci.today/reference/models#times
    """

    async def find(self, place_id: str, *, days: int = 1) -> Tide:
        """Find the highest tide at a place (`GET /tides/{id}`).

        Args:
            place_id: The id of the place, such as `"brest"`.
            days: The number of days to look at.

        Returns:
            The highest one that is expected.

        Raises:
            NotFoundError: If there is no such place.
            ValueError: If `days` is negative.

        Example:
            >>> Tides()
        """
        if days < 0:
            raise ValueError(days)
'''


MUTANTS: Final = [
    ("missing", '    """The number of meters above the mean."""\n', "", "has no docstring"),
    ("arguments", "            days: The number of days to look at.\n", "", "'days' is not in Args"),
    ("arguments", "days: The", "day: The", "'day', which is no parameter"),
    ("returns", "        Returns:\n            The highest one that is expected.\n", "", "has no Returns"),
    ("returns", "The highest one that is expected", "The tide: the highest", "read as a type: 'The tide'"),
    ("raises", "            ValueError: If `days` is negative.\n", "", "ValueError is raised"),
    ("raises", "NotFoundError", "NowhereError", "'NowhereError', which is no public error"),
    ("raises", "            NotFoundError: If there is no such place.\n", "", "no error of the package"),
    ("raises", "            ValueError: If `days` is negative.\n", "", "the path has a parameter"),
    ("example", "\n        Example:\n            >>> Tides()\n", "", "has no example"),
    (
        "example",
        "whose fields are documented.\n\n    Example:\n        >>> Tide()\n",
        "documented.\n",
        "no example",
    ),
    ("links", "reference/models#times", "reference/tides", "no page reference/tides"),
    ("links", "#times", "#tides", "no heading tides"),
]
"""For each rule a text of the module, what replaces it, and the fault that is found."""


@pytest.fixture(scope="module")
def items() -> list[Item]:
    return public_items(ROOT)


def items_of(code: str) -> list[Item]:
    """Return the public items of a module."""
    path, modules, lines = Path("sample.py"), griffe.ModulesCollection(), griffe.LinesCollection()
    lines[path] = code.splitlines()
    module = griffe.visit("sample", path, code, modules_collection=modules, lines_collection=lines)
    modules["sample"] = module
    found = [each for each in module.members.values() if isinstance(each, griffe.Object)]
    return list(each_once([Item(f"sample.{each.name}", each) for each in found]))


def test_the_public_api_is_found(items: list[Item]) -> None:
    names = {item.name for item in items}
    assert len(names) > 550
    assert names >= {"fibonacci.AsyncFibonacci.organizations.quota.update", "fibonacci.transports.Deadline.cap"}


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.__name__)
def test_the_docstrings_of_the_public_api_follow(rule: Callable[[Item], Iterator[str]], items: list[Item]) -> None:
    assert rules.faults(items, [rule]) == []


def test_sound_docstrings_have_no_fault() -> None:
    assert rules.faults(items_of(SOUND)) == []


@each_row(("rule", "old", "new", "fault"), MUTANTS)
def test_a_rule_finds_what_breaks_it(rule: str, old: str, new: str, fault: str) -> None:
    assert old in SOUND
    found = rules.faults(items_of(SOUND.replace(old, new)), [getattr(rules, rule)])
    assert any(fault in each for each in found), found


@each_row("made", [AsyncFibonacci, AsyncSocketTransport, AsyncHTTPXTransport, Emulator])
def test_numbers_that_are_defaults_are_those_of_the_signature(made: type, items: list[Item]) -> None:
    (item,) = [each for each in items if each.is_class and each.found.name == made.__name__]
    said = {name: re.search(r"Default: ([\d,]+)", text) for name, text in item.arguments.items()}
    numbers = {name: float(found[1].replace(",", "")) for name, found in said.items() if found}
    assert numbers
    assert numbers == {name: inspect.signature(made).parameters[name].default for name in numbers}
