"""Limits: the plan, its rate limits and its quotas, and how much of them is used."""

from __future__ import annotations

from fibonacci.emulator.account import PLANS, WindowUsage
from fibonacci.emulator.page.components import duration, facts, moment, table
from fibonacci.emulator.page.context import PageContent, ViewContext
from fibonacci.emulator.page.html import Content, HTMLElement, h
from fibonacci.emulator.policy.admission import effective_quota


def show(context: ViewContext) -> PageContent:
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
                h.p("All keys of the organization share them. This page's requests do not count."),
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
                h.p("Of the organization; ", resets, " sets its own, up to the ceiling of the plan."),
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
        running = store.runs.count()
    is_over = window is None or window["ends"] <= app.clock.now()
    used = {
        "workflow_runs_per_hour": 0 if window is None or is_over else window["used"],
        "concurrent_executions": running,
    }
    return [
        h.tr(
            h.td(h.code(name)),
            h.td(_used(used[name], limit) if name in used else "not counted"),
            h.td(f"{limit:,}", class_="number"),
            h.td(f"{plan.quota[name]:,}", class_="number"),
            h.td(f"{plan.ceilings[name]:,}", class_="number"),
            id=f"quota-{name}",
        )
        for name, limit in quota.items()
    ]


def _used(used: int, limit: int) -> Content:
    share = h.meter(value=used, min=0, max=max(limit, 1), aria_label="Share in use")
    return [f"{used:,} ", share]
