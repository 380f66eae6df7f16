"""Build the site of one checkout: its pages, by zensical, and the files that agents read.

python -m tests.tools.site.build OUT      build the version that is checked out, and nothing beside it
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from html import escape
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from tests.tools.releases.project import ROOT, read_project
from tests.tools.site.api import api_pages
from tests.tools.site.for_agents import write_texts
from tests.tools.site.navigation import ListedPage, NavigationPart, listed_pages, read_navigation
from tests.tools.site.pages import SitePage, front_matter
from tests.tools.site.sources import CHANGELOG, Addresses, read_addresses, read_pages

HERE: Final = Path(__file__).parent
_COLOR: Final = re.compile(r"\x1b\[[\d;]*m")


class SiteError(Exception):
    """The site cannot be built."""


def build(out: Path, root: Path = ROOT) -> None:
    """Build the site of a checkout into a folder, which is replaced.

    Raises:
        NavigationError: If the tables of docs/ do not list each page once.
        SiteError: If zensical is not installed, or finds a fault.
    """
    check_installed()
    written = read_navigation(root / "docs")
    reference = api_pages(root)
    navigation = with_reference(written, reference)
    addresses = read_addresses(root, [page.path for page in listed_pages(navigation)])
    pages = [*read_pages(root, [*listed_pages(written), CHANGELOG], addresses)]
    with TemporaryDirectory() as folder:
        work = Path(folder).resolve()
        _stage(work, root, [*pages, *reference], addresses)
        _configure(work, root, navigation, addresses)
        run_zensical(work, root)
        add_search_words(work / "site" / "search.json", listed_pages(navigation))
        if out.exists():
            shutil.rmtree(out)
        out.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(work / "site", out)
    write_texts(out, written, pages, addresses.site, read_project(root)["description"])


def check_installed() -> None:
    """Raise an error that names the extra unless zensical is installed."""
    if find_spec("zensical") is None:
        raise SiteError("zensical is not installed: pip install -e '.[docs]'")


def with_reference(
    navigation: Sequence[ListedPage | NavigationPart], reference: list[SitePage]
) -> list[ListedPage | NavigationPart]:
    """Return the navigation with the API reference after the reference, which ends with the changelog."""
    index, *rest = [ListedPage(page.path, page.title, page.description) for page in reference]
    with_both: list[ListedPage | NavigationPart] = []
    for part in navigation:
        with_both.append(part)
        if isinstance(part, NavigationPart) and part.index is not None and part.index.path == "reference/index.md":
            part.entries.append(CHANGELOG)
            with_both.append(NavigationPart(index.title, index, [*rest]))
    return with_both


def _stage(work: Path, root: Path, pages: list[SitePage], addresses: Addresses) -> None:
    """Write the sources of the site: the pages, with what templates read of them, and all other files of docs/."""
    shutil.copytree(root / "docs", work / "docs", ignore=shutil.ignore_patterns("*.md"))
    shutil.copy(root / "fibonacci" / "definitions" / "definition.schema.json", work / "docs")
    shutil.copytree(HERE / "theme" / "assets", work / "docs" / "assets")
    shutil.copytree(HERE / "theme", work / "theme", ignore=shutil.ignore_patterns("assets"))
    for page in pages:
        path = work / "docs" / page.path
        path.parent.mkdir(parents=True, exist_ok=True)
        # Templates write it into attributes as it is.
        values = {"description": escape(page.description)}
        if page.source:  # the reference has none: its text is in many files
            values["markdown"] = page.path
            values["edit"] = addresses.edit(page.source)
            values["edit_label"] = "Edit this page" if page.source.endswith(".md") else "Edit the source of this page"
        path.write_text(front_matter(values) + page.site_text, "utf-8")


def _configure(work: Path, root: Path, navigation: list[ListedPage | NavigationPart], addresses: Addresses) -> None:
    config: dict[str, Any] = tomllib.loads((HERE / "zensical.toml").read_text("utf-8"))["project"]
    config |= {
        "site_url": f"{addresses.site}/",
        "site_description": read_project(root)["description"],
        "repo_url": addresses.repository,
        "repo_name": addresses.repository.rpartition("/")[2],
        "nav": [_navigation_item(entry) for entry in navigation],
    }
    config["plugins"]["mkdocstrings"]["handlers"]["python"]["paths"] = [str(root)]
    # JSON is YAML, in which zensical reads a file of this name.
    (work / "mkdocs.yml").write_text(json.dumps(config), "utf-8")


def _navigation_item(entry: ListedPage | NavigationPart) -> dict[str, Any]:
    if isinstance(entry, ListedPage):
        return {entry.title: entry.path}
    index = [] if entry.index is None else [entry.index.path]
    return {entry.title: [*index, *map(_navigation_item, entry.entries)]}


def run_zensical(work: Path, root: Path = ROOT) -> None:
    """Render the sources in a folder, as its `mkdocs.yml` says.

    Raises:
        SiteError: If a page has a fault, such as a link that leads nowhere.
    """
    command = [sys.executable, "-m", "zensical", "build", "--strict", "--clean", "-f", str(work / "mkdocs.yml")]
    environment = os.environ | {"PYTHONPATH": str(root)}  # mkdocstrings imports `PublicPaths`
    result = subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True)
    if result.returncode or not (work / "site" / "index.html").exists():
        text = _COLOR.sub("", result.stdout + result.stderr).partition("Traceback")[0]
        raise SiteError(f"zensical: {text.strip()}")


def add_search_words(index: Path, pages: Sequence[ListedPage]) -> None:
    """Add the words of `search_words.toml` to the index of the search, each as an entry that leads to its page.

    The search ranks titles that begin with what was typed before all else, then what has it in more fields, and of
    equals what comes first.

    Args:
        index: The file of the index.
        pages: The pages.

    Raises:
        SiteError: If a page of the words does not exist.
    """
    words: dict[str, str] = tomllib.loads((HERE / "search_words.toml").read_text("utf-8"))
    by_path = {page.path: page for page in pages}
    unknown = sorted(words.keys() - by_path.keys())
    if unknown:
        raise SiteError(f"search_words.toml has pages that do not exist: {', '.join(unknown)}")
    content: dict[str, Any] = json.loads(index.read_text("utf-8"))
    entries = {entry["location"]: entry for entry in content["items"]}
    content["items"][:0] = [
        {
            **(entry := entries[f"{path.removesuffix('.md')}/"]),
            "title": f"{word}: {by_path[path].title}",
            "text": f"{word}: {by_path[path].description}",
            "path": [word, *entry["path"][:1]],
        }
        for path, line in words.items()
        for word in line.split(", ")
    ]
    index.write_text(json.dumps(content), "utf-8")


if __name__ == "__main__":
    build(Path(sys.argv[1]).absolute())
