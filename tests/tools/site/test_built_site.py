"""The built site: complete, without faults, and with the files that agents and other projects read."""

from __future__ import annotations

import json
import re
import struct
import tomllib
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from fibonacci import AsyncFibonacci, Fibonacci
from tests.kit.public_api import public_objects
from tests.tools.pictures.in_pages import by_scheme
from tests.tools.releases.project import ROOT, read_project, read_version
from tests.tools.site.build import SiteError, run_zensical
from tests.tools.site.checks import BuiltSite
from tests.tools.site.navigation import listed_pages, read_navigation
from tests.tools.site.sources import CHANGELOG

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("site")]

MARKDOWN = re.compile(r'<link rel="alternate" type="text/markdown" href="([^"]+)">')


API = "reference/api"


def described_pages(site: BuiltSite) -> dict[Path, str]:
    """Return the pages without the API reference, each with its HTML."""
    found = {page: page.read_text("utf-8") for page in site.pages if f"/{API}/" not in page.as_posix()}
    assert len(found) > 50
    return found


def calls(group: type, name: str) -> Iterator[str]:
    """Yield the names of the public members of a class, and of its groups of calls."""
    for member in dir(group):
        if not member.startswith("_"):
            yield f"{name}.{member}"
            value = getattr(group, member)
            yield from calls(value, f"{name}.{member}") if isinstance(value, type) else ()


def html_of(path: str) -> str:
    """Return the file that a page becomes."""
    return re.sub(r"(^|/)index\.md$|\.md$", "/", path).lstrip("/") + "index.html"


def test_no_link_leads_nowhere_and_nothing_is_loaded_from_elsewhere(site: BuiltSite) -> None:
    assert site.faults() == []


def test_every_page_is_there_and_links_its_markdown(site: BuiltSite) -> None:
    listed = [page.path for page in [*listed_pages(read_navigation(ROOT / "docs")), CHANGELOG]]
    assert [path for path in listed if not (site.folder / html_of(path)).is_file()] == []
    for page, text in described_pages(site).items():
        found = MARKDOWN.search(text)
        assert found is not None, page
        assert (page.parent / found[1]).read_text("utf-8").startswith("# "), page


def test_every_page_has_the_parts_that_github_shows(site: BuiltSite) -> None:
    """The two read lists, tables and code blocks by different rules; where they differ, one of them shows it wrong."""
    differing: dict[str, object] = {}
    for page, text in described_pages(site).items():
        found = MARKDOWN.search(text)
        assert found is not None, page
        markdown = by_scheme((page.parent / found[1]).read_text("utf-8"))
        github = MarkdownIt().enable("table").render(markdown)
        article = text[text.index("<article") : text.index("</article>")]
        article = article.replace('<div class="admonition', '<blockquote class="admonition')  # GitHub's is made later
        counts = [Counter(re.findall(r"<(li|tr|pre|blockquote|h[2-6]|img)[ >]", each)) for each in (github, article)]
        if counts[0] != counts[1]:
            differing[found[1]] = counts
    assert differing == {}


def test_a_box_of_github_is_a_box_of_the_site(site: BuiltSite) -> None:
    numbers: dict[str, tuple[int, int]] = {}
    for page, text in described_pages(site).items():
        found = MARKDOWN.search(text)
        assert found is not None, page
        marks = re.findall(r"^> \[!(?:NOTE|TIP|WARNING)\]$", (page.parent / found[1]).read_text("utf-8"), re.MULTILINE)
        numbers[found[1]] = len(marks), text.count('<p class="admonition-title">')
    assert {page: each for page, each in numbers.items() if each[0] != each[1]} == {}
    assert any(marks for marks, _ in numbers.values())


def test_every_page_says_what_is_shown_of_links_to_it(site: BuiltSite) -> None:
    address = read_project()["urls"]["Documentation"]
    for page in site.pages:
        tags = r'<meta (?:property|name)="((?:og|twitter):[^"]+|description)" content="([^"]+)">'
        found = dict(re.findall(tags, page.read_text("utf-8")))
        folder = page.parent.relative_to(site.folder).as_posix().removeprefix(".")
        assert found["og:url"].rstrip("/") == f"{address}/{folder}".rstrip("/")
        assert found["og:type"] == ("article" if folder else "website")
        assert {"og:title", "og:image:alt", "twitter:card"} <= {*found}, page
        assert found["og:description"] == found["description"]
        title = found["og:title"] + (" - fibonacci-sdk" if folder else " documentation")
        assert f"<title>{title}</title>" in page.read_text("utf-8")
        image = site.folder.parent / found["og:image"].removeprefix(f"{address}/")
        size = struct.unpack(">II", image.read_bytes()[16:24])
        assert size == (int(found["og:image:width"]), int(found["og:image:height"]))


def test_few_pages_share_what_people_type(site: BuiltSite) -> None:
    """The search shows three results at once; its first ones have titles that begin with what was typed."""
    index = json.loads((site.folder / "search.json").read_text("utf-8"))
    typed = tomllib.loads((ROOT / "tests/tools/site/search_words.toml").read_text("utf-8"))
    titles = [item["title"].lower() for item in index["items"]]
    for path, word in [(path, word.lower()) for path, line in typed.items() for word in line.split(", ")]:
        first = [item["location"] for item, title in zip(index["items"], titles, strict=True) if title.startswith(word)]
        assert f"{path.removesuffix('.md')}/" in first[:3], word


