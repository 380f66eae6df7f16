"""Check that each glossary term stands once, in order, in one sentence, and that its name is in the linked file."""

from __future__ import annotations

import re
from typing import NamedTuple

from tests.tools.markdown import ROOT

PAGE = ROOT / "docs" / "contributing" / "internals.md"
_ROW = re.compile(r"^\| (?P<term>[^|]+) \| (?P<meaning>[^|]+) \| \[`(?P<name>[^`]+)`\]\((?P<path>[^)]+)\) \|$")


class Term(NamedTuple):
    """One row of the glossary."""

    term: str
    meaning: str
    name: str
    path: str


def terms() -> list[Term]:
    """Return the rows of the glossary, which follow the head of its table."""
    glossary = PAGE.read_text("utf-8").partition("## Glossary")[2]
    lines = glossary.partition("|---|---|---|\n")[2].splitlines()
    rows = [_ROW.match(line) for line in lines]
    assert all(rows), f"not a row: {lines[rows.index(None)]}"
    return [Term(*row.groups()) for row in rows if row]


def test_each_name_occurs_in_the_linked_file() -> None:
    assert [row for row in terms() if not occurs(row.name, (PAGE.parent / row.path).read_text("utf-8"))] == []


def occurs(name: str, text: str) -> bool:
    """Return whether a text has a name that is no part of a longer one."""
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) is not None


def test_each_meaning_is_one_sentence() -> None:
    assert [row for row in terms() if not row.meaning.endswith(".") or ". " in row.meaning] == []


def test_the_terms_are_sorted_and_each_stands_once() -> None:
    found = [row.term.casefold() for row in terms()]
    assert found == sorted(set(found))
