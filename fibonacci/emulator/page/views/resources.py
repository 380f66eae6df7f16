"""What workflows use: values of memory, tools and models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final

from fibonacci.definitions.tools import canonical_tool
from fibonacci.emulator.engine.memory import is_live
from fibonacci.emulator.http.messages import not_found
from fibonacci.emulator.page.components import (
    NOTHING,
    example,
    facts,
    form,
    json_block,
    moment,
    pager,
    search_form,
    short,
    table,
    with_query,
)
from fibonacci.emulator.page.context import PER_PAGE, Done, PageContent, ViewContext
from fibonacci.emulator.page.html import Content, HTMLElement, h
from fibonacci.emulator.state.records import StoredMemory
from fibonacci.emulator.state.store import Store


def show_memory(context: ViewContext) -> PageContent:
    """Show the values, the newest first."""
    scope, owner = context.query.text("scope"), context.query.text("owner")
    with context.backend.reading() as store:
        counts = store.memory.counts()
        values = _values(context, store, context.number_cursor, scope)
        chosen = (row for row in values if owner in (None, _owner(row[1])) and _has_text(context, row[1]))
        shown = list(islice(chosen, PER_PAGE + 1))
    more = shown[PER_PAGE - 1][0] if len(shown) > PER_PAGE else None
    rows = [_value_row(context, number, entry) for number, entry in shown[:PER_PAGE]]
    empty: Content = [h.p("No values yet. To set one:"), example("set", "A first value · Python", _SET, context)]
    if counts:
        empty = h.p("No values match.")
    columns = ("Key", "Scope", "Owner", "Value", "Updated", "Expires", "")
    return PageContent(
        "Memory",
        [
            search_form(context, "Key or owner"),
            _scopes(context, scope, owner, counts) if counts else None,
            table("Memory", columns, rows, empty),
            pager(context, more),
        ],
        "Memory",
    )


_SET: Final = """print(client.memory.set("color", "blue", scope="global"))
"""


def _has_text(context: ViewContext, entry: StoredMemory) -> bool:
    return context.searched is None or context.searched.casefold() in f"{entry['key']}\n{_owner(entry)}".casefold()


def _scopes(context: ViewContext, chosen: str | None, owner: str | None, counts: Mapping[str, int]) -> HTMLElement:
    links = [
        h.li(
            h.a(
                text,
                href=with_query(context, scope=scope, owner=None, cursor=None),
                aria_current="true" if (scope, None) == (chosen, owner) else None,
            )
        )
        for text, scope in [("All", None), *((scope, scope) for scope in counts)]
    ]
    of_owner = h.li(h.a(f"{chosen or 'any'} {owner}", href=context.target, aria_current="true")) if owner else None
    return h.nav(h.ul(links, of_owner), class_="filters", aria_label="Scopes")


def show_value(context: ViewContext) -> PageContent:
    """Show one value."""
    with context.backend.reading() as store:
        number, entry = _find(context, store)
    return PageContent(
        entry["key"],
        [
            facts(
                ("Scope", entry["scope"]),
                ("Owner", _owner(entry)),
                ("Created", moment(entry["created_at"])),
                ("Updated", moment(entry["updated_at"])),
                ("Expires", moment(entry["expires"]) if entry["expires"] is not None else "never"),
            ),
            json_block("value", "Value", entry["value"], context),
            _delete_form(context, number, entry),
        ],
        "Memory",
    )


def delete_value(context: ViewContext) -> Done:
    """Delete one value."""
    with context.backend.app.store.transaction():
        _, entry = _find(context, context.backend.app.store)
        context.backend.app.store.memory.delete(entry["scope"], _owner(entry), entry["key"])
    return Done("/ui/memory", f"{entry['key']} was deleted.")


def _values(
    context: ViewContext, store: Store, before: int | None, scope: str | None = None
) -> Iterator[tuple[int, StoredMemory]]:
    now = context.backend.app.clock.now()
    where = {} if scope is None else {"scope": scope}
    rows = store.memory.rows(where, newest_first=True, after=before)
    return ((number, entry) for number, entry in rows if is_live(entry, now))


def _find(context: ViewContext, store: Store) -> tuple[int, StoredMemory]:
    """Return the value whose number the path has: a key may hold anything, also a secret."""
    text = context.path["number"]
    if text.isascii() and text.isdecimal() and len(text) < 18:
        for number, entry in islice(_values(context, store, int(text) + 1), 1):
            if number == int(text):
                return number, entry
    raise not_found("number", "value in memory (it may have expired)", text)


def _owner(entry: StoredMemory) -> str:
    owner = {"user": entry["user_id"], "workflow": entry["workflow_id"]}.get(entry["scope"])
    return owner or ""


def _value_row(context: ViewContext, number: int, entry: StoredMemory) -> HTMLElement:
    return h.tr(
        h.td(h.a(h.code(entry["key"].strip() or "(blank)"), href=f"/ui/memory/{number}"), class_="name"),
        h.td(entry["scope"]),
        h.td(_owner(entry) or NOTHING),
        h.td(h.code(short(entry["value"], context)), class_="name"),
        h.td(moment(entry["updated_at"])),
        h.td(moment(entry["expires"]) if entry["expires"] is not None else "never"),
        h.td(_delete_form(context, number, entry)),
        id=f"memory-{number}",
    )


def _delete_form(context: ViewContext, number: int, entry: StoredMemory) -> HTMLElement:
    label = f"Delete {entry['key']} in the scope {entry['scope']}"
    return form(context, f"/ui/memory/{number}/delete", h.button("Delete", aria_label=label), data_static="true")


def show_tools(context: ViewContext) -> PageContent:
    """Show the tools, and the known models."""
    page = context.backend.items("/tools", context.cursor)
    environment = context.backend.app.environment
    own = {canonical_tool(name) for name in environment.handlers.tools}
    rows = [_tool_row(tool, is_own=canonical_tool(tool["name"]) in own) for tool in page.items]
    columns = ("Name", "Category", "What it does", "Parameters", "Connected", "Carried out by")
    own_function = h.code("@emulator.tool")
    return PageContent(
        "Tools",
        [
            h.p("A star marks required parameters. A function with ", own_function, " replaces the default."),
            table("Tools", columns, rows, h.p("No tools.")),
            pager(context, page.more),
            h.section(
                h.h2("Models", id="models"),
                h.p("The emulator knows these and warns about others. Add names to ", h.code("emulator.models"), "."),
                h.ul([h.li(h.code(name)) for name in environment.models], class_="words"),
                aria_labelledby="models",
            ),
        ],
        "Tools",
    )


def _tool_row(tool: Any, *, is_own: bool) -> HTMLElement:
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
