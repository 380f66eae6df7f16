"""The clock, and its levers."""

from __future__ import annotations

import time
from typing import Final

from fibonacci.emulator.http.errors import Detail, invalid
from fibonacci.emulator.page.forms import number
from fibonacci.emulator.page.html import h
from fibonacci.emulator.page.parts import duration, facts, field, form, moment
from fibonacci.emulator.page.visits import Done, PageContent, Visit

_MODES: Final = {
    "real": "follows the machine's time",
    "skip": "follows the machine's time, and skips the waits of runs",
    "manual": "moves only when it is advanced",
}
_LEVERS: Final = {"1 minute": 60, "1 hour": 3_600, "1 day": 86_400, "7 days": 604_800}


def show(visit: Visit) -> PageContent:
    """Show the clock."""
    clock = visit.backend.app.clock
    now = clock.now()
    ahead = now - time.time()
    with visit.backend.reading() as store:
        waiting = store.timers.count()
    return PageContent(
        "Clock",
        [
            facts(
                ("Time", [moment(now), " UTC"]),
                ("Mode", [h.code(clock.mode), f": {_MODES[clock.mode]}"]),
                (
                    "Compared with the machine",
                    f"{duration(abs(ahead) * 1_000)} {'ahead' if ahead > 0 else 'behind'}"
                    if abs(ahead) >= 1
                    else "equal",
                ),
                ("Skipped waits", duration(clock.skipped * 1_000) if clock.skipped else None),
                ("Runs with an event due later", f"{waiting:,}"),
            ),
            h.section(
                h.h2("Advance", id="advance"),
                h.p("Waits, quotas, rate limits and lifetimes end as if the time had passed. It does not go back."),
                form(
                    visit,
                    "/ui/clock/advance",
                    h.div(
                        [h.button(f"+ {name}", name="by", value=value) for name, value in _LEVERS.items()],
                        class_="line",
                    ),
                    id="levers",
                    data_static="true",
                ),
                form(
                    visit,
                    "/ui/clock/advance",
                    field(
                        "Seconds",
                        h.input(
                            type="number",
                            id="seconds",
                            name="seconds",
                            value=visit.entered.get("seconds", ""),
                            min=0,
                            step="any",
                            inputmode="decimal",
                        ),
                    ),
                    h.button("Advance", class_="primary"),
                    id="advance-form",
                    class_="inline",
                    data_static="true",
                ),
                aria_labelledby="advance",
            ),
        ],
        "Clock",
    )


def advance(visit: Visit) -> Done:
    """Advance the clock."""
    seconds = number(visit.form, "by" if "by" in visit.form else "seconds")
    if seconds is None:
        raise invalid(Detail("seconds", "is a number such as 3600"))
    visit.backend.send("POST", "/_emulator/clock/advance", {"seconds": seconds})
    return Done("/ui/clock", f"The clock is {duration(seconds * 1_000)} further.")
