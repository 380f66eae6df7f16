"""Injected failures: those of now, and a form for another."""

from __future__ import annotations

from typing import Final

from fibonacci.emulator.faults import KINDS, InjectedFailure
from fibonacci.emulator.page.components import NOTHING, field, form, number, required, table
from fibonacci.emulator.page.context import Done, PageContent, ViewContext
from fibonacci.emulator.page.html import HTMLElement, h
from fibonacci.emulator.routes import ENDPOINTS

_SHOWN: Final = 200
"""The largest number of failures in the list."""

_KINDS: Final = {
    "status": "a response with a status",
    "rate_limit": "a 429 with Retry-After",
    "html": "a web page with status 200",
    "reset": "the connection is reset",
    "stall": "no response is sent",
    "no_reply": "carried out; the connection is closed without a response",
    "cut": "carried out; half of the response is sent",
    "drip": "carried out; the response is sent a byte at a time",
    "delay": "carried out; the response is sent later",
}


def show_list(context: ViewContext) -> PageContent:
    """Show the injected failures, the newest first."""
    failures = context.backend.app.faults.all()
    first = max(len(failures) - _SHOWN, 0)
    rows = [_row(number, failure) for number, failure in enumerate(failures[first:], first)][::-1]
    empty = h.p("No failures are injected: requests are answered as they should be.")
    columns = ("Route", "Kind", "Status", "Left", "Delivered")
    clear = (
        form(context, "/ui/failures/clear", h.button("Remove all failures"), data_static="true") if failures else None
    )
    return PageContent(
        "Failures",
        [
            clear,
            table("Injected failures", columns, rows, empty, ("Delivered",)),
            h.p(f"The newest {_SHOWN} of {len(failures):,}.", class_="note") if first else None,
            h.section(h.h2("Inject a failure", id="inject"), _form(context), aria_labelledby="inject"),
        ],
        "Failures",
    )


def inject(context: ViewContext) -> Done:
    """Inject a failure."""
    form = context.form
    route = required(form, "route", "is a method and a path such as GET /tools, or * for every request")
    always = form.get("always") == "true"
    given = {name: number(form, name) for name in ("status", "retry_after", "seconds")}
    body = {"route": route, "kind": form.get("kind", "status"), "times": None if always else number(form, "times") or 1}
    context.backend.send("POST", "/_emulator/failures", body | {k: v for k, v in given.items() if v is not None})
    return Done("/ui/failures", f"The failure is injected into {route}.")


def clear(context: ViewContext) -> Done:
    """Remove all failures."""
    context.backend.send("DELETE", "/_emulator/failures")
    return Done("/ui/failures", "All failures are removed.")


def _row(number: int, failure: InjectedFailure) -> HTMLElement:
    remaining = failure.remaining
    left = "always" if remaining is None else "used up" if remaining == 0 else f"{remaining:,} of {failure.times:,}"
    return h.tr(
        h.td(h.code(failure.route), class_="name"),
        h.td(h.code(failure.kind), " ", h.span(_KINDS[failure.kind], class_="soft")),
        h.td(failure.status if failure.status is not None else NOTHING),
        h.td(left),
        h.td(f"{failure.delivered:,}", class_="number"),
        id=f"failure-{number}",
    )


def _form(context: ViewContext) -> HTMLElement:
    entered = context.entered
    kinds = [
        h.option(f"{kind}: {_KINDS[kind]}", value=kind, selected=entered.get("kind", "status") == kind)
        for kind in KINDS
    ]
    routes = [h.option(value=str(endpoint)) for endpoint in ENDPOINTS]
    return form(
        context,
        "/ui/failures/inject",
        field(
            "Route",
            h.input(
                id="route",
                name="route",
                required=True,
                value=entered.get("route", "*"),
                list="routes",
                autocomplete="off",
                spellcheck="false",
            ),
            "A method and a path, either of which may be *.",
        ),
        h.datalist(routes, id="routes"),
        field("Kind", h.select(kinds, id="kind", name="kind")),
        h.div(
            field("Requests that fail", _number("times", entered.get("times", "1"), minimum=1)),
            field("Status", _number("status", entered.get("status", ""), minimum=200), "Of status, rate_limit, html."),
            field("Retry-After, seconds", _number("retry_after", entered.get("retry_after", "")), "Of the same three."),
            field("Wait, seconds", _number("seconds", entered.get("seconds", "")), "Of drip and delay."),
            class_="columns",
        ),
        h.div(
            h.input(type="checkbox", id="always", name="always", value="true", checked=entered.get("always") == "true"),
            h.label("Every request fails, until all failures are removed", for_="always"),
            class_="check",
        ),
        h.button("Inject", class_="primary"),
        id="inject-form",
        data_static="true",
    )


def _number(name: str, value: str, minimum: int = 0) -> HTMLElement:
    return h.input(type="number", id=name, name=name, value=value, min=minimum, step="any", inputmode="decimal")
