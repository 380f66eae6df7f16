"""What a test controls: the clock, the failures that are injected, and the limits."""

from __future__ import annotations

import time
from math import inf
from typing import Final

from fibonacci.emulator.account import PLANS, WindowUsage
from fibonacci.emulator.faults import KINDS, InjectedFailure
from fibonacci.emulator.http.messages import Detail, invalid
from fibonacci.emulator.page.components import NOTHING, duration, facts, field, form, moment, number, required, table
from fibonacci.emulator.page.context import Done, PageContent, ViewContext
from fibonacci.emulator.page.html import Content, HTMLElement, h
from fibonacci.emulator.policy.admission import effective_quota, runs_in
from fibonacci.emulator.routes import ENDPOINTS

_MODES: Final = {
    "real": "follows the machine's time",
    "skip": "follows the machine's time, and skips the waits of runs",
    "manual": "moves only when you advance it",
}
_STEPS: Final = {"1 minute": 60, "1 hour": 3_600, "1 day": 86_400, "7 days": 604_800}


def show_clock(context: ViewContext) -> PageContent:
    """Show the clock."""
    clock = context.backend.app.clock
    now = clock.now()
    ahead = now - time.time()
    with context.backend.reading() as store:
        waiting = len(store.executions.due("running", inf))
    difference = (
        f"{duration(abs(ahead) * 1_000)} {'ahead' if ahead > 0 else 'behind'}" if abs(ahead) >= 1 else "the same time"
    )
    shown = facts(
        ("Time", [moment(now), " UTC"]),
        ("Mode", [h.code(clock.mode), f": {_MODES[clock.mode]}"]),
        ("Compared with this machine", difference),
        ("Skipped waits", duration(clock.skipped * 1_000) if clock.skipped else None),
        ("Runs that continue later", f"{waiting:,}"),
    )
    section = h.section(
        h.h2("Advance", id="advance"),
        h.p("Waits, quotas, rate limits and lifetimes end as if that time had passed. The clock can't go back."),
        _steps_form(context),
        _seconds_form(context),
        aria_labelledby="advance",
    )
    return PageContent("Clock", [shown, section], "Clock")


def advance(context: ViewContext) -> Done:
    """Advance the clock."""
    seconds = number(context.form, "by" if "by" in context.form else "seconds")
    if seconds is None:
        raise invalid(Detail("seconds", "must be a number such as 3600"))
    context.backend.send("POST", "/_emulator/clock/advance", {"seconds": seconds})
    return Done("/ui/clock", f"The clock moved forward by {duration(seconds * 1_000)}.")


def _steps_form(context: ViewContext) -> HTMLElement:
    buttons = [h.button(f"+ {name}", name="by", value=value) for name, value in _STEPS.items()]
    return form(context, "/ui/clock/advance", h.div(buttons, class_="line"), id="steps", data_static="true")


def _seconds_form(context: ViewContext) -> HTMLElement:
    control = h.input(
        type="number",
        id="seconds",
        name="seconds",
        value=context.entered.get("seconds", ""),
        min=0,
        step="any",
        inputmode="decimal",
    )
    button = h.button("Advance", class_="primary")
    content = field("Seconds", control), button
    return form(context, "/ui/clock/advance", *content, id="advance-form", class_="inline", data_static="true")


_SHOWN: Final = 200
"""The largest number of failures in the list."""

_KINDS: Final = {
    "status": "a response with a status code",
    "rate_limit": "a 429 with Retry-After",
    "html": "a web page with status 200",
    "reset": "the connection is reset",
    "stall": "no response is sent",
    "no_reply": "carried out, but the connection is closed without a response",
    "cut": "carried out, but only half of the response is sent",
    "drip": "carried out, and the response is sent one byte at a time",
    "delay": "carried out, and the response is sent later",
}


def show_failures(context: ViewContext) -> PageContent:
    """Show the injected failures, the newest first."""
    failures = context.backend.app.faults.all()
    first = max(len(failures) - _SHOWN, 0)
    rows = [_failure_row(number, failure) for number, failure in enumerate(failures[first:], first)][::-1]
    empty = h.p("No failures are injected, so every request gets its normal response.")
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
            h.section(h.h2("Inject a failure", id="inject"), _failure_form(context), aria_labelledby="inject"),
        ],
        "Failures",
    )


def inject(context: ViewContext) -> Done:
    """Inject a failure."""
    form = context.form
    route = required(form, "route", "must be a method and a path such as GET /tools, or * for every request")
    always = form.get("always") == "true"
    given = {name: number(form, name) for name in ("status", "retry_after", "seconds")}
    body = {"route": route, "kind": form.get("kind", "status"), "times": None if always else number(form, "times") or 1}
    context.backend.send("POST", "/_emulator/failures", body | {k: v for k, v in given.items() if v is not None})
    return Done("/ui/failures", f"The failure was injected into {route}.")


