"""What a test controls: the clock, the failures that are injected, and the scripts that answer nodes."""

from __future__ import annotations

import time
from math import inf
from typing import Final

from fibonacci.emulator.engine.scripts import answer_view
from fibonacci.emulator.faults import KINDS
from fibonacci.emulator.http.messages import Detail, invalid
from fibonacci.emulator.page.components import (
    NOTHING,
    amount,
    area,
    changed,
    check,
    duration,
    entry,
    facts,
    field,
    form,
    moment,
    number,
    read_field,
    required,
    section,
    short,
    table,
)
from fibonacci.emulator.page.context import Done, PageContent, ViewContext
from fibonacci.emulator.page.html import Content, HTMLElement, h
from fibonacci.emulator.page.views.log import route_field

_MODES: Final = {
    "real": "follows the machine's time",
    "skip": "follows the machine's time, and skips the waits of runs",
    "manual": "moves only when you advance it",
}
_STEPS: Final = {"1 minute": 60, "1 hour": 3_600, "1 day": 86_400, "7 days": 604_800}


def show_clock(context: ViewContext) -> PageContent:
    """Show the clock."""
    clock = context.backend.app.clock
    ahead = clock.now() - time.time()
    with context.backend.reading() as store:
        waiting = len(store.executions.due("running", inf))
    difference = f"{duration(abs(ahead) * 1_000)} {'ahead' if ahead > 0 else 'behind'}"
    steps = [h.button(f"+ {name}", name="by", value=value) for name, value in _STEPS.items()]
    content = [
        facts(
            ("Time", [moment(clock.now()), " UTC"]),
            ("Mode", [h.code(clock.mode), f": {_MODES[clock.mode]}"]),
            ("Compared with this machine", difference if abs(ahead) >= 1 else "the same time"),
            ("Skipped waits", duration(clock.skipped * 1_000) if clock.skipped else None),
            ("Runs that continue later", f"{waiting:,}"),
        ),
        section(
            "Advance",
            h.p("Waits, quotas, rate limits and lifetimes end as if that time had passed. The clock can't go back."),
            form(context, "/ui/clock/advance", h.div(steps, class_="line"), id="steps"),
            form(
                context,
                "/ui/clock/advance",
                amount(context, "Seconds", "seconds"),
                h.button("Advance", class_="primary"),
                id="advance-form",
                class_="inline",
            ),
        ),
    ]
    return PageContent("Clock", content, "Clock")


def advance(context: ViewContext) -> Done:
    """Advance the clock."""
    seconds = number(context.form, "by" if "by" in context.form else "seconds")
    if seconds is None:
        raise invalid(Detail("seconds", "must be a number such as 3600"))
    message = f"The clock moved forward by {duration(seconds * 1_000)}."
    return changed(context, "POST", "/_emulator/clock/advance", {"seconds": seconds}, "/ui/clock", message)


_SHOWN: Final = 200  # there may be a hundred thousand, from several calls of chaos
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
    rows = list[tuple[Content, ...]]()
    for place, failure in enumerate(failures[first:], first):
        remaining = failure.remaining
        left = "always" if remaining is None else "used up" if remaining == 0 else f"{remaining:,} of {failure.times:,}"
        kind = h.code(failure.kind), " ", h.span(_KINDS[failure.kind], class_="soft")
        status = failure.status if failure.status is not None else NOTHING
        rows.append((f"failure-{place}", h.code(failure.route), kind, status, left, f"{failure.delivered:,}"))
    columns = {"Route": "name", "Kind": "", "Status": "", "Left": "", "Delivered": "number"}
    empty = h.p("No failures are injected, so every request gets its normal response.")
    content = [
        form(context, "/ui/failures/clear", h.button("Remove all failures")) if failures else None,
        table("Injected failures", columns, rows[::-1], empty),
        h.p(f"The newest {_SHOWN} of {len(failures):,}.", class_="note") if first else None,
        section("Inject a failure", _failure_form(context)),
    ]
    return PageContent("Failures", content, "Failures")