def test_a_page_leads_to_the_file_that_has_its_text(site: BuiltSite) -> None:
    edit = f"{read_project()['urls']['Repository']}/edit/main/"
    sources: dict[str, str] = {}
    for page in site.pages:
        links = re.findall(r'<a href="([^"]+)" rel="edit"', page.read_text("utf-8"))
        assert len(links) <= 1, page
        if links:
            sources[page.parent.relative_to(site.folder).as_posix()] = links[0].removeprefix(edit)
    assert [path for path in sources.values() if not (ROOT / path).is_file()] == []
    assert sources["."] == "docs/index.md"
    assert sources["changelog"] == "CHANGELOG.md"
    assert sources["reference/command-run"] == "fibonacci/cli/parser.py"
    assert [path for path in sources if path.startswith(f"{API}/")] == []
    written = [page.path for page in listed_pages(read_navigation(ROOT / "docs"))]
    assert [path for path in written if html_of(path).removesuffix("/index.html") not in {*sources, "index.html"}] == []


def test_addresses_in_the_package_and_the_readme_are_pages(site: BuiltSite) -> None:
    address = re.compile(re.escape(read_project()["urls"]["Documentation"]) + r"/([\w/.#-]*[\w/])")
    files = [ROOT / "README.md", *(path for kind in ("py", "md") for path in (ROOT / "fibonacci").rglob(f"*.{kind}"))]
    linked = {(path, link) for path in files for link in address.findall(path.read_text("utf-8"))}
    assert [each for each in linked if not site.resolves(site.folder / "index.html", each[1])] == []


def test_the_contract_is_served_as_it_is(site: BuiltSite) -> None:
    assert (site.folder / "openapi.yaml").read_bytes() == (ROOT / "docs" / "openapi.yaml").read_bytes()


def test_the_list_for_agents_links_every_page_with_a_sentence(site: BuiltSite) -> None:
    text = (site.folder / "llms.txt").read_text("utf-8")
    address = f"{read_project()['urls']['Documentation']}/"
    items = re.findall(rf"^- \[[^\]]+\]\({re.escape(address)}([^)]+)\): \S", text, re.MULTILINE)
    pages = described_pages(site)
    assert sorted(map(html_of, items)) == sorted(path.relative_to(site.folder).as_posix() for path in pages)
    assert [path for path in items if not (site.folder / path).is_file()] == []


def test_every_public_name_and_call_has_an_entry_that_other_projects_can_link(site: BuiltSite) -> None:
    head, _, body = (site.folder / "objects.inv").read_bytes().partition(b"using zlib.\n")
    assert head.startswith(b"# Sphinx inventory version 2\n# Project: fibonacci-sdk\n")
    lines = [line.split() for line in zlib.decompress(body).decode().splitlines()]
    places = {name: place.replace("$", name) for name, _, _, place, *_ in lines}
    assert places["fibonacci.Fibonacci"] == f"{API}/client/#fibonacci.Fibonacci"
    assert [name for name, place in places.items() if not site.resolves(site.folder / "index.html", place)] == []
    names: dict[str, set[str]] = {}
    for name, target in public_objects(ROOT).items():
        names.setdefault(target.path, set()).add(name)
    assert [path for path, each in names.items() if not each & places.keys()] == []
    expected = [*calls(Fibonacci, "fibonacci.Fibonacci"), *calls(AsyncFibonacci, "fibonacci.AsyncFibonacci")]
    assert "fibonacci.AsyncFibonacci.organizations.tool_policies.list" in expected
    assert [name for name in expected if name not in places] == []


def test_an_entry_of_a_call_has_its_types_its_errors_and_its_example(site: BuiltSite) -> None:
    text = (site.folder / API / "client.workflows" / "index.html").read_text("utf-8")
    entry = text[text.index('id="fibonacci.Fibonacci.workflows.get"') :].partition("</details>")[0]
    for part in (
        'href="../fibonacci.models/#fibonacci.models.Workflow"',
        'href="../fibonacci.errors/#fibonacci.errors.NotFoundError"',
        "If the workflow doesn't exist.",
        '<span class="k">assert</span>',
    ):
        assert part in entry
    assert "fibonacci._sync" not in re.sub(r'title="[^"]*"', "", entry)


def test_the_site_is_at_the_root_and_in_the_folder_of_its_version(site: BuiltSite) -> None:
    root = site.folder.parent
    assert json.loads((root / "versions.json").read_text("utf-8")) == [
        {"version": read_version(), "title": read_version(), "aliases": ["latest"]}
    ]
    assert site.folder.name == read_version()
    assert (root / "index.html").read_bytes() == (site.folder / "index.html").read_bytes()


def test_a_link_that_leads_nowhere_stops_the_build(tmp_path: Path, site: BuiltSite) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text("# Home\n\n[Nowhere](no-such-page.md)\n")
    (tmp_path / "mkdocs.yml").write_text("site_name: Site\n")
    with pytest.raises(SiteError, match=r"(?s)page does not exist.*no-such-page\.md.*1 issue found$"):
        run_zensical(tmp_path)
