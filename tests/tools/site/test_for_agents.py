"""What agents read: a list of the pages with descriptions, all pages in one file, and the Markdown of each."""

from __future__ import annotations

from pathlib import Path

from tests.tools.site.for_agents import write_texts
from tests.tools.site.navigation import ListedPage, NavigationPart
from tests.tools.site.pages import SitePage

SITE = "https://docs.example"
HOME = SitePage("index.md", "Home", "What it is.", "# Home\n\nSee the [first](guides/first.md#part).\n")
INDEX = SitePage("guides/index.md", "Guides", "A task each.", "# Guides\n")
FIRST = SitePage(
    "guides/first.md",
    "First",
    "What it does",
    '# First\n\n## `call` { #module.call data-toc-label="call" }\n\n- `value`{ #module.call.value }: '
    "[Home](../index.md), [part](#part), [e](https://elsewhere.example/a)\n\n![a curve](../images/a.svg)\n",
)


def test_the_files_for_agents(tmp_path: Path) -> None:
    pages = [HOME, INDEX, FIRST]
    home, index, first = (ListedPage(page.path, page.title, page.description) for page in pages)
    navigation: list[ListedPage | NavigationPart] = [home]
    navigation.append(NavigationPart("Guides", index, [NavigationPart("More", None, [first])]))
    write_texts(tmp_path, navigation, pages, SITE, "The client.")

    assert (tmp_path / "llms.txt").read_text() == (
        "# fibonacci-sdk\n\n> The client.\n\n"
        f"Each link leads to Markdown. All pages in one file: [llms-full.txt]({SITE}/llms-full.txt).\n\n"
        f"## Start\n\n- [Home]({SITE}/index.md): What it is.\n\n"
        f"## Guides\n\n- [Guides]({SITE}/guides/index.md): A task each.\n\n"
        f"## Guides: More\n\n- [First]({SITE}/guides/first.md): What it does\n"
    )
    markdown = (tmp_path / "guides" / "first.md").read_text()
    assert markdown.startswith("# First\n\n## `call`\n\n- `value`: [Home](../index.md), [part](#part)")
    everything = (tmp_path / "llms-full.txt").read_text()
    assert everything.index("# Home") < everything.index("# Guides") < everything.index("# First")
    assert f"[first]({SITE}/guides/first.md#part)" in everything
    assert (
        f"[Home]({SITE}/index.md), [part]({SITE}/guides/first.md#part), [e](https://elsewhere.example/a)" in everything
    )
    assert f"![a curve]({SITE}/images/a.svg)" in everything
