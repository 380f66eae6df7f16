"""Faults of a built site: links that lead nowhere, pages without a title or a description, pictures without a text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from html.parser import HTMLParser
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

_LINKS: Final = {"a": "href", "img": "src", "link": "href", "script": "src", "source": "srcset"}
_SPAN: Final = re.compile(r'<span(?: class="[^"]*")?>|</span>')
"""What highlights code, which is most of a page, and nothing that is checked."""
_LOADED: Final = {"img", "script", "source", "iframe", "video", "audio", "embed", "object"}


class _HTMLFacts(HTMLParser):
    """What is checked of one page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[tuple[str, str]] = []
        self.described: set[str] = set()
        self.without_text: list[str] = []
        self.repeated: list[str] = []
        self._is_title = False
        self.feed(_SPAN.sub("", text))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        for name in ("id", "name"):
            if name in values and (name == "id" or tag == "a"):
                if name == "id" and values[name] in self.ids:
                    self.repeated.append(values[name])
                self.ids.add(values[name])
        if values.get(_LINKS.get(tag, "")):
            self.links.append((tag if values.get("rel") != "canonical" else "canonical", values[_LINKS[tag]]))
        if tag == "meta" and values.get("name") == "description" and values.get("content"):
            self.described.add("description")
        if tag == "img" and not values.get("alt"):
            self.without_text.append(values.get("src", ""))
        self._is_title = tag == "title"

    def handle_data(self, data: str) -> None:
        if self._is_title and data.strip():
            self.described.add("title")
        self._is_title = False


@dataclass
class BuiltSite:
    """A folder with a built site."""

    folder: Path
    _pages: dict[Path, _HTMLFacts] = field(default_factory=dict[Path, _HTMLFacts])

    @cached_property
    def pages(self) -> list[Path]:
        """The HTML files, without the page for addresses that do not exist: its links begin at the root."""
        return sorted(path for path in self.folder.rglob("*.html") if path.name != "404.html")

    def faults(self) -> list[str]:
        """Return a line for each fault."""
        return [f"{path.relative_to(self.folder)}: {fault}" for path in self.pages for fault in self._faults_of(path)]

    def has(self, path: str, fragment: str) -> bool:
        """Whether a page has a fragment."""
        return fragment in self._facts(self.folder / path).ids

    def resolves(self, page: Path, link: str) -> bool:
        """Whether a link of a page leads to a file of the site and, in a page, to one of its fragments."""
        address = urlsplit(link)
        target = (page.parent / unquote(address.path)).resolve() if address.path else page
        if target.is_dir():
            target /= "index.html"
        if not target.is_file() or not target.is_relative_to(self.folder.resolve()):
            return False
        is_page = target.suffix == ".html"
        return not address.fragment or not is_page or unquote(address.fragment) in self._facts(target).ids

    def _faults_of(self, path: Path) -> Iterator[str]:
        facts = self._facts(path)
        yield from (f"no {name}" for name in sorted({"title", "description"} - facts.described))
        yield from (f"a picture without a text: {source}" for source in facts.without_text)
        yield from (f"a fragment that occurs twice: {name}" for name in facts.repeated)
        for tag, link in facts.links:
            is_elsewhere = bool(urlsplit(link).scheme or link.startswith("//"))
            if is_elsewhere and tag in _LOADED | {"link"}:
                yield f"loads from elsewhere: {link}"
            elif not is_elsewhere and not self.resolves(path, link):
                yield f"leads nowhere: {link}"

    def _facts(self, path: Path) -> _HTMLFacts:
        path = path.resolve()
        if path not in self._pages:
            self._pages[path] = _HTMLFacts(path.read_text("utf-8"))
        return self._pages[path]
