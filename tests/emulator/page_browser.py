"""The page in a browser: signing in, the Tab key, and what each page is measured by."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from fibonacci.emulator import Emulator
from fibonacci.emulator.page import layout
from tests.emulator.page_client import furnish

KEY = "fib-page&key%"

STRUCTURE = """
() => ({
  text: document.body.innerText,
  hacked: typeof hacked,
  injected: document.querySelectorAll("body script, img[onerror]").length,
})
"""

VIEWS: list[tuple[int, Literal["light", "dark"]]] = [(1400, "light"), (400, "dark")]

AXE: Final = "axe-core"
"""The rules of Deque for accessible pages, as npm has them. `.ci/package.json` has the version."""

_AXE_DIGEST: Final = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"
_FINDINGS: Final = """
async options => (await axe.run(document, options)).violations.flatMap(
  rule => rule.nodes.map(node => `${rule.id}: ${node.target} ${node.failureSummary}`.replace(/\\s+/g, " ")))
"""


def axe_script() -> str | None:
    """Return the script of axe-core; `None` where npm has not installed it in a folder of `NODE_PATH`."""
    for folder in filter(None, os.environ.get("NODE_PATH", "").split(os.pathsep)):
        file = Path(folder) / "axe-core" / "axe.min.js"
        if file.is_file():
            content = file.read_bytes()
            assert hashlib.sha256(content).hexdigest() == _AXE_DIGEST, f"{file} is not that of {AXE}"
            return content.decode("utf-8")
    return None


@dataclass
class Survey:
    """What was measured on one page."""

    address: str
    target: str
    structure: dict[str, Any] = field(default_factory=dict[str, Any])
    overflow: dict[str, int] = field(default_factory=dict[str, int])
    background: dict[str, str] = field(default_factory=dict[str, str])
    findings: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    problems: list[str] = field(default_factory=list[str])
    origins: set[str] = field(default_factory=set[str])


def measure(page: Page, survey: Survey, axe: str | None) -> None:
    page.goto(survey.address + survey.target)
    page.evaluate("document.querySelectorAll('details').forEach(element => element.open = true)")
    survey.structure |= page.evaluate(STRUCTURE)
    for width, scheme in VIEWS:
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=scheme)
        survey.overflow[scheme] = max(0, page.evaluate("document.documentElement.scrollWidth") - width)
        survey.background[scheme] = page.evaluate("getComputedStyle(document.body).backgroundColor")
        if axe is not None:
            rules = ["color-contrast"] if survey.findings else None  # few rules depend on the theme
            page.evaluate(axe)
            survey.findings[scheme] = page.evaluate(_FINDINGS, {} if rules is None else {"runOnly": rules})


def sign_in(page: Page, address: str) -> None:
    page.goto(f"{address}/#key=fib-page%26key%25")
    expect(page.locator("#sections")).to_be_visible()


def focus_on(page: Page, selector: str) -> None:
    """Reach an element with the Tab key alone."""
    for _ in range(100):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    pytest.fail(f"Tab does not reach {selector}")


def survey_of(browser: Browser, every: int) -> list[Survey]:
    """Measure every page, or every third, filled with hostile texts, in each width and scheme."""
    with Emulator(api_key=KEY, allow_unused=True) as emulator:
        address = emulator.base_url.removesuffix("/v1")
        found = [Survey(address, target) for target in ("/ui/runs", *furnish(emulator))[::every]]
        context = browser.new_context()
        page = context.new_page()
        page.on("console", lambda message: found[0].problems.append(message.text))
        page.on("pageerror", lambda error: found[0].problems.append(str(error)))
        page.on("dialog", lambda dialog: found[0].problems.append(dialog.message))
        page.on("request", lambda request: found[0].origins.add("/".join(request.url.split("/")[:3])))
        axe = axe_script()
        measure(page, found[0], axe)
        sign_in(page, address)
        for each in found[1:]:
            measure(page, each, axe)
        page.wait_for_timeout(1.2 * layout.REFRESH_MS)  # a refresh inserts the texts by script
        found[-1].structure |= page.evaluate(STRUCTURE)
        context.close()
    return found
