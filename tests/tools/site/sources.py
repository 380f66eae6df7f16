"""The pages of docs/ as pages of the site: links that lead out of docs/ lead to the repository."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from posixpath import normpath, relpath

from tests.tools.releases.project import git, read_project, read_version
from tests.tools.site.navigation import FOR_CONTRIBUTORS, ListedPage
from tests.tools.site.pages import SitePage, map_links

CHANGELOG = ListedPage("changelog.md", "Changelog", "What changed, release by release.")
"""The page that CHANGELOG.md becomes."""

_DERIVED = {
    f"docs/reference/command-{task}.md": "fibonacci/cli/parser.py" for task in ("run", "deploy", "platform", "setup")
}
"""The source of each page that is derived as a whole: an edit of the page itself would be lost."""


@dataclass(frozen=True)
class Addresses:
    """Where links of the repository's files lead on the site."""

    root: Path
    """The checkout."""

    repository: str
    """The address of the repository."""

    site: str
    """The address of the site, without a final slash."""

    ref: str
    """The tag or branch whose files are linked."""

    pages: frozenset[str] = frozenset()
    """The paths of the site's pages."""

    def link(self, target: str, source: str, page: str) -> str:
        """Return the target of a link for the site.

        Args:
            target: The target in the file.
            source: The path of the file in the repository.
            page: The path of the page that it becomes.
        """
        if target.startswith(f"{self.site}/"):
            return self._within_site(target.removeprefix(f"{self.site}/"), page)
        if re.match(r"[a-z][a-z+.-]*:|#|//", target):
            return target
        name, mark, fragment = target.partition("#")
        path = normpath(PurePosixPath(source).parent / name)
        if path == "CHANGELOG.md":
            return _relative(CHANGELOG.path, page) + mark + fragment
        if path.startswith("docs/") and not path.startswith(f"docs/{FOR_CONTRIBUTORS}"):
            return _relative(path.removeprefix("docs/"), page) + mark + fragment
        kind = "tree" if (self.root / path).is_dir() else "blob"
        return f"{self.repository}/{kind}/{self.ref}/{path}{mark}{fragment}"

    def edit(self, source: str) -> str:
        """Return the address at which a file of the repository is edited; only a branch can be edited, never a tag."""
        return f"{self.repository}/edit/main/{source}"

    def _within_site(self, path: str, page: str) -> str:
        """Return a relative link in place of an address of the site, so that each version links its own pages."""
        name, mark, fragment = path.partition("#")
        name = name.strip("/")
        files = [each for each in (f"{name}.md", f"{name}/index.md".lstrip("/")) if each in self.pages]
        return _relative(files[0] if files else name, page) + mark + fragment


def read_addresses(root: Path, pages: Iterable[str]) -> Addresses:
    """Return the addresses of a checkout: those in pyproject.toml, and the tag of its version if it is checked out.

    Args:
        root: The checkout.
        pages: The paths of the site's pages.
    """
    urls = read_project(root)["urls"]
    tag = f"v{read_version(root)}"
    ref = tag if tag in git(root, "tag", "--points-at", "HEAD").stdout.split() else "main"
    return Addresses(root, urls["Repository"], urls["Documentation"], ref, frozenset(pages))


def read_pages(root: Path, listed: list[ListedPage], addresses: Addresses) -> Iterator[SitePage]:
    """Yield pages of docs/ with the links of the site, and the changelog if it is listed."""
    for page in listed:
        source = "CHANGELOG.md" if page == CHANGELOG else f"docs/{page.path}"
        text = (root / source).read_text("utf-8")

        def change(target: str, source: str = source, path: str = page.path) -> str:
            return addresses.link(target, source, path)

        edited = _DERIVED.get(source, source)
        yield SitePage(page.path, page.title, page.description, map_links(text, change), edited)


def _relative(path: str, page: str) -> str:
    return relpath(path, PurePosixPath(page).parent.as_posix())
