"""What every page shows around its content: the head, the navigation, the clock, and what the last action did."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fibonacci.emulator.engine.records import WAITING
from fibonacci.emulator.page.components import moment
from fibonacci.emulator.page.context import Backend, PageContent, ViewContext
from fibonacci.emulator.page.html import Attribute, Content, HTMLElement, h
from fibonacci.emulator.page.sign_in import HOME, SIGN_OUT

_GROUPS: Final[Mapping[str, Mapping[str, str]]] = {
    "Work": {
        "Overview": HOME,
        "Runs": "/ui/runs",
        "Approvals": "/ui/approvals",
        "Workflows": "/ui/workflows",
        "Requests": "/ui/requests",
    },
    "Organization": {
        "Organization": "/ui/organization",
        "Governance": "/ui/governance",
        "Audit log": "/ui/audit",
    },
    "Emulator": {
        "Warnings": "/ui/warnings",
        "Scripts": "/ui/scripts",
        "Failures": "/ui/failures",
        "Clock": "/ui/clock",
    },
}

SECTIONS: Final = {name: target for sections in _GROUPS.values() for name, target in sections.items()}
"""The sections of the page, in the order of the navigation."""

REFRESH_MS: Final = 1_000
"""How often a page is read again, in milliseconds."""

_SETTLED: Final = 10
"""How many times less often a page is read again if only its surroundings change."""

_PRODUCT: Final = "Fibonacci emulator"


def counts_of(backend: Backend) -> Mapping[str, tuple[int, str]]:
    """Return what the navigation counts, by section, each with the words that are read out."""
    app = backend.app
    with backend.reading() as store:
        running = store.executions.count("running")
        waiting = store.executions.count(WAITING)
    return {
        "Runs": (running, " running"),
        "Approvals": (waiting, " waiting"),
        "Warnings": (len(app.environment.warnings.all()), " found"),
        "Scripts": (len(app.environment.scripts.unused), " with answers left"),
        "Failures": (sum(failure.remaining != 0 for failure in app.faults.all()), " injected"),
    }


def live_parts(
    page: PageContent, context: ViewContext, revision: str, counts: Mapping[str, tuple[int, str]]
) -> list[HTMLElement]:
    """Return what changes while a page is shown: the navigation, the clock, and the content."""
    interval = REFRESH_MS * (_SETTLED if page.is_settled else 1)
    main = h.main(
        h.h1(page.title),
        page.content() if callable(page.content) else page.content,
        id="main",
        tabindex=-1,
        data_refresh=interval if page.is_live and context.full is None else None,
        data_revision=revision,
    )
    soft = [h.span(text, class_="soft") for text in ("Clock ", " UTC")]
    now = h.p(soft[0], moment(context.backend.app.clock.now()), soft[1], id="now")
    return [_navigation(page, counts), now, main]


def title_of(page: PageContent, context: ViewContext) -> HTMLElement:
    """Return the title, with the address, so that somebody who has two emulators open can tell their tabs apart."""
    return h.title(f"{page.title} · {_PRODUCT} {context.address}".strip())


def signed_in(page: PageContent, context: ViewContext, parts: list[HTMLElement]) -> HTMLElement:
    """Return a complete page."""
    navigation, now, main = parts
    button: dict[str, Attribute] = {"type": "button", "hidden": True, "data_static": True}
    header = h.header(
        h.a(_PRODUCT, href=HOME, class_="brand"),
        now,
        h.p("", id="connection", role="status", data_static=True),
        h.button("Pause", id="pause", aria_pressed="false", **button),
        h.button("Shortcuts", id="show-shortcuts", aria_haspopup="dialog", **button),
        h.form(h.button("Sign out"), method="post", action=SIGN_OUT),
    )
    role, kind = ("alert", "flash error") if context.flash.is_error else ("status", "flash done")
    flash = h.p(context.flash.message, class_=kind, role=role) if context.flash.message else None
    return _html(title_of(page, context), header, navigation, flash, [main, _shortcuts()])


_SHORTCUTS: Final = {
    "/": "Search this list, or all runs",
    "j": "Go to the next row",
    "k": "Go to the previous row",
    "Enter": "Open the selected row",
    "?": "Show these shortcuts",
    "Esc": "Close the shortcuts, or leave a field",
}


def _shortcuts() -> HTMLElement:
    """Return the list of shortcuts, which stays closed until somebody asks for it."""
    return h.dialog(
        h.h2("Shortcuts", id="shortcuts-title"),
        h.dl([h.div(h.dt(h.kbd(key)), h.dd(text)) for key, text in _SHORTCUTS.items()]),
        h.p("Shortcuts don't work while you type or hold Ctrl, Alt or Meta.", class_="note"),
        h.div(
            h.input(type="checkbox", id="use-shortcuts", checked=True),
            h.label("Use single-key shortcuts", for_="use-shortcuts"),
            class_="check",
        ),
        h.button("Close", type="button"),
        id="shortcuts",
        aria_labelledby="shortcuts-title",
    )


def alone(title: str, content: Content) -> HTMLElement:
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
        [h.script(src=f"/ui/static/{name}.js", defer=True) for name in ("page", "diagram", "keyboard")],
    )
    skip = h.a("Skip to the content", href="#main", class_="skip")
    body = skip, header, navigation, h.div(flash, id="flash"), main
    return h.html(head, h.body(body, class_=None if navigation else "alone"), lang="en")


def _navigation(page: PageContent, counts: Mapping[str, tuple[int, str]]) -> HTMLElement:
    groups: list[Content] = []
    for group, sections in _GROUPS.items():
        links = list[HTMLElement]()
        for name, target in sections.items():
            count, words = counts.get(name, (0, ""))
            badge: Content = (
                [" ", h.span(f"{count:,}", h.span(words, class_="hidden"), class_="badge")] if count else None
            )
            links.append(h.li(h.a(name, badge, href=target, aria_current="page" if name == page.section else None)))
        title = f"group-{group.lower()}"
        groups += [h.p(group, id=title, class_="label"), h.ul(links, aria_labelledby=title)]
    return h.nav(h.div(groups), id="sections", aria_label="Sections")
