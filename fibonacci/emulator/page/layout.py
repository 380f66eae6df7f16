"""What every page shows around its content: the head, the navigation, the clock, and what the last action did."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fibonacci.emulator.engine.records import WAITING
from fibonacci.emulator.page.components import moment
from fibonacci.emulator.page.context import Backend, PageContent, ViewContext
from fibonacci.emulator.page.html import Content, HTMLElement, h
from fibonacci.emulator.page.sign_in import HOME, SIGN_OUT, Flash

_GROUPS: Final[Mapping[str, Mapping[str, str]]] = {
    "Work": {
        "Overview": HOME,
        "Runs": "/ui/runs",
        "Approvals": "/ui/approvals",
        "Workflows": "/ui/workflows",
        "Registry": "/ui/registry",
    },
    "Organization": {
        "Governance": "/ui/governance",
        "Audit log": "/ui/audit",
        "Keys": "/ui/keys",
        "Limits": "/ui/limits",
        "Memory": "/ui/memory",
        "Tools": "/ui/tools",
    },
    "Emulator": {
        "Requests": "/ui/requests",
        "Warnings": "/ui/warnings",
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


def signed_in(page: PageContent, context: ViewContext, flash: Flash | None) -> HTMLElement:
    """Return a complete page."""
    main = h.main(
        h.h1(page.title),
        page.content,
        id="main",
        tabindex=-1,
        data_refresh=_interval(page) if page.is_live and context.full is None else None,
    )
    header = h.header(
        h.a(_PRODUCT, href=HOME, class_="brand"),
        h.p(
            h.span("Clock ", class_="soft"),
            moment(context.backend.app.clock.now()),
            h.span(" UTC", class_="soft"),
            id="now",
        ),
        h.p("", id="connection", role="status", data_static=True),
        h.button("Pause", type="button", id="pause", aria_pressed="false", hidden=True, data_static=True),
        h.button(
            "Shortcuts", type="button", id="show-shortcuts", aria_haspopup="dialog", hidden=True, data_static=True
        ),
        h.form(h.button("Sign out"), method="post", action=SIGN_OUT),
    )
    # With the address, so that somebody who has two emulators open can tell their tabs apart.
    title = f"{page.title} · {_PRODUCT} {context.address}".strip()
    return _html(title, header, _navigation(page, context.backend), _flash(flash), [main, _shortcuts()])


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


def _interval(page: PageContent) -> int:
    return REFRESH_MS * (_SETTLED if page.is_settled else 1)


def alone(title: str, content: Content) -> HTMLElement:
    """Return a page for somebody who isn't signed in."""
    return _html(
        f"{title} · {_PRODUCT}",
        h.header(h.span(_PRODUCT, class_="brand")),
        None,
        None,
        h.main(content, id="main", tabindex=-1),
    )


def failure(message: str) -> HTMLElement:
    """Return the message of a page that can't be shown."""
    return h.p(message, class_="flash error", role="alert")


def _html(title: str, header: HTMLElement, navigation: Content, flash: Content, main: Content) -> HTMLElement:
    return h.html(
        h.head(
            h.meta(charset="utf-8"),
            h.title(title),
            h.meta(name="viewport", content="width=device-width, initial-scale=1"),
            h.meta(name="color-scheme", content="light dark"),
            h.link(rel="icon", href="/ui/static/icon.svg"),
            h.link(rel="stylesheet", href="/ui/static/page.css"),
            h.script(src="/ui/static/page.js", defer=True),
            h.script(src="/ui/static/diagram.js", defer=True),
            h.script(src="/ui/static/keyboard.js", defer=True),
        ),
        h.body(
            h.a("Skip to the content", href="#main", class_="skip"),
            header,
            navigation,
            h.div(flash, id="flash"),
            main,
            class_=None if navigation else "alone",
        ),
        lang="en",
    )


def _navigation(page: PageContent, backend: Backend) -> HTMLElement:
    counts = _counts(backend)
    groups: list[Content] = []
    for group, sections in _GROUPS.items():
        links = [
            h.a(
                name,
                _badge(name, counts.get(name, 0)),
                href=target,
                aria_current="page" if name == page.section else None,
            )
            for name, target in sections.items()
        ]
        title = f"group-{group.lower()}"
        groups += [h.p(group, id=title, class_="label"), h.ul(list(map(h.li, links)), aria_labelledby=title)]
    return h.nav(h.div(groups), id="sections", aria_label="Sections")


def _badge(section: str, count: int) -> Content:
    if not count:
        return None
    return [" ", h.span(f"{count:,}", h.span(_COUNTED[section], class_="hidden"), class_="badge")]


_COUNTED: Final = {"Runs": " running", "Approvals": " waiting", "Failures": " injected", "Warnings": " found"}


def _counts(backend: Backend) -> dict[str, int]:
    with backend.reading() as store:
        running = store.executions.count("running")
        waiting = store.executions.count(WAITING)
    failures = sum(failure.remaining != 0 for failure in backend.app.faults.all())
    return {
        "Runs": running,
        "Approvals": waiting,
        "Failures": failures,
        "Warnings": len(backend.app.warnings.all()),
    }


def _flash(flash: Flash | None) -> Content:
    if flash is None:
        return None
    role, kind = ("alert", "flash error") if flash.is_error else ("status", "flash done")
    return h.p(flash.message, class_=kind, role=role)
