"""What the emulator has recorded: requests and warnings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from fibonacci.emulator.http.messages import Detail, invalid, not_found
from fibonacci.emulator.http.router import RoutePattern
from fibonacci.emulator.page import components as ui
from fibonacci.emulator.page.context import Action, PageContent, ViewContext
from fibonacci.emulator.page.html import HTMLElement, h, icon
from fibonacci.emulator.request_log import CREDENTIAL_HEADERS, LogEntry
from fibonacci.emulator.routes import ENDPOINTS
from fibonacci.emulator.state.json_encoding import parse_json

_STARTED: Final = re.compile(rb'"(?:execution_id|id)": ?"(exec_[^"]+)"')


ROUTE: Final = ui.Field(
    "route", "Route", "text", "A method and a path. Either can be *.", options={str(each): "" for each in ENDPOINTS}
)


def show_requests(context: ViewContext) -> PageContent:
    """Show the requests, the newest first: all, or those that failed, to a route, or about a run."""
    log, run = context.app.log, context.query.search_text("run")
    only_errors = context.query.search_text("only") == "errors"
    entries = log.newest(context.number_cursor)
    try:
        pattern = RoutePattern(context.query.search_text("route") or "*", log.router)
    except ValueError as error:
        raise invalid(Detail("route", str(error))) from None
    about = (run or "").encode("utf-8", "replace")
    chosen = (
        (entry.number, entry)
        for entry in entries
        if (not only_errors or entry.status is None or entry.status >= 400)
        and pattern.matches(entry.request)
        and (about in entry.request.target.encode("utf-8", "replace") or about in (entry.response or b""))
    )
    page = ui.matches(context, chosen)
    clear = ui.form(context, "/ui/requests/clear", h.button("Clear the log")) if entries else None
    responses = ui.Field("only", "Responses", "choice", options={"": "all", "errors": "failed"})
    content = [
        ui.search_form(context, ROUTE._replace(hint=None), responses, ui.Field("run", "About the run")),
        h.p("A route is a method and a path. Either can be *.", class_="note"),
        clear,
        requests_table([entry for _, entry in page.items]),
        ui.pager(context, page.more),
    ]
    return PageContent("Requests", content, "Requests")


clear_requests: Final[Action] = ui.calling("DELETE", "/_emulator/requests", "/ui/requests", "The request log is empty.")


def show_request(context: ViewContext) -> PageContent:
    """Show one request."""
    entry = context.app.log.find(context.as_number)
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
            ui.facts(
                ("Time", ui.moment(entry.time, exact=True)),
                ("Duration", ui.duration(entry.seconds * 1_000)),
                ("Run", _run_link(entry)),
                ("Query", h.code(query) if query else None),
            ),
            ui.section(
                "Request",
                h.details(
                    h.summary(f"{len(shown)} headers"),
                    h.pre(headers, tabindex=0, role="group", aria_label="Headers"),
                    id="headers",
                ),
                _body("body", entry.request.body, context),
            ),
            ui.section(
                "Response",
                h.p("An injected failure suppressed the response." if entry.status is None else gone, class_="note")
                if entry.response is None
                else _body("response-body", entry.response, context),
            ),
        ],
        "Requests",
    )


def requests_table(entries: Sequence[LogEntry]) -> HTMLElement:
    """Return a table of requests."""
    rows = {
        f"request-{entry.number}": {
            "Response": _outcome(entry.status),
            "Request": ui.wide(
                h.a(h.code(f"{entry.request.method} {entry.request.target}"), href=f"/ui/requests/{entry.number}")
            ),
            "Run": _run_link(entry) or ui.NOTHING,
            "Duration": ui.duration(entry.seconds * 1_000),
            "Time": ui.moment(entry.time),
        }
        for entry in entries
    }
    empty = "No requests here. Those from clients appear as they arrive, but not those from this page."
    return ui.table("Requests", rows, empty)


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
    shape, kind = {4: ("triangle", "cancelled"), 5: ("cross", "failed")}.get(status // 100, ("check", "completed"))
    return h.span(icon(shape), f"{status} {phrase}", class_=f"state {kind}")


def _body(name: str, raw: bytes, context: ViewContext) -> HTMLElement:
    """Return the body of a message, as JSON if it is JSON."""
    if not raw:
        return h.p("No body.", class_="note")
    try:
        return ui.json_block(name, "Body", parse_json(raw), context)
    except (ValueError, RecursionError):
        return ui.text_block(name, "Body · text", raw.decode("utf-8", "replace"), context)


def show_warnings(context: ViewContext) -> PageContent:
    """Show the warnings, the newest first."""
    warnings = context.app.environment.warnings
    rows = {
        f"warning-{number}": {
            "Code": h.code(warning.code),
            "Message and place": ui.wide(h.p(warning.message), h.p(h.code(warning.location), class_="note")),
        }
        for number, warning in reversed(list(enumerate(warnings.all())))
    }
    strict = "This emulator is strict, so it" if warnings.strict else "A strict emulator"
    rule = f"{strict} refuses those in a request or a definition. What it finds during a run is only noted here."
    empty = "No warnings: the emulator does everything that it was asked to do."
    content = [
        h.p("Things in workflows and requests that are unknown, not supported, or without effect. ", rule),
        ui.table("Warnings", rows, empty),
    ]
    return PageContent("Warnings", content, "Warnings")
