"""What the emulator has recorded: requests and warnings."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from itertools import islice
from typing import Final

from fibonacci.emulator.app.request_log import CREDENTIAL_HEADERS, LogEntry
from fibonacci.emulator.engine.emulator_warnings import EmulatorWarning
from fibonacci.emulator.http.messages import not_found
from fibonacci.emulator.page.components import facts, form, moment, pager, raw_block, table, text_block, with_query
from fibonacci.emulator.page.context import PER_PAGE, Done, PageContent, ViewContext
from fibonacci.emulator.page.html import Content, HTMLElement, h, icon


def show_requests(context: ViewContext) -> PageContent:
    """Show the requests, the newest first."""
    only_errors = context.query.choice("only", ("errors",), default="") == "errors"
    entries = context.backend.app.log.newest(context.number_cursor)
    chosen = (entry for entry in entries if not only_errors or entry.status is None or entry.status >= 400)
    shown = list(islice(chosen, PER_PAGE + 1))
    more = shown[PER_PAGE - 1].number if len(shown) > PER_PAGE else None
    clear = form(context, "/ui/requests/clear", h.button("Clear the log"), data_static="true") if entries else None
    filters = [
        h.li(
            h.a("All", href=with_query(context, only=None, cursor=None), aria_current=None if only_errors else "true")
        ),
        h.li(
            h.a(
                "Failed",
                href=with_query(context, only="errors", cursor=None),
                aria_current="true" if only_errors else None,
            )
        ),
    ]
    return PageContent(
        "Requests",
        [
            h.div(h.nav(h.ul(filters), class_="filters", aria_label="Responses"), clear, class_="line"),
            requests_table(context, shown[:PER_PAGE]),
            pager(context, more),
        ],
        "Requests",
    )


def show_request(context: ViewContext) -> PageContent:
    """Show one request."""
    number = context.path["number"]
    is_number = number.isascii() and number.isdecimal() and len(number) < 18
    entry = context.backend.app.log.find(int(number)) if is_number else None
    if entry is None:
        raise not_found("number", "request (it may have been dropped)", number)
    path, _, query = entry.request.target.partition("?")
    return PageContent(
        f"{entry.request.method} {path}",
        [
            h.p(_outcome(entry.status), class_="line"),
            facts(
                ("Time", moment(entry.time, exact=True)),
                ("Query", h.code(query) if query else None),
                ("Number", entry.number),
            ),
            h.section(h.h2("Request", id="request"), _headers(entry), _body(context, entry), aria_labelledby="request"),
            h.section(h.h2("Response", id="response"), _response(context, entry), aria_labelledby="response"),
        ],
        "Requests",
        is_live=False,
    )


def clear_requests(context: ViewContext) -> Done:
    """Forget all requests."""
    context.backend.send("DELETE", "/_emulator/requests")
    return Done("/ui/requests", "The request log is empty.")


_FIRST: Final = """curl -sS {address}/v1/tools -H "Authorization: Bearer $FIBONACCI_API_KEY"
"""


def requests_table(context: ViewContext, entries: Sequence[LogEntry]) -> HTMLElement:
    """Return a table of requests."""
    first = _FIRST.replace("{address}", f"http://{context.address}")
    empty = [
        h.p("No requests here. Those from clients appear as they arrive, but not those from this page. For example:"),
        text_block("first-request", "A request · curl", first, context),
    ]
    return table("Requests", ("Response", "Method", "Path", "Time"), [_request_row(entry) for entry in entries], empty)


def _request_row(entry: LogEntry) -> HTMLElement:
    target = entry.request.target
    return h.tr(
        h.td(_outcome(entry.status)),
        h.td(h.code(entry.request.method)),
        h.td(h.a(h.code(target), href=f"/ui/requests/{entry.number}"), class_="name wide"),
        h.td(moment(entry.time)),
        id=f"request-{entry.number}",
    )


def _outcome(status: int | None) -> HTMLElement:
    """Return the status of a response: color, shape and words."""
    if status is None:
        return h.span(icon("slash"), "no response", class_="state failed")
    phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else ""
    shape, kind = (
        ("check", "completed") if status < 400 else ("triangle", "cancelled") if status < 500 else ("cross", "failed")
    )
    return h.span(icon(shape), f"{status} {phrase}", class_=f"state {kind}")


def _headers(entry: LogEntry) -> HTMLElement:
    shown = [(name, value) for name, value in entry.request.headers.items() if name not in CREDENTIAL_HEADERS]
    return h.details(
        h.summary(f"{len(shown)} headers"),
        h.pre("\n".join(f"{name}: {value}" for name, value in shown), tabindex=0, role="group", aria_label="Headers"),
        id="headers",
    )


def _body(context: ViewContext, entry: LogEntry) -> Content:
    if not entry.request.body:
        return h.p("No body.", class_="note")
    return raw_block("body", "Body", entry.request.body, context)


def _response(context: ViewContext, entry: LogEntry) -> Content:
    if entry.status is None:
        return h.p("An injected failure suppressed the response.", class_="note")
    if entry.response is None:
        return h.p("The body is gone, because only the newest bodies are kept.", class_="note")
    return (
        raw_block("response-body", "Body", entry.response, context)
        if entry.response
        else h.p("No body.", class_="note")
    )


def show_warnings(context: ViewContext) -> PageContent:
    """Show the warnings, the newest first."""
    warnings = context.backend.app.warnings.all()
    end = len(warnings) if context.number_cursor is None else min(context.number_cursor, len(warnings))
    first = max(end - PER_PAGE, 0)
    rows = [_warning_row(number, warnings[number]) for number in reversed(range(first, end))]
    strict = context.backend.app.warnings.strict
    rule = "This emulator is strict, so it refuses them." if strict else "A strict emulator refuses them."
    empty = h.p("No warnings: the emulator does everything that it was asked to do.")
    return PageContent(
        "Warnings",
        [
            h.p("Things in workflows and requests that are unknown, not supported, or without effect. ", rule),
            table("Warnings", ("Code", "Place", "Message"), rows, empty),
            pager(context, first or None),
        ],
        "Warnings",
    )


def _warning_row(number: int, warning: EmulatorWarning) -> HTMLElement:
    return h.tr(
        h.td(h.code(warning.code)),
        h.td(h.code(warning.location), class_="name"),
        h.td(warning.message, class_="name"),
        id=f"warning-{number}",
    )
