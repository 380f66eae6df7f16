"""Tools and models: the catalog, and what has a handler of the user."""

from __future__ import annotations

from typing import Any

from fibonacci.definitions.tools import canonical_tool
from fibonacci.emulator.page.components import pager, table
from fibonacci.emulator.page.context import PageContent, ViewContext
from fibonacci.emulator.page.html import HTMLElement, h


def show_list(context: ViewContext) -> PageContent:
    """Show the tools, and the known models."""
    found = context.backend.items("/tools", context.cursor)
    environment = context.backend.app.environment
    own = {canonical_tool(name) for name in environment.handlers.tools}
    rows = [_row(tool, is_own=canonical_tool(tool["name"]) in own) for tool in found.items]
    columns = ("Name", "Category", "What it does", "Parameters", "Connected", "Carried out by")
    own_function = h.code("@emulator.tool")
    return PageContent(
        "Tools",
        [
            h.p("Required parameters have a star. A function with ", own_function, " takes the place of a default."),
            table("Tools", columns, rows, h.p("No tools.")),
            pager(context, found.more),
            h.section(
                h.h2("Models", id="models"),
                h.p("Names that are known; any other is a warning. ", h.code("emulator.models"), " takes more."),
                h.ul([h.li(h.code(name)) for name in environment.models], class_="words"),
                aria_labelledby="models",
            ),
        ],
        "Tools",
    )


def _row(tool: Any, *, is_own: bool) -> HTMLElement:
    parameters = tool["parameters"]
    names = [f"{name}*" if name in parameters["required"] else name for name in parameters["properties"]]
    return h.tr(
        h.td(h.code(tool["name"])),
        h.td(tool["category"]),
        h.td(tool["description"]),
        h.td(", ".join(names) or "any"),
        h.td("yes" if tool["connected"] else "no"),
        h.td("your function" if is_own else "default"),
        id=f"tool-{tool['name']}",
    )