def inject(context: ViewContext) -> Done:
    """Inject a failure."""
    route = required(context.form, "route", "must be a method and a path such as GET /tools, or * for every request")
    always = context.form.get("always") == "true"
    given = {name: number(context.form, name) for name in ("status", "retry_after", "seconds")}
    times = None if always else number(context.form, "times") or 1
    body = {"route": route, "kind": context.form.get("kind", "status"), "times": times}
    body |= {name: value for name, value in given.items() if value is not None}
    message = f"The failure was injected into {route}."
    return changed(context, "POST", "/_emulator/failures", body, "/ui/failures", message)


def clear_failures(context: ViewContext) -> Done:
    """Remove all failures."""
    return changed(context, "DELETE", "/_emulator/failures", None, "/ui/failures", "All failures were removed.")


def _failure_form(context: ViewContext) -> HTMLElement:
    chosen = context.entered.get("kind", "status")
    kinds = [h.option(f"{kind}: {_KINDS[kind]}", value=kind, selected=chosen == kind) for kind in KINDS]
    return form(
        context,
        "/ui/failures/inject",
        route_field(context.entered.get("route", "*")),
        field("Kind", h.select(kinds, id="kind", name="kind")),
        h.div(
            amount(context, "Requests that fail", "times", "1", least=1),
            amount(context, "Status", "status", hint="For status, rate_limit and html.", least=200),
            amount(context, "Retry-After, seconds", "retry_after", hint="For the same three kinds."),
            amount(context, "Wait, seconds", "seconds", hint="For drip and delay."),
            class_="columns",
        ),
        check("Fail every request until all failures are removed", "always", context.entered.get("always", "")),
        h.button("Inject", class_="primary"),
        id="inject-form",
        class_="card",
    )


def show_scripts(context: ViewContext) -> PageContent:
    """Show the scripts, and the form that adds one."""
    scripts = list(context.backend.app.environment.scripts)
    columns = {"Node, tool or model": "name", "Answers": "name wide", "Taken": "number", "Left": ""}
    rows = [
        (
            f"script-{place}",
            h.code(script.name),
            h.code(short([answer_view(answer) for answer in script.answers], context, 300)),
            f"{script.taken:,}",
            "repeats" if script.remaining is None else "used up" if script.remaining == 0 else f"{script.remaining:,}",
        )
        for place, script in enumerate(scripts[:_SHOWN])
    ]
    answers = area("answers", context.entered.get("answers", ""), 4)
    content = [
        h.p("A node takes its answers in order from a script of its ID, of its tool or of its model."),
        form(context, "/ui/scripts/clear", h.button("Remove all scripts")) if scripts else None,
        table("Scripts", columns, rows, h.p("No scripts, so functions and defaults answer.")),
        section(
            "Add a script",
            form(
                context,
                "/ui/scripts/add",
                entry(context, "Node, tool or model", "name", required=True),
                field("Answers", answers, 'A JSON list such as ["high", {"$failure": "error", "message": "down"}].'),
                check("Start over after the last answer", "repeat", context.entered.get("repeat", "")),
                h.button("Add", class_="primary"),
                id="script-form",
                class_="card",
            ),
        ),
    ]
    return PageContent("Scripts", content, "Scripts")


def add_script(context: ViewContext) -> Done:
    """Add a script."""
    name = required(context.form, "name", "must be the ID of a node, the name of a tool, or a model")
    answers = read_field(context.form.get("answers", ""), "answers")
    body = {"name": name, "answers": answers, "repeat": context.form.get("repeat") == "true"}
    return changed(context, "POST", "/_emulator/scripts", body, "/ui/scripts", f"{name} has a script.")


def clear_scripts(context: ViewContext) -> Done:
    """Remove all scripts."""
    return changed(context, "DELETE", "/_emulator/scripts", None, "/ui/scripts", "All scripts were removed.")