def clear_failures(context: ViewContext) -> Done:
    """Remove all failures."""
    context.backend.send("DELETE", "/_emulator/failures")
    return Done("/ui/failures", "All failures were removed.")


def _failure_row(number: int, failure: InjectedFailure) -> HTMLElement:
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


def _failure_form(context: ViewContext) -> HTMLElement:
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
            "A method and a path. Either can be *.",
        ),
        h.datalist(routes, id="routes"),
        field("Kind", h.select(kinds, id="kind", name="kind")),
        h.div(
            field("Requests that fail", _number_input("times", entered.get("times", "1"), minimum=1)),
            field(
                "Status",
                _number_input("status", entered.get("status", ""), minimum=200),
                "For status, rate_limit and html.",
            ),
            field(
                "Retry-After, seconds",
                _number_input("retry_after", entered.get("retry_after", "")),
                "For the same three kinds.",
            ),
            field("Wait, seconds", _number_input("seconds", entered.get("seconds", "")), "For drip and delay."),
            class_="columns",
        ),
        h.div(
            h.input(type="checkbox", id="always", name="always", value="true", checked=entered.get("always") == "true"),
            h.label("Fail every request until all failures are removed", for_="always"),
            class_="check",
        ),
        h.button("Inject", class_="primary"),
        id="inject-form",
        data_static="true",
    )


def _number_input(name: str, value: str, minimum: int = 0) -> HTMLElement:
    return h.input(type="number", id=name, name=name, value=value, min=minimum, step="any", inputmode="decimal")


def show_limits(context: ViewContext) -> PageContent:
    """Show the limits."""
    app = context.backend.app
    windows = app.account.limits.usage(app.organization, app.clock.now(), app.clock.skipped)
    resets = h.code("client.organizations.quota.update(...)")
    return PageContent(
        "Limits",
        [
            facts(("Plan", app.account.plan), ("Organization", h.code(app.organization))),
            h.section(
                h.h2("Rate limits", id="rates"),
                h.p("All keys of the organization share these limits. Requests from this page don't count."),
                table(
                    "Rate limits",
                    ("Window", "Used", "Limit", "Left", "Next window"),
                    [_window(number, window) for number, window in enumerate(windows)],
                    None,
                    ("Limit", "Left"),
                ),
                aria_labelledby="rates",
            ),
            h.section(
                h.h2("Quotas", id="quotas"),
                h.p(
                    "These apply to the organization. To change them, up to the ceiling of the plan, call ", resets, "."
                ),
                table(
                    "Quotas",
                    ("Quota", "Used", "Limit", "Plan's limit", "Ceiling"),
                    _quotas(context),
                    None,
                    ("Limit", "Plan's limit", "Ceiling"),
                ),
                aria_labelledby="quotas",
            ),
        ],
        "Limits",
    )


def _window(number: int, window: WindowUsage) -> HTMLElement:
    limit = window.rate.limit
    return h.tr(
        h.td(duration(window.rate.seconds * 1_000)),
        h.td(_used(window.used, limit)),
        h.td(f"{limit:,}", class_="number"),
        h.td(f"{limit - window.used:,}", class_="number"),
        h.td("with the next request" if window.ends is None else moment(window.ends)),
        id=f"window-{number}",
    )


def _quotas(context: ViewContext) -> list[HTMLElement]:
    app = context.backend.app
    plan = PLANS[app.account.plan]
    with context.backend.reading() as store:
        quota = effective_quota(store, app.account.plan, app.organization)
        window = store.run_windows.get(app.organization)
        runs = 0 if window is None else runs_in(store, window)
        running = store.executions.count("running")
    is_over = window is None or window["ends"] <= app.clock.now()
    used = {
        "workflow_runs_per_hour": 0 if window is None or is_over else runs,
        "concurrent_executions": running,
    }
    return [
        h.tr(
            h.td(h.code(name)),
            h.td(_used(used[name], quota[name]) if name in used else "not counted"),
            h.td(f"{quota[name]:,}", class_="number"),
            h.td(f"{own:,}", class_="number"),
            h.td(f"{plan.ceilings[name]:,}", class_="number"),
            id=f"quota-{name}",
        )
        for name, own in plan.quota.items()
    ]


def _used(used: int, limit: int) -> Content:
    share = h.meter(value=used, min=0, max=max(limit, 1), aria_label="Share in use")
    return [f"{used:,} ", share]
