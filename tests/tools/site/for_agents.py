"""The files that agents read: llms.txt, llms-full.txt, and the Markdown of each page beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from posixpath import normpath

from tests.tools.site.navigation import ListedPage, NavigationPart
from tests.tools.site.pages import SitePage, map_links


def write_texts(
    out: Path, navigation: Sequence[ListedPage | NavigationPart], pages: list[SitePage], site: str, about: str
) -> None:
    """Write the files into the folder of a site.

    Args:
        out: The folder.
        navigation: The pages by sections.
        pages: The pages, in their order.
        site: The address of the site, without a final slash.
        about: What the package is, in a sentence.
    """
    for page in pages:
        path = out / page.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page.plain_text, "utf-8")
    (out / "llms.txt").write_text(contents(navigation, site, about), "utf-8")
    (out / "llms-full.txt").write_text("\n\n".join(absolute(page, site).strip() for page in pages) + "\n", "utf-8")


def contents(navigation: Sequence[ListedPage | NavigationPart], site: str, about: str) -> str:
    """Return the text of llms.txt: what the package is, and a link to each page with a sentence."""
    lines = ["# fibonacci-sdk", "", f"> {about}", ""]
    lines += [f"Each link leads to Markdown. All pages in one file: [llms-full.txt]({site}/llms-full.txt).", ""]
    home = [entry for entry in navigation if isinstance(entry, ListedPage)]
    parts = [entry for entry in navigation if isinstance(entry, NavigationPart)]
    for part in [NavigationPart("Start", None, [*home]), *parts]:
        for title, listed in _sections(part, part.title):
            lines += [f"## {title}", "", *(_item(page, site) for page in listed), ""]
    return "\n".join(lines)


def absolute(page: SitePage, site: str) -> str:
    """Return the Markdown of a page with whole addresses in its links."""
    folder = PurePosixPath(page.path).parent

    def change(target: str) -> str:
        if ":" in target.partition("#")[0].partition("/")[0]:
            return target
        name, mark, fragment = target.partition("#")
        path = page.path if not name else normpath(folder / name)
        return f"{site}/{path}{mark}{fragment}"

    return map_links(page.plain_text, change)


def _sections(part: NavigationPart, title: str) -> Iterator[tuple[str, list[ListedPage]]]:
    """Yield the pages that stand in a part itself, and then those of each part of it."""
    own = [] if part.index is None else [part.index]
    own += [entry for entry in part.entries if isinstance(entry, ListedPage)]
    if own:
        yield title, own
    for entry in part.entries:
        if isinstance(entry, NavigationPart):
            yield from _sections(entry, f"{title}: {entry.title}")


def _item(page: ListedPage, site: str) -> str:
    return f"- [{page.title}]({site}/{page.path}): {page.description}"
