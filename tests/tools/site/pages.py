"""One page of the site, as Markdown."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from tests.tools.pictures.in_pages import by_scheme

_CODE_OR_LINK: Final = re.compile(
    r"(?P<fence>^(?P<indent>[ ]*)(?P<ticks>```+|~~~+)[^\n]*\n.*?^[ ]*(?P=ticks)[ ]*$)"
    r"|(?P<before>\[(?:[^\]\n`]|`[^`\n]*`|\n(?![ ]*\n))*\]\(\s*)(?P<target>[^)\s]+)(?=[^)]*\))"
    r"|(?P<named>^\[[^\]\n]+\]:\s*)(?P<address>\S+)"
    r"|(?P<html>\b(?:src|srcset|href)=\")(?P<value>[^\"]+)(?=\")"
    r"|(?P<code>(?P<tick>`+)(?!`).*?(?<!`)(?P=tick)(?!`))",
    re.MULTILINE | re.DOTALL,
)
_FENCE_OR_ROW: Final = re.compile(r"^[ ]*(```+|~~~+).*?^[ ]*\1[ ]*$|^(?P<row>\|[^\n]*\|)$", re.MULTILINE | re.DOTALL)
_IDS: Final = re.compile(r"[ ]?\{ #[^}\n]*\}")


@dataclass(frozen=True)
class SitePage:
    """A page, with what search engines and agents read of it."""

    path: str
    """Its path in the site's sources, such as `how-to/paging.md`."""

    title: str
    """Its title in the navigation."""

    description: str
    """What it is about, in a sentence of plain text."""

    text: str
    """Its Markdown; links to other pages are relative, and lead to their `.md`."""

    source: str = ""
    """The file in the repository that a reader edits to change it; empty if no single file has its text."""

    blocks: Mapping[str, str] = field(default_factory=dict[str, str])
    """The HTML on the site in place of blocks of code, such as signatures with links, by their Markdown."""

    @property
    def site_text(self) -> str:
        """The Markdown as zensical reads it: in tables, a bar within code has no backslash, unlike on GitHub.

        Each picture is two images, which follow the site's switch between light and dark.
        """
        text = by_scheme(_FENCE_OR_ROW.sub(_with_bars, self.text))
        for block, html in self.blocks.items():
            text = text.replace(block, html)
        return text

    @property
    def plain_text(self) -> str:
        """The Markdown without the ids that the site gives to headings and names."""
        return _IDS.sub("", self.text)


def map_links(text: str, change: Callable[[str], str]) -> str:
    """Return a Markdown text with other link targets; code is left as it is.

    Args:
        text: The text.
        change: Returns the new target for each one.
    """

    def replace(found: re.Match[str]) -> str:
        for before, target in (("before", "target"), ("named", "address"), ("html", "value")):
            if found[target] is not None:
                return found[before] + change(found[target])
        return found[0]

    return _CODE_OR_LINK.sub(replace, text)


def plain(markdown: str) -> str:
    """Return a line of Markdown as plain text, without its links and code marks."""
    return re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", markdown).replace("`", "").strip()


def front_matter(values: dict[str, str]) -> str:
    """Return the lines above a page's text that set values for templates."""
    import json

    lines = [f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in values.items()]
    return "\n".join(["---", *lines, "---", "", ""])


def _with_bars(found: re.Match[str]) -> str:
    if found["row"] is None:
        return found[0]
    return re.sub(r"`[^`\n]*`", lambda code: code[0].replace("\\|", "|"), found[0])
