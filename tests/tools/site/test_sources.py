"""Links of the pages lead to the same places on the site as on GitHub."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kit.programs import find
from tests.tools.releases.project import ROOT, read_project, read_version
from tests.tools.site.navigation import ListedPage
from tests.tools.site.pages import SitePage, map_links
from tests.tools.site.sources import CHANGELOG, Addresses, read_addresses, read_pages

REPOSITORY = "https://host.example/owner/name"
SITE = "https://docs.example"
ADDRESSES = Addresses(
    ROOT, REPOSITORY, SITE, "v1.2.3", frozenset({"index.md", "how-to/index.md", "how-to/paging.md", "changelog.md"})
)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("paging.md", "paging.md"),
        ("../reference/errors.md#remedies", "../reference/errors.md#remedies"),
        ("../images/faults.svg", "../images/faults.svg"),
        ("../openapi.yaml", "../openapi.yaml"),
        ("../../examples/quickstart.py", f"{REPOSITORY}/blob/v1.2.3/examples/quickstart.py"),
        ("../../examples", f"{REPOSITORY}/tree/v1.2.3/examples"),
        ("../../.github/CONTRIBUTING.md#release", f"{REPOSITORY}/blob/v1.2.3/.github/CONTRIBUTING.md#release"),
        ("../contributing/internals.md", f"{REPOSITORY}/blob/v1.2.3/docs/contributing/internals.md"),
        ("../../README.md", f"{REPOSITORY}/blob/v1.2.3/README.md"),
        ("../../CHANGELOG.md#fixed", "../changelog.md#fixed"),
        ("https://elsewhere.example/a.md", "https://elsewhere.example/a.md"),
        ("mailto:me@example.org", "mailto:me@example.org"),
        ("#here", "#here"),
        (f"{SITE}/how-to/paging#pages", "paging.md#pages"),
        (f"{SITE}/how-to", "index.md"),
        (f"{SITE}/", "../index.md"),
        (f"{SITE}/llms.txt", "../llms.txt"),
    ],
)
def test_a_link_of_a_page(target: str, expected: str) -> None:
    assert ADDRESSES.link(target, "docs/how-to/scale.md", "how-to/scale.md") == expected


def test_the_changelog_is_a_page_whose_links_begin_at_the_root() -> None:
    assert ADDRESSES.link("docs/how-to/paging.md", "CHANGELOG.md", CHANGELOG.path) == "how-to/paging.md"
    assert ADDRESSES.link("examples", "CHANGELOG.md", CHANGELOG.path) == f"{REPOSITORY}/tree/v1.2.3/examples"


def test_links_in_every_form_are_changed_and_code_is_not() -> None:
    text = (
        "[a](x.md) ![`p`](x.svg 'title') `[b](x.md)` [`c[0]`](x.md) [two\n  lines](x.md)\n\n"
        "```python\n[d](x.md)\n```\n\n"
        '[ref]: x.md\n<img src="x.svg"> <a href="x.md">e</a> <source srcset="x.svg">\n'
    )
    assert map_links(text, lambda target: f"new-{target}") == (
        "[a](new-x.md) ![`p`](new-x.svg 'title') `[b](x.md)` [`c[0]`](new-x.md) "
        "[two\n  lines](new-x.md)\n\n"
        "```python\n[d](x.md)\n```\n\n"
        '[ref]: new-x.md\n<img src="new-x.svg"> <a href="new-x.md">e</a> <source srcset="new-x.svg">\n'
    )


def test_a_page_keeps_all_but_its_links(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text("# Home\n\nSee [examples](../examples).\n")
    (page,) = read_pages(
        tmp_path, [ListedPage("index.md", "Home", "About")], Addresses(tmp_path, REPOSITORY, SITE, "main")
    )
    assert page == SitePage(
        "index.md", "Home", "About", f"# Home\n\nSee [examples]({REPOSITORY}/blob/main/examples).\n", "docs/index.md"
    )


def test_a_page_that_is_derived_leads_to_its_source(tmp_path: Path) -> None:
    (tmp_path / "docs" / "reference").mkdir(parents=True)
    (tmp_path / "docs" / "reference" / "command-run.md").write_text("# Commands\n")
    listed = ListedPage("reference/command-run.md", "Commands", "About")
    (page,) = read_pages(tmp_path, [listed], ADDRESSES)
    assert ADDRESSES.edit(page.source) == f"{REPOSITORY}/edit/main/fibonacci/cli/parser.py"


def test_bars_in_the_code_of_tables_are_as_github_shows_them() -> None:
    row = "| `a \\| b` | c |"
    page = SitePage("a.md", "A", "", f"# A\n\n| x | y |\n|---|---|\n{row}\n\n```text\n{row}\n```\n")
    assert page.site_text == page.text.replace("\\|", "|", 1)
    assert page.plain_text == page.text


def test_the_addresses_are_those_of_the_package() -> None:
    find("git")
    urls = read_project()["urls"]
    addresses = read_addresses(ROOT, [])
    assert addresses.ref in {"main", f"v{read_version()}"}
    assert (addresses.repository, addresses.site) == (urls["Repository"], urls["Documentation"])
