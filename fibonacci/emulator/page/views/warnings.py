"""Warnings: what is unknown, not supported, or has no effect."""

from __future__ import annotations

from fibonacci.emulator.engine.emulator_warnings import EmulatorWarning
from fibonacci.emulator.page.backend import PER_PAGE
from fibonacci.emulator.page.components import pager, table
from fibonacci.emulator.page.context import PageContent, ViewContext
from fibonacci.emulator.page.html import HTMLElement, h


def show_list(context: ViewContext) -> PageContent:
    """Show the warnings, the newest first."""
    found = context.backend.app.warnings.all()
    end = len(found) if context.number_cursor is None else min(context.number_cursor, len(found))
    first = max(end - PER_PAGE, 0)
    rows = [_row(number, found[number]) for number in reversed(range(first, end))]
    strict = context.backend.app.warnings.strict
    rule = "It is refused: the emulator is strict." if strict else "A strict emulator refuses it."
    empty = h.p("No warnings: whatever was asked for, the emulator does.")
    return PageContent(
        "Warnings",
        [
            h.p("What in workflows and requests is unknown, not supported, or has no effect. ", rule),
            table("Warnings", ("Code", "Place", "What"), rows, empty),
            pager(context, first or None),
        ],
        "Warnings",
    )


def _row(number: int, warning: EmulatorWarning) -> HTMLElement:
    return h.tr(
        h.td(h.code(warning.code)),
        h.td(h.code(warning.location), class_="name"),
        h.td(warning.message, class_="name"),
        id=f"warning-{number}",
    )
