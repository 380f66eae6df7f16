"""The organization: its memory and its tools."""

from __future__ import annotations

from itertools import islice
from typing import Any, Final

from fibonacci.definitions.tools import canonical_tool
from fibonacci.emulator.engine.memory import is_live
from fibonacci.emulator.http.messages import not_found
from fibonacci.emulator.page import components as ui
from fibonacci.emulator.page.context import Done, PageContent, ViewContext
from fibonacci.emulator.page.html import Content, HTMLElement, h
from fibonacci.emulator.state.records import StoredMemory

_MAX_ITEMS: Final = 100


def show(context: ViewContext) -> PageContent:
    """Show what the organization has."""
    app = context.app
    content = [
        ui.facts(("Organization", h.code(app.organization)), ("Plan", app.account.plan)),
        ui.section("Memory", ui.search_form(context, ui.Field("q", "Key, scope or owner", "search")), _memory(context)),
        ui.section("Tools", _tools(context)),
    ]
    return PageContent("Organization", content, "Organization")


def first_of(context: ViewContext, path: str, **query: str) -> tuple[list[Any], Content]:
    """Return the first items of a list, and what to say about the rest."""
    page = context.items(path, None, limit=_MAX_ITEMS, **query)
    return page.items, h.p(f"The first {_MAX_ITEMS}. The API lists the others.", class_="note") if page.more else None


def _memory(context: ViewContext) -> Content:
    now = context.app.clock.now()
    with context.reading() as store:
        rows = store.memory.rows(newest_first=True, after=context.number_cursor)
        live = (row for row in rows if is_live(row[1], now))
        page = ui.matches(context, live, lambda entry: f"{entry['key']}\n{entry['scope']}\n{_owner(entry)}")
    shown = {
        f"memory-{number}": {
            "Key": ui.wide(h.code(entry["key"].strip() or "(blank)")),
            "Value": ui.wide(_value(context, f"value-{number}", entry["value"])),
            "Scope": entry["scope"],
            "Owner": _owner(entry) or ui.NOTHING,
            "Updated": ui.moment(entry["updated_at"]),
            "Expires": ui.moment(entry["expires"]) if entry["expires"] is not None else "never",
            "(Actions)": ui.form(
                context,
                f"/ui/memory/{number}/delete",
                h.button("Delete", aria_label=f"Delete {entry['key']} in the scope {entry['scope']}"),
            ),
        }
        for number, entry in page.items
    }
    empty = "No values here. To set one, call ", h.code("client.memory.set(key, value)"), "."
    return [ui.table("Memory", shown, empty), ui.pager(context, page.more)]


def _value(context: ViewContext, name: str, value: Any) -> HTMLElement:
    line = ui.short(value, context)
    if not line.endswith("…"):
        return h.code(line)
    whole = ui.json_block(name, "Value", value, context)
    return h.details(h.summary(h.code(line)), whole, id=f"all-of-{name}", open=context.full == name)


def _owner(entry: StoredMemory) -> str:
    return {"user": entry["user_id"], "workflow": entry["workflow_id"]}.get(entry["scope"]) or ""


def delete_value(context: ViewContext) -> Done:
    """Delete the value in memory whose number the path has: a key may contain anything, even a secret."""
    store, place = context.app.store, context.as_number
    with store.transaction():
        for number, entry in islice(store.memory.rows(newest_first=True, after=place + 1), 1):
            if number == place and is_live(entry, context.app.clock.now()):
                store.memory.delete(entry["scope"], _owner(entry), entry["key"])
                return Done("/ui/organization", f"{entry['key']} was deleted.")
    raise not_found("number", "value in memory (it may have expired)", context.path["number"])


def _tools(context: ViewContext) -> Content:
    tools, rest = first_of(context, "/tools")
    handlers = context.app.environment.handlers
    rows = {
        f"tool-{tool['name']}": {
            "Name": h.code(tool["name"]),
            "What it does": ui.wide(tool["description"]),
            "Category": tool["category"],
            "Parameters": ui.wide(", ".join(tool["parameters"]["properties"]) or "any"),
            "Connected": "yes" if tool["connected"] else "no",
            "By": "default" if handlers.tool(canonical_tool(tool["name"])) is None else "your function",
        }
        for tool in tools
    }
    how = h.p("A function with ", h.code("@emulator.tool"), " replaces the default.")
    return [how, ui.table("Tools", rows), rest]
