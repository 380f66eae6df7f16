"""What every page shows around its content: the head, the navigation, the clock, and what the last action did."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fibonacci.emulator.engine.records import WAITING
from fibonacci.emulator.page.components import moment
from fibonacci.emulator.page.context import PageContent, ViewContext
from fibonacci.emulator.page.html import Content, HTMLElement, h
from fibonacci.emulator.page.sign_in import HOME, SIGN_OUT

SECTIONS: Final[Mapping[str, str]] = {
    "Overview": HOME,
    "Runs": "/ui/runs",
    "Approvals": "/ui/approvals",
    "Workflows": "/ui/workflows",
    "Requests": "/ui/requests",
    "Organization": "/ui/organization",
    "Governance": "/ui/governance",
    "Audit log": "/ui/audit",
    "Warnings": "/ui/warnings",
    "Scripts": "/ui/scripts",
    "Failures": "/ui/failures",
    "Clock": "/ui/clock",
}
"""The sections of the page, in the order of the navigation."""

REFRESH_MS: Final = 1_000
"""How often a page is refreshed, in milliseconds."""

_PRODUCT: Final = "Fibonacci emulator"


def live_parts(page: PageContent, context: ViewContext) -> list[HTMLElement]:
    """Return what changes while a page is shown: its title, the navigation and the content."""
    main = h.main(
        h.h1(page.title),
        page.content,
        id="main",
        tabindex=-1,
        data_refresh=REFRESH_MS if page.section else None,
    )
    # With the address, so that somebody who has two emulators open can tell their tabs apart.
    title = h.title(f"{page.title} · {_PRODUCT} {context.address}".strip())
    return [title, _navigation(page.section, context), main]


def signed_in(page: PageContent, context: ViewContext) -> HTMLElement:
    """Return a complete page."""
    title, navigation, main = live_parts(page, context)
    soft = [h.span(text, class_="soft") for text in ("Clock ", " UTC")]
    header = h.header(
        h.a(_PRODUCT, href=HOME, class_="brand"),
        h.p(soft[0], moment(context.app.clock.now()), soft[1], id="now"),
        h.p("", id="connection", role="status"),
        h.button("Pause", id="pause", aria_pressed="false", type="button", hidden=True),
        h.form(h.button("Sign out"), method="post", action=SIGN_OUT),
    )
    role, kind = ("alert", "flash error") if context.flash.is_error else ("status", "flash done")
    flash = h.p(context.flash.message, class_=kind, role=role) if context.flash.message else None
    return _html(title, header, navigation, flash, main)


def signed_out(title: str, content: Content) -> HTMLElement:
    """Return a page for somebody who isn't signed in."""
    header = h.header(h.span(_PRODUCT, class_="brand"))
    return _html(h.title(f"{title} · {_PRODUCT}"), header, None, None, h.main(content, id="main", tabindex=-1))


def _html(title: HTMLElement, header: HTMLElement, navigation: Content, flash: Content, main: Content) -> HTMLElement:
    head = h.head(
        h.meta(charset="utf-8"),
        title,
        h.meta(name="viewport", content="width=device-width, initial-scale=1"),
        h.meta(name="color-scheme", content="light dark"),
        h.link(rel="icon", href="/ui/static/icon.svg"),
        h.link(rel="stylesheet", href="/ui/static/page.css"),
        [h.script(src=f"/ui/static/{name}.js", defer=True) for name in ("page", "diagram")],
    )
    skip = h.a("Skip to the content", href="#main", class_="skip")
    body = skip, header, navigation, h.div(flash, id="flash"), main
    return h.html(head, h.body(body, class_=None if navigation else "alone"), lang="en")


def _navigation(section: str, context: ViewContext) -> HTMLElement:
    app = context.app
    with context.reading() as store:
        running, waiting = (store.executions.count(status) for status in ("running", WAITING))
    counts = {
        "Runs": (running, " running"),
        "Approvals": (waiting, " waiting"),
        "Warnings": (len(app.environment.warnings.all()), " found"),
        "Scripts": (len(app.environment.scripts.unused), " with answers left"),
        "Failures": (sum(failure.remaining != 0 for failure in app.faults.all()), " injected"),
    }
    links = list[HTMLElement]()
    for name, target in SECTIONS.items():
        count, words = counts.get(name, (0, ""))
        badge: Content = [" ", h.span(f"{count:,}", h.span(words, class_="hidden"), class_="badge")] if count else None
        links.append(h.li(h.a(name, badge, href=target, aria_current="page" if name == section else None)))
    return h.nav(h.ul(links), id="sections", aria_label="Sections")
