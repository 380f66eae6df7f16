"""Types and names in Markdown, linked to the entries that describe them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from posixpath import relpath
from typing import Final

import griffe

from tests.tools.site.api.elsewhere import elsewhere
from tests.tools.site.api.names import Entry, PublicNames

_NAMED: Final = re.compile(
    r"(?P<fence>^[ ]*```.*?^[ ]*```)|(?<![\[`])`(?P<name>[A-Za-z_][\w.]*)(?:\(\))?`(?![\]`])", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True)
class Linker:
    """Links of one page."""

    names: PublicNames
    page: str
    blocks: dict[str, str] = field(default_factory=dict[str, str])
    """The HTML of each signature on the page, by its Markdown."""

    def to(self, entry: Entry) -> str:
        """Return the target of a link to an entry."""
        path = "" if entry.page == self.page else relpath(entry.page, PurePosixPath(self.page).parent.as_posix())
        return f"{path}#{entry.name}"

    def address(self, path: str) -> str | None:
        """Return the target of a link to what a whole name stands for; None if no page describes it."""
        entry = self.names.find(path)
        return elsewhere(path) if entry is None else self.to(entry)

    def link(self, entry: Entry, text: str | None = None) -> str:
        """Return a link to an entry, with its name as the text."""
        return f"[`{text or entry.shown}`]({self.to(entry)})"

    def type(self, annotation: griffe.Expr | str | None) -> str:
        """Return a type as code; where it names what has an entry, it is a link."""
        if annotation is None:
            return ""
        text = str(annotation)
        found = {entry.name: entry for entry in map(self._of_expression, _named(annotation)) if entry is not None}
        others = [each for each in _named(annotation) if self._elsewhere(each)]
        if len(found) == 1 and not others:
            return self.link(next(iter(found.values())), text)
        if not found and not others:
            return f"`{text}`"
        return "".join(self._parts(annotation))

    def text(self, text: str, owner: str = "") -> str:
        """Return a text of a docstring, with links for the names in it.

        Args:
            text: The text.
            owner: The name of the entry that has the text, which is not linked.
        """

        def replace(found: re.Match[str]) -> str:
            name = found["name"]
            if name is None or not ("." in name or name[0].isupper()):
                return found[0]
            entry = self.names.find(name)
            if entry is None or entry.name == owner or owner.startswith(f"{entry.name}."):
                return found[0]
            return f"[{found[0]}]({self.to(entry)})"

        return _NAMED.sub(replace, text)

    def _parts(self, annotation: griffe.Expr | str) -> Iterator[str]:
        """Yield the names that have an entry as links, and what stands between two of them as one piece of code."""
        between = ""
        for part in [annotation] if isinstance(annotation, str) else annotation.iterate(flat=True):
            entry = None if isinstance(part, str) else self._of_expression(part)
            other = None if isinstance(part, str) else self._elsewhere(part)
            if entry is None and other is None:
                between += str(part)
                continue
            yield f"`{between}`" if between else ""
            yield self.link(entry, str(part)) if entry is not None else f"[`{part}`]({other})"
            between = ""
        yield f"`{between}`" if between else ""

    def _elsewhere(self, part: str | griffe.Expr) -> str | None:
        return None if isinstance(part, str) or self._of_expression(part) else elsewhere(part.canonical_path)

    def _of_expression(self, part: str | griffe.Expr) -> Entry | None:
        return self.names.find(part if isinstance(part, str) else part.canonical_path)


def _named(annotation: griffe.Expr | str) -> list[str | griffe.Expr]:
    if isinstance(annotation, str):
        return [annotation]
    return [each for each in annotation.iterate(flat=True) if isinstance(each, griffe.ExprName | griffe.ExprAttribute)]
