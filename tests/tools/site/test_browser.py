"""The site in a browser without a network: search, colors, versions, keyboard, and its width on a phone."""

from __future__ import annotations

import re
import shutil
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

PHONE = ViewportSize(width=400, height=800)
API_PAGE = "reference/api/client.workflows/"
DESK = ViewportSize(width=1400, height=900)


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
    with browser.new_context(viewport=DESK, color_scheme="light") as context:
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


# The content of a page in place of that which is shown, with its pictures: the styles, which are the same, stay.
SHOW = """
async address => {
  const content = new DOMParser().parseFromString(await (await fetch(address)).text(), "text/html");
  history.replaceState(null, "", address);
  document.body.replaceWith(content.body);
  const pictures = [...document.images].filter(each => each.loading !== "lazy");
  await Promise.allSettled(pictures.map(each => each.decode()));
}
"""


CHOOSE_ASYNC = """
() => {
  const tabs = document.querySelectorAll(".tabbed-set > input:nth-of-type(2)");
  for (const each of tabs) each.checked = true;
  return tabs.length;
}
"""


def test_no_page_is_wider_than_a_phone(browser: Browser, site: BuiltSite, address: str) -> None:
    # Without their scripts, and without loading each page, which take most of the time: the next test does both.
    with browser.new_context(java_script_enabled=False, viewport=PHONE) as context:
        page = context.new_page()
        page.goto(f"{address}/")
        wide: list[str] = []
        for path in site.pages:
            page.evaluate(SHOW, f"{address}/{path.relative_to(site.folder).as_posix()}")
            wide += too_wide(page, PHONE)
            if page.evaluate(CHOOSE_ASYNC):
                wide += too_wide(page, PHONE)
    assert wide == []


@pytest.mark.parametrize("path", ["", "how-to/", "reference/errors/", "reference/api/", "changelog/", API_PAGE])
def test_a_page_of_each_kind_with_its_scripts(visitor: Visitor, path: str) -> None:
    visitor.open(path)
    assert too_wide(visitor.page, PHONE, DESK) == []


def test_long_lines_of_code_scroll_within_their_block(visitor: Visitor) -> None:
    visitor.page.set_viewport_size(PHONE)
    visitor.open(API_PAGE)
    is_scrolled = "block => block.scrollWidth > block.clientWidth && getComputedStyle(block).overflowX === 'auto'"
    blocks = visitor.page.locator("pre > code").evaluate_all(f"blocks => blocks.filter({is_scrolled}).length")
    assert blocks > 0


def test_who_chooses_async_code_sees_it_on_every_page(visitor: Visitor) -> None:
    page = visitor.page
    page.set_viewport_size(PHONE)
    visitor.open("how-to/run-a-workflow/")
    expect(page.get_by_text("AsyncFibonacci()")).to_be_hidden()
    page.get_by_text("Async", exact=True).first.click()
    expect(page.get_by_text("AsyncFibonacci()")).to_be_visible()
    expect(page.get_by_text("execution = await client.executions.wait")).to_be_visible()  # of another block
    assert too_wide(page, PHONE) == []
    visitor.open("how-to/read-long-lists/")
    expect(page.get_by_text("async for workflow in client.workflows.list()")).to_be_visible()


@pytest.mark.parametrize(
    ("words", "title", "place"),
    [
        ("idempotency", "Idempotency: ", re.compile("/how-to/start-a-run-at-most-once/")),
        ("workflows.run", "client.workflows.run", re.compile(r"/client\.workflows/.*#fibonacci\..*\.workflows\.run$")),
        ("AsyncFibonacci", "AsyncFibonacci", re.compile(r"/reference/api/async/.*#fibonacci\.AsyncFibonacci$")),
    ],
)
def test_search_finds_and_opens(visitor: Visitor, words: str, title: str, place: re.Pattern[str]) -> None:
    visitor.open("")
    open_search(visitor.page, "Control+k")
    visitor.page.locator("input:focus").fill(words)
    visitor.page.locator("a", has=visitor.page.locator("h2", has_text=title)).first.click()
    expect(visitor.page).to_have_url(place)


