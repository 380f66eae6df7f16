"""Each text that the troubleshooting page quotes is one of the SDK's: the sources have its parts."""

from __future__ import annotations

import ast
import re
from bisect import bisect_left
from collections.abc import Iterator
from typing import cast

import pytest

from fibonacci import errors
from tests.tools.markdown import ROOT, blocks_of

PAGE = ROOT / "docs" / "how-to" / "troubleshooting.md"
SOURCES = [path for path in (ROOT / "fibonacci").rglob("*.py") if "_sync" not in path.parts]
QUOTED = [block for block in blocks_of(PAGE) if block.language == "text"]

# What the system, OpenSSL and the status line say: no text of ours.
OTHERS = re.compile(r"Connection refused|Too many open files|Address already in use|certificate verify failed: ")
MADE = re.compile(r"status \d{3}(?: \w+,)? ?|FIBONACCI_\w+|HTTPS_PROXY")  # of several parts

OF_NO_SOURCE = (
    "the keychain is locked: open it, or set FIBONACCI_API_KEY instead",
    "no complete response from the server within the time",
    "the server redirects, and does not tell where",
    "Nothing runs at that address",
)


class SourceTexts:
    """The texts in the sources, cut where something is filled in."""

    def __init__(self) -> None:
        self._runs = sorted({run for path in SOURCES for run in _texts(ast.parse(path.read_text("utf-8"))) if run})
        self._backwards = sorted(run[::-1] for run in self._runs)
        self._all = "\0".join(self._runs)

    def have(self, text: str) -> bool:
        """Tell whether a text is a part of one, or of several that follow each other, cut where they end and begin."""
        if text in self._all:
            return True
        ends = (length for length in range(1, len(text)) if _one_begins(self._backwards, text[:length][::-1]))
        return any(self._continue(text[length:]) for length in ends if _is_telling(text[:length]))

    def _continue(self, text: str) -> bool:
        if _one_begins(self._runs, text):
            return True
        wholes = (length for length in range(1, len(text)) if _holds(self._runs, text[:length]))
        return any(self._continue(text[length:]) for length in wholes if _is_telling(text[:length]))


def _one_begins(texts: list[str], text: str) -> bool:
    """Whether one of the texts, which are in order, begins with a text."""
    place = bisect_left(texts, text)
    return any(each.startswith(text) for each in texts[place : place + 1])


def _holds(texts: list[str], text: str) -> bool:
    place = bisect_left(texts, text)
    return texts[place : place + 1] == [text]


def _is_telling(text: str) -> bool:
    """Whether a text is more than a letter or two, which end or begin some text of the sources anyway."""
    return len(text) > 3 or not any(map(str.isalnum, text))


def _texts(node: ast.AST) -> Iterator[str]:
    """Yield every text of some code; one in which something is filled in comes in parts."""
    nodes = [node]
    while nodes:
        for value in vars(nodes.pop()).values():
            if isinstance(value, str):
                continue
            children = cast("list[object]", value) if isinstance(value, list) else [value]
            for child in children:
                if isinstance(child, ast.Constant):
                    if isinstance(child.value, str):
                        yield from (child.value, *re.split(r"\{\w+(?:!r)?\}", child.value))
                elif isinstance(child, ast.AST) and child._fields:
                    nodes.append(child)


@pytest.mark.slow
def test_quoted_texts_are_of_the_sources_and_others_are_noticed() -> None:
    sources = SourceTexts()
    for text in OF_NO_SOURCE:
        assert not sources.have(text)
    lines = [(f"{block}: {line}", line) for block in QUOTED for line in block.code.replace("\n  ", " ").splitlines()]
    assert [(where, part) for where, line in lines for part in quoted_parts(line) if not sources.have(part)] == []


def quoted_parts(line: str) -> list[str]:
    """Return the parts of a quoted line that are texts of ours."""
    return [part for whole in line.split("...") for part in OTHERS.sub("\0", MADE.sub("\0", whole)).split("\0")]


def test_the_page_quotes_much_and_names_every_error() -> None:
    assert len(QUOTED) > 40
    text = PAGE.read_text("utf-8")
    bases = {"FibonacciError", "APIStatusError"}
    assert [name for name in errors.__all__ if f"`{name}`" not in text and name not in bases] == []
