"""The site in a browser without a network: search, colors, versions, keyboard, and its width on a phone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Request, ViewportSize, expect

from tests.kit.chromium import chromium
from tests.tools.releases.project import read_version
from tests.tools.site.checks import BuiltSite
from tests.tools.site.conftest import serving
from tests.tools.site.versions import versions_list

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("site")]

# As wide as a phone and a desk, but low: to draw what is in sight takes most of the time.
PHONE = ViewportSize(width=400, height=300)
DESK = ViewportSize(width=1400, height=300)
API_PAGE = "reference/api/client.workflows/"


@dataclass
class Visitor:
    """A browser's page, and what went wrong on it; the browser has no network, and requests to others are faults."""

    page: Page
    address: str
    faults: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        self.page.on("request", self._check)
        self.page.on("console", lambda message: self._note(message.type == "error", f"console: {message.text}"))
        self.page.on("pageerror", lambda error: self._note(True, f"script: {error}"))
        # What a page that is left was still loading is aborted.
        self.page.on("requestfailed", lambda it: self._note(it.failure != "net::ERR_ABORTED", f"failed: {it.url}"))

    def open(self, path: str) -> None:
        """Open a page of the site, and wait until its scripts have run."""
        self.page.goto(f"{self.address}/{path}")
        expect(self.page.locator(".md-version")).to_be_visible()  # the last part that scripts add

    def _note(self, is_fault: bool, text: str) -> None:
        if is_fault:
            self.faults.append(f"{self.page.url}: {text}")

    def _check(self, request: Request) -> None:
        is_own = request.url.startswith((f"{self.address}/", "data:", "blob:"))
        self._note(not is_own, f"asks elsewhere: {request.url}")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def address(site: BuiltSite) -> Iterator[str]:
    with serving(site.folder.parent) as address:
        yield address


@pytest.fixture
def visitor(browser: Browser, address: str) -> Iterator[Visitor]:
    """Return a visitor; the test fails if anything went wrong on a page or a request left the site."""
    with browser.new_context(viewport=PHONE, color_scheme="light") as context:
        visitor = Visitor(context.new_page(), address)
        yield visitor
        assert visitor.faults == []


def is_dark(page: Page) -> bool:
    return page.locator("body").get_attribute("data-md-color-scheme") == "slate"


def open_search(page: Page, key: str) -> None:
    """Press a key until the search is open: when a page's scripts begin to listen cannot be seen on it.

    A second press closes a search that opens late, so each one is given longer.
    """
    field = page.locator("input:focus")
    for milliseconds in (1_000, 2_000, 4_000, 8_000, 16_000):
        page.keyboard.press(key)
        with suppress(AssertionError):
            expect(field).to_be_editable(timeout=milliseconds)
            return
    expect(field).to_be_editable()


def too_wide(page: Page, *sizes: ViewportSize) -> list[str]:
    """Return a line for each size of a window in which a page is wider than the window."""
    found: list[str] = []
    for size in sizes:
        if page.viewport_size != size:
            page.set_viewport_size(size)
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > size["width"]:
            found.append(f"{page.url} is {width} px wide at {size['width']} px")
    return found


# The article of each page in place of that which is shown, with its pictures: the
# styles, which are the same, stay. Those that are wider than the window are returned.
FIND_WIDE = """
async addresses => {
  document.querySelector("link[rel=icon]").remove(); // it would be asked for at each address
  const wide = [];
  for (const address of addresses) {
    const content = new DOMParser().parseFromString(await (await fetch(address)).text(), "text/html");
    history.replaceState(null, "", address);
    document.querySelector("article").replaceWith(content.querySelector("article"));
    const pictures = [...document.images].filter(each => each.loading !== "lazy");
    await Promise.allSettled(pictures.map(each => each.decode()));
    if (document.documentElement.scrollWidth > innerWidth) wide.push(address);
  }
  return wide;
}
"""


def test_no_page_is_wider_than_a_phone(browser: Browser, site: BuiltSite, address: str) -> None:
    # Without their scripts, and without loading each page, which take most of the time: the next test does both.
    with browser.new_context(java_script_enabled=False, viewport=PHONE) as context:
        page = context.new_page()
        page.goto(f"{address}/")
        pages = [f"{address}/{path.relative_to(site.folder).as_posix()}" for path in site.pages]
        assert page.evaluate(FIND_WIDE, pages) == []


def test_a_page_of_each_kind_with_its_scripts(visitor: Visitor) -> None:
    for path in ("", "how-to/", "reference/errors/", "reference/api/", "changelog/", API_PAGE):
        visitor.open(path)
        assert too_wide(visitor.page, DESK, PHONE) == []
    is_scrolled = "block => block.scrollWidth > block.clientWidth && getComputedStyle(block).overflowX === 'auto'"
    blocks = visitor.page.locator("pre > code").evaluate_all(f"blocks => blocks.filter({is_scrolled}).length")
    assert blocks > 0, "long lines of code scroll within their block"


