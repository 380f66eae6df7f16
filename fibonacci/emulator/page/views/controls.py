"""What a test controls: the clock, the failures that are injected, and the scripts that answer nodes."""

from __future__ import annotations

from math import inf
from typing import Final

from fibonacci.emulator.engine.scripts import answer_view
from fibonacci.emulator.faults import KINDS
from fibonacci.emulator.page import components as ui
from fibonacci.emulator.page.context import Action, PageContent, ViewContext
from fibonacci.emulator.page.html import h
from fibonacci.emulator.page.views.log import ROUTE

_MODES: Final = {
    "real": "follows the machine's time",
    "skip": "follows the machine's time, and skips the waits of runs",
    "manual": "moves only when you advance it",
}
_STEPS: Final = {"1 minute": 60, "1 hour": 3_600, "1 day": 86_400, "7 days": 604_800}
_ADVANCE: Final = [ui.Field("seconds", "Seconds", "number", is_required=True)]


def show_clock(context: ViewContext) -> PageContent:
    """Show the clock."""
    clock = context.app.clock
    with context.reading() as store:
        waiting = len(store.executions.due("running", inf))
    steps = [h.button(f"+ {name}", name="seconds", value=value) for name, value in _STEPS.items()]
    content = [
        ui.facts(
            ("Mode", [h.code(clock.mode), f": {_MODES[clock.mode]}"]), ("Runs that continue later", f"{waiting:,}")
        ),
        ui.section(
            "Advance",
            h.p("Waits, quotas, rate limits and lifetimes end as if that time had passed. The clock can't go back."),
            ui.form(context, "/ui/clock/advance", h.div(steps, class_="line"), id="steps"),
            ui.entry_form(context, "advance-form", "/ui/clock/advance", _ADVANCE, button="Advance"),
        ),
    ]
    return PageContent("Clock", content, "Clock")


advance: Final[Action] = ui.calling(
    "POST", "/_emulator/clock/advance", "/ui/clock", "The clock was advanced.", _ADVANCE
)

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
_FAILURE: Final = [
    ROUTE._replace(value="*", is_required=True),
    ui.Field("kind", "Kind", "choice", value="status", options={kind: f"{kind}: {_KINDS[kind]}" for kind in KINDS}),
    ui.Field("times", "Requests that fail", "number", "Empty: every request, until all failures are removed", 1),
    ui.Field("status", "Status", "number", "For status, rate_limit and html"),
    ui.Field("retry_after", "Retry-After, seconds", "number", "For the same three kinds"),
    ui.Field("seconds", "Wait, seconds", "number", "For drip and delay"),
]


def show_failures(context: ViewContext) -> PageContent:
    """Show the injected failures, the newest first."""
    failures = context.app.faults.all()
    rows: dict[str, ui.Row] = {
        f"failure-{place}": {
            "Route": ui.wide(h.code(failure.route)),
            "Kind": [h.code(failure.kind), " ", h.span(_KINDS[failure.kind], class_="soft")],
            "Status": ui.NOTHING if failure.status is None else str(failure.status),
            "Left": _left(failure.remaining, "always"),
            "Delivered": failure.delivered,
        }
        for place, failure in reversed(list(enumerate(failures)))
    }
    content = [
        ui.form(context, "/ui/failures/clear", h.button("Remove all failures")) if failures else None,
        ui.table("Injected failures", rows, "No failures are injected, so every request gets its response."),
        ui.section("Inject", ui.entry_form(context, "inject-form", "/ui/failures/inject", _FAILURE, button="Inject")),
    ]
    return PageContent("Failures", content, "Failures")


def _left(remaining: int | None, endless: str) -> str:
    return endless if remaining is None else "used up" if remaining == 0 else f"{remaining:,}"


inject: Final[Action] = ui.calling(
    "POST", "/_emulator/failures", "/ui/failures", "The failure was injected into {route}.", _FAILURE, times=None
)
clear_failures: Final[Action] = ui.calling(
    "DELETE", "/_emulator/failures", "/ui/failures", "All failures were removed."
)

_SCRIPT: Final = [
    ui.Field("name", "Node, tool or model", is_required=True),
    ui.Field("answers", "Answers", "JSON", 'A JSON list such as ["high", {"$failure": "error", "message": "down"}].'),
    ui.Field("repeat", "Start over after the last answer", "flag"),
]


def show_scripts(context: ViewContext) -> PageContent:
    """Show the scripts, and the form that adds one."""
    scripts = list(context.app.environment.scripts)
    rows: dict[str, ui.Row] = {
        f"script-{place}": {
            "Node, tool or model": ui.wide(h.code(script.name)),
            "Answers": ui.wide(h.code(ui.short([answer_view(answer) for answer in script.answers], context, 300))),
            "Taken": script.taken,
            "Left": _left(script.remaining, "repeats"),
        }
        for place, script in reversed(list(enumerate(scripts)))
    }
    content = [
        h.p("A node takes its answers in order from a script of its ID, of its tool or of its model."),
        ui.form(context, "/ui/scripts/clear", h.button("Remove all scripts")) if scripts else None,
        ui.table("Scripts", rows, "No scripts here. Functions and defaults answer."),
        ui.section("Add a script", ui.entry_form(context, "script-form", "/ui/scripts/add", _SCRIPT, button="Add")),
    ]
    return PageContent("Scripts", content, "Scripts")


add_script: Final[Action] = ui.calling("POST", "/_emulator/scripts", "/ui/scripts", "{name} has a script.", _SCRIPT)
clear_scripts: Final[Action] = ui.calling("DELETE", "/_emulator/scripts", "/ui/scripts", "All scripts were removed.")