QUERIES = {
    "how-to/quickstart/": ["quickstart", "getting started", "install"],
    "how-to/authenticate/": ["authentication", "api key", "token", "401"],
    "how-to/use-async/": ["async", "asyncio", "parallel"],
    "how-to/read-long-lists/": ["pagination", "next page", "cursor"],
    "how-to/run-a-workflow/": ["wait", "poll", "progress"],
    "how-to/run-thousands-of-rows/": ["batch", "bulk", "csv"],
    "how-to/continue-after-a-crash/": ["resume", "journal"],
    "how-to/cancel-runs/": ["cancel", "stop"],
    "how-to/start-a-run-at-most-once/": ["idempotency", "duplicate runs"],
    "how-to/set-timeouts-and-retries/": ["retry", "retries", "timeout", "backoff"],
    "how-to/handle-errors/": ["error handling", "exceptions"],
    "how-to/look-at-rate-limits/": ["rate limit", "429"],
    "how-to/share-a-rate-limit/": ["multiprocessing", "redis"],
    "how-to/use-a-proxy/": ["proxy"],
    "how-to/use-your-own-certificates/": ["ssl", "certificate"],
    "how-to/use-your-own-http-client/": ["httpx"],
    "tutorial/approvals/": ["human approval", "human in the loop", "approve"],
    "how-to/use-memory/": ["memory"],
    "how-to/roll-back-a-version/": ["rollback"],
    "how-to/write-workflows-as-code/": ["builder"],
    "how-to/write-definition-files/": ["yaml"],
    "how-to/deploy-workflows/": ["deploy"],
    "how-to/environments/": ["staging"],
    "how-to/secrets-and-settings-that-differ/": ["secrets"],
    "how-to/check-workflows-in-ci/": ["ci", "github actions"],
    "how-to/test-with-pytest/": ["testing", "pytest"],
    "how-to/mock-without-the-emulator/": ["mock"],
    "how-to/run-the-platform-locally/": ["emulator", "docker", "offline"],
    "how-to/use-the-command-line/": ["cli"],
    "how-to/use-it-in-notebooks/": ["notebook", "jupyter"],
    "how-to/make-data-frames/": ["pandas"],
    "how-to/give-workflows-to-agents/": ["mcp"],
    "how-to/write-logs/": ["logging"],
    "how-to/trace-and-measure/": ["opentelemetry"],
    "how-to/coming-from-0.2.4/": ["migration", "upgrade"],
    "reference/not-on-the-platform/": ["webhook", "stream", "cost", "schedule"],
    "reference/environment-variables/": ["env"],
}
"""What people type, by the page that has to be among the first three."""


def test_the_page_that_people_look_for_is_among_the_first_three(visitor: Visitor) -> None:
    visitor.open("")
    open_search(visitor.page, "Control+k")
    field, results = visitor.page.locator("input:focus"), visitor.page.locator("a", has=visitor.page.locator("h2"))
    missed: dict[str, list[str]] = {}
    for page, queries in QUERIES.items():
        for query in queries:
            field.fill("")
            expect(results).to_have_count(0)
            field.fill(query)
            expect(results.first).to_be_visible()
            first = results.evaluate_all("links => links.slice(0, 3).map(link => link.href)")
            paths = [link.partition(f"{visitor.address}/")[2].partition("?")[0] for link in first]
            if page not in paths:
                missed[query] = paths
    assert missed == {}
    assert sum(map(len, QUERIES.values())) >= 60


def test_a_slash_opens_the_search_and_escape_closes_it(visitor: Visitor) -> None:
    visitor.open("how-to/")
    open_search(visitor.page, "/")
    visitor.page.keyboard.press("Escape")
    expect(visitor.page.locator("input:focus")).to_have_count(0)


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
    shutil.copytree(site.folder.parent, tmp_path / "site")
    shutil.copytree(site.folder, tmp_path / "site" / newest)
    (tmp_path / "site" / "versions.json").write_text(versions_list([newest, read_version()]))
    with serving(tmp_path / "site") as address, browser.new_context() as context:
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