FOUND = {
    "idempotency": ("Idempotency: ", "/how-to/start-a-run-at-most-once/"),
    "workflows.run": ("fibonacci.Fibonacci.workflows.run", r"/client\.workflows/.*#fibonacci\.Fibonacci\.workflows\."),
    "AsyncFibonacci": ("AsyncFibonacci", "/reference/api/async/"),
}
"""What a reader types, the title of a result, and where it leads."""


def test_search_finds_and_opens(visitor: Visitor) -> None:
    page = visitor.page
    visitor.open("")
    open_search(page, "/")
    page.keyboard.press("Escape")
    expect(page.locator("input:focus")).to_have_count(0)
    for words, (title, place) in FOUND.items():
        open_search(page, "Control+k")
        page.locator("input:focus").fill(words)
        page.locator("a", has=page.locator("h2", has_text=title)).first.click()
        expect(page).to_have_url(re.compile(place))


QUERIES = {
    "how-to/quickstart/": "install",
    "how-to/authenticate/": "401",
    "how-to/use-async/": "async",
    "how-to/read-long-lists/": "limit",
    "how-to/run-a-workflow/": "start",
    "how-to/run-thousands-of-rows/": "csv",
    "how-to/cancel-runs/": "stop",
    "how-to/set-timeouts-and-retries/": "timeout",
    "how-to/rate-limits/": "rate limit",
    "tutorial/approvals/": "human in the loop",
    "how-to/environments/": "staging",
    "how-to/check-workflows-in-ci/": "ci",
    "how-to/test-with-pytest/": "test",
    "how-to/mock-without-the-emulator/": "mock",
    "reference/not-on-the-platform/": "cost",
    "reference/options/": "env",
}
"""What people type, by the page that has to be among the first three: words of `search_words.toml`, which has more.

Headings of other pages begin with some of them.
"""


def test_the_page_that_people_look_for_is_among_the_first_three(visitor: Visitor) -> None:
    visitor.open("")
    open_search(visitor.page, "Control+k")
    field, results = visitor.page.locator("input:focus"), visitor.page.locator("a", has=visitor.page.locator("h2"))
    missed: dict[str, list[str]] = {}
    for page, query in QUERIES.items():
        field.fill("")
        expect(results).to_have_count(0)
        field.fill(query)
        expect(results.first).to_be_visible()
        first = results.evaluate_all("links => links.slice(0, 3).map(link => link.href)")
        paths = [link.partition(f"{visitor.address}/")[2].partition("?")[0] for link in first]
        if page not in paths:
            missed[query] = paths
    assert missed == {}


def test_colors_follow_the_system_until_one_is_chosen_which_stays(visitor: Visitor) -> None:
    page = visitor.page
    visitor.open("")
    assert not is_dark(page)
    page.emulate_media(color_scheme="dark")
    expect(page.locator("body")).to_have_attribute("data-md-color-scheme", "slate")
    page.emulate_media(color_scheme="light")
    page.get_by_title("Switch to light mode").click()
    page.get_by_title("Switch to dark mode").click()
    expect(page.locator("body")).to_have_attribute("data-md-color-scheme", "slate")
    page.reload()
    expect(page.locator(".md-version")).to_be_visible()
    assert is_dark(page)
    visitor.open("reference/")
    assert is_dark(page)


def test_the_selector_leads_to_the_same_page_of_another_version(
    browser: Browser, site: BuiltSite, tmp_path: Path
) -> None:
    newest = f"{int(read_version().split('.')[0]) + 1}.0.0"
    (tmp_path / newest).symlink_to(site.folder)
    for each in site.folder.parent.iterdir():
        (tmp_path / each.name).symlink_to(each)
    (tmp_path / "versions.json").unlink()
    (tmp_path / "versions.json").write_text(versions_list([newest, read_version()]))
    with serving(tmp_path) as address, browser.new_context(viewport=DESK) as context:
        visitor = Visitor(context.new_page(), address)
        visitor.open(API_PAGE)
        expect(visitor.page.locator(".md-version__current")).to_have_text(newest)
        visitor.page.locator(".md-version").hover()
        visitor.page.locator(".md-version__link", has_text=read_version()).click()
        expect(visitor.page).to_have_url(f"{address}/{read_version()}/{API_PAGE}")
        expect(visitor.page.locator(".md-version__current")).to_have_text(read_version())
        expect(visitor.page.get_by_text("This is the documentation of an earlier version.")).to_be_visible()
        visitor.open(f"{newest}/{API_PAGE}")
        expect(visitor.page.get_by_text("This is the documentation of an earlier version.")).to_be_hidden()
        assert visitor.faults == []
