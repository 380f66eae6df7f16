"""What the emulator has recorded: requests and warnings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from http import HTTPStatus
from itertools import islice
from typing import Final

from fibonacci.emulator.http.messages import not_found
from fibonacci.emulator.http.router import RoutePattern
from fibonacci.emulator.page.components import (
    NOTHING,
    changed,
    choices,
    duration,
    facts,
    field,
    form,
    json_block,
    moment,
    pager,
    section,
    table,
    text_block,
)
from fibonacci.emulator.page.context import PER_PAGE, Done, PageContent, ViewContext
from fibonacci.emulator.page.html import Content, HTMLElement, h, icon
from fibonacci.emulator.request_log import CREDENTIAL_HEADERS, LogEntry
from fibonacci.emulator.routes import ENDPOINTS
from fibonacci.emulator.state.json_encoding import parse_json

_STARTED: Final = re.compile(rb'"(?:execution_id|id)": ?"(exec_[^"]+)"')


def route_field(text: str, fault: str | None = None) -> Content:
    """Return the field for a route, with the known ones to choose from."""
    control = h.input(id="route", name="route", value=text, list="routes", autocomplete="off", spellcheck="false")
    routes = h.datalist([h.option(value=str(endpoint)) for endpoint in ENDPOINTS], id="routes")
    return field("Route", control, "A method and a path. Either can be *.", fault), routes


def show_requests(context: ViewContext) -> PageContent:
    """Show the requests, the newest first: all, or those that failed, to a route, or about a run."""
    log, route, run = context.backend.app.log, context.query.searched("route"), context.query.searched("run")
    only_errors = context.query.choice("only", ("errors",), default="") == "errors"
    entries, pattern, fault = log.newest(context.number_cursor), None, None
    try:
        pattern = RoutePattern(route or "*", log.router)
    except ValueError as error:
        entries, fault = [], str(error)
    about = (run or "").encode("utf-8", "replace")
    chosen = (
        entry
        for entry in entries
        if (not only_errors or entry.status is None or entry.status >= 400)
        and (route is None or (pattern is not None and pattern.matches(entry.request)))
        and (about in entry.request.target.encode("utf-8", "replace") or about in (entry.response or b""))
    )
    shown = list(islice(chosen, PER_PAGE + 1))
    more = shown[PER_PAGE - 1].number if len(shown) > PER_PAGE else None
    find = h.form(
        route_field(route or "", fault),
        h.button("Show"),
        h.a("All requests", href="/ui/requests") if route or run else None,
        action="/ui/requests",
        class_="inline",
        id="find",
        data_static="true",
    )
    of_run = h.p("Requests about the run ", h.a(h.code(run), href=f"/ui/runs/{run}"), ".") if run else None
    clear = form(context, "/ui/requests/clear", h.button("Clear the log")) if entries else None
    filters = choices(context, "Responses", "only", {"All": None, "Failed": "errors"})
    content = find, of_run, h.div(filters, clear, class_="line"), requests_table(context, shown[:PER_PAGE])
    return PageContent("Requests", [*content, pager(context, more)], "Requests")


def show_request(context: ViewContext) -> PageContent:
    """Show one request."""
    entry = context.backend.app.log.find(context.as_number)
    if entry is None:
        raise not_found("number", "request (it may have been dropped)", context.path["number"])
    path, _, query = entry.request.target.partition("?")
    shown = [(name, value) for name, value in entry.request.headers.items() if name not in CREDENTIAL_HEADERS]
    headers = "\n".join(f"{name}: {value}" for name, value in shown)
    gone = "The body is gone, because only the newest bodies are kept."
    return PageContent(
        f"{entry.request.method} {path}",
        [
            h.p(_outcome(entry.status), class_="line"),
            facts(
                ("Time", moment(entry.time, exact=True)),
                ("Duration", duration(entry.seconds * 1_000)),
                ("Run", _run_link(entry)),
                ("Query", h.code(query) if query else None),
                ("Number", entry.number),
            ),
            section(
                "Request",
                h.details(
                    h.summary(f"{len(shown)} headers"),
                    h.pre(headers, tabindex=0, role="group", aria_label="Headers"),
                    id="headers",
                ),
                _body("body", entry.request.body, context),
            ),
            section(
                "Response",
                h.p("An injected failure suppressed the response." if entry.status is None else gone, class_="note")
                if entry.response is None
                else _body("response-body", entry.response, context),
            ),
        ],
        "Requests",
        is_live=False,
    )


def clear_requests(context: ViewContext) -> Done:
    """Forget all requests."""
    return changed(context, "DELETE", "/_emulator/requests", None, "/ui/requests", "The request log is empty.")


_FIRST: Final = """curl -sS {address}/v1/tools -H "Authorization: Bearer $FIBONACCI_API_KEY"
"""


def requests_table(context: ViewContext, entries: Sequence[LogEntry]) -> HTMLElement:
    """Return a table of requests."""
    first = _FIRST.replace("{address}", f"http://{context.address}")
    empty = [
        h.p("No requests here. Those from clients appear as they arrive, but not those from this page. For example:"),
        text_block("first-request", "A request · curl", first, context),
    ]
    columns = {"Response": "", "Method": "", "Path": "name wide", "Run": "", "Duration": "number", "Time": ""}
    rows = [
        (
            f"request-{entry.number}",
            _outcome(entry.status),
            h.code(entry.request.method),
            h.a(h.code(entry.request.target), href=f"/ui/requests/{entry.number}"),
            _run_link(entry) or NOTHING,
            duration(entry.seconds * 1_000),
            moment(entry.time),
        )
        for entry in entries
    ]
    return table("Requests", columns, rows, empty)


def _run_link(entry: LogEntry) -> HTMLElement | None:
    """Return the link to the run that a request started."""
    path = entry.request.target.partition("?")[0]
    found = _STARTED.search(entry.response or b"") if path.endswith("/execute") else None
    run = None if found is None else found[1].decode("ascii", "replace")
    return None if run is None else h.a(h.code(run), href=f"/ui/runs/{run}")


def _outcome(status: int | None) -> HTMLElement:
    """Return the status of a response: color, shape and words."""
    if status is None:
        return h.span(icon("slash"), "no response", class_="state failed")
    phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else ""
    shape, kind = (
        ("check", "completed") if status < 400 else ("triangle", "cancelled") if status < 500 else ("cross", "failed")
    )
    return h.span(icon(shape), f"{status} {phrase}", class_=f"state {kind}")


def _body(name: str, raw: bytes, context: ViewContext) -> HTMLElement:
    """Return the body of a message, as JSON if it is JSON."""
    if not raw:
        return h.p("No body.", class_="note")
    try:
        return json_block(name, "Body", parse_json(raw), context)
    except (ValueError, RecursionError):
        return text_block(name, "Body · text", raw.decode("utf-8", "replace"), context)


def show_warnings(context: ViewContext) -> PageContent:
    """Show the warnings, the newest first."""
    warnings = context.backend.app.environment.warnings.all()
    end = len(warnings) if context.number_cursor is None else min(context.number_cursor, len(warnings))
    first = max(end - PER_PAGE, 0)
    rows = [
        (f"warning-{number}", h.code(found.code), [h.p(found.message), h.p(h.code(found.location), class_="note")])
        for number, found in reversed([*enumerate(warnings)][first:end])
    ]
    is_strict = context.backend.app.environment.warnings.strict
    strict = "This emulator is strict, so it refuses" if is_strict else "A strict emulator refuses"
    rule = f"{strict} those that it finds in a request or a definition. What it finds during a run is only noted here."
    empty = h.p("No warnings: the emulator does everything that it was asked to do.")
    content = [
        h.p("Things in workflows and requests that are unknown, not supported, or without effect. ", rule),
        table("Warnings", {"Code": "", "Message and place": "name wide"}, rows, empty),
        pager(context, first or None),
    ]
    return PageContent("Warnings", content, "Warnings")
