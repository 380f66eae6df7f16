"""The clock, and forms that advance it."""

from __future__ import annotations

import time
from typing import Final

from fibonacci.emulator.http.replies import Detail, invalid
from fibonacci.emulator.page.components import duration, facts, field, form, moment, number
from fibonacci.emulator.page.context import Done, PageContent, ViewContext
from fibonacci.emulator.page.html import HTMLElement, h

_MODES: Final = {
    "real": "follows the machine's time",
    "skip": "follows the machine's time, and skips the waits of runs",
    "manual": "moves only when it is advanced",
}
_STEPS: Final = {"1 minute": 60, "1 hour": 3_600, "1 day": 86_400, "7 days": 604_800}


def show(context: ViewContext) -> PageContent:
    """Show the clock."""
    clock = context.backend.app.clock
    now = clock.now()
    ahead = now - time.time()
    with context.backend.reading() as store:
        waiting = store.timers.count()
    difference = f"{duration(abs(ahead) * 1_000)} {'ahead' if ahead > 0 else 'behind'}" if abs(ahead) >= 1 else "equal"
    shown = facts(
        ("Time", [moment(now), " UTC"]),
        ("Mode", [h.code(clock.mode), f": {_MODES[clock.mode]}"]),
        ("Compared with the machine", difference),
        ("Skipped waits", duration(clock.skipped * 1_000) if clock.skipped else None),
        ("Runs with an event due later", f"{waiting:,}"),
    )
    section = h.section(
        h.h2("Advance", id="advance"),
        h.p("Waits, quotas, rate limits and lifetimes end as if the time had passed. It does not go back."),
        _steps_form(context),
        _seconds_form(context),
        aria_labelledby="advance",
    )
    return PageContent("Clock", [shown, section], "Clock")


def advance(context: ViewContext) -> Done:
    """Advance the clock."""
    seconds = number(context.form, "by" if "by" in context.form else "seconds")
    if seconds is None:
        raise invalid(Detail("seconds", "is a number such as 3600"))
    context.backend.send("POST", "/_emulator/clock/advance", {"seconds": seconds})
    return Done("/ui/clock", f"The clock is {duration(seconds * 1_000)} further.")


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
