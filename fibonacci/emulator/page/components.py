"""Components that several pages have: states, times, JSON, tables, forms, programs to paste."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from fibonacci._texts.text import time_text
from fibonacci.definitions.json_types import is_array, is_object
from fibonacci.emulator.engine.records import QUEUED, WAITING
from fibonacci.emulator.http.bodies import read_json
from fibonacci.emulator.http.messages import Detail, HTTPException, bad_request, invalid
from fibonacci.emulator.page.context import Done, ViewContext
from fibonacci.emulator.page.html import Attribute, Content, HTMLElement, LivePart, h, icon
from fibonacci.emulator.state.clock import iso
from fibonacci.emulator.state.json_encoding import is_larger_than

_MOST_FIELDS: Final = 100
_PYTHON: Final = """from fibonacci import Fibonacci

client = Fibonacci(base_url={url!r})
"""


def read_form(body: bytes) -> dict[str, str]:
    """Return the fields of a form as a browser sends it. Those of checkboxes with one name are joined by commas.

    Raises:
        HTTPException: 400 if it can't be read.
    """
    fields: dict[str, str] = {}
    try:
        text = body.decode("ascii")
        for name, value in parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS):
            fields[name] = f"{fields[name]},{value}" if name in fields else value
    except ValueError as error:
        raise bad_request(f"The form can't be read: {error}", "form") from None
    return fields


def required(form: Mapping[str, str], name: str, remedy: str) -> str:
    """Return the text of a field.

    Raises:
        HTTPException: 422 with the remedy if it is empty.
    """
    text = form.get(name, "").strip()
    if not text:
        raise invalid(Detail(name, remedy))
    return text


def number(form: Mapping[str, str], name: str) -> float | int | None:
    """Return the number in a field, or `None` if it is empty.

    Raises:
        HTTPException: 422 if it isn't a number.
    """
    text = form.get(name, "").strip()
    try:
        value = float(text or 0)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise invalid(Detail(name, f"must be a number such as 60, not {text[:40]!r}"))
    return None if not text else int(value) if value.is_integer() else value


def read_field(text: str, name: str) -> Any:
    """Return the JSON in a field.

    Raises:
        HTTPException: 422 that says where the JSON stops being valid.
    """
    try:
        return read_json(text.strip().encode("utf-8", "surrogatepass"))
    except HTTPException as error:
        raise invalid(Detail(name, error.message.replace("The body is not JSON", "is not JSON"))) from None


def changed(context: ViewContext, method: str, path: str, body: Any, target: str, message: str) -> Done:
    """Carry out a request that changes something, and lead to a page that says what was done."""
    context.backend.send(method, path, body)
    return Done(target, message)


BRIEF: Final = 80
"""How many characters of a value are shown on a line."""

NOTHING: Final = "-"
"""Placeholder for a missing value."""

SHOWN: Final = 4_000
"""How many characters of a long text are shown at first."""

_INDENTED: Final = 200_000
"""From about how many characters on JSON isn't indented, because that would take too long."""

_ICONS: Final[Mapping[str, str]] = {
    "completed": "check",
    "failed": "cross",
    "running": "play",
    WAITING: "hand",
    QUEUED: "circle",
    "skipped": "dash",
    "cancelled": "slash",
}
"""The icon of each state of an execution or a node."""


def state(name: str) -> HTMLElement:
    """Return the state of an execution or a node: color, shape and word."""
    kind = name if name in _ICONS else "unknown"
    return h.span(icon(_ICONS.get(name, "circle")), state_text(name), class_=f"state {kind}")


def state_text(name: str) -> str:
    """Return a state as the API spells it, with a space for the underscore."""
    return name.replace("_", " ")


def moment(when: str | float | None, *, exact: bool = False) -> Content:
    """Return a time of the emulator's clock, in UTC, to the second or exact to the millisecond."""
    if when is None:
        return NOTHING
    text = when if isinstance(when, str) else iso(when)
    return h.time(f"{text[:10]} {text[11 : 23 if exact else 19]}", datetime=text)


def duration(milliseconds: float | None) -> str:
    """Return a duration in words."""
    return NOTHING if milliseconds is None else time_text(milliseconds)


def json_block(name: str, title: str, value: Any, context: ViewContext) -> HTMLElement:
    """Return a value as a `text_block`: a text as it is, anything else as JSON."""
    kind = "text" if isinstance(value, str) else "JSON"
    text = value if isinstance(value, str) else json_text(value)
    return text_block(name, f"{title} · {kind}" if value not in (None, {}, []) else title, text, context)


def is_brief(value: Any) -> bool:
    """Return whether a value is short enough to need no block."""
    return not (is_object(value) or is_array(value) or (isinstance(value, str) and len(value) > BRIEF))


def short(value: Any, context: ViewContext, length: int = BRIEF) -> str:
    """Return a value on one line, cut, for tables."""
    if not isinstance(value, str):
        value = json_text(value, None) if not is_larger_than(value, _INDENTED) else "more than 200,000 characters"
    text = context.backend.redact(value)  # before it is cut: a part of a secret would not be found
    return " ".join(text[:length].split()) + ("…" if len(text) > length else "")


def json_text(value: Any, indent: int | None = 2) -> str:
    """Return JSON to read, indented if it isn't large."""
    return json.dumps(value, ensure_ascii=False, indent=None if is_larger_than(value, _INDENTED) else indent)


def text_block(name: str, title: str, text: str, context: ViewContext) -> HTMLElement:
    """Return a text as it is. A long one is cut, with a link to all of it, and a button copies all of it.

    Args:
        name: Its name on the page.
        title: What it is.
        text: The text.
        context: The request.
    """
    text = context.backend.redact(text)  # before it is cut: a part of a secret would not be found
    is_full = context.full == name
    is_cut = len(text) > SHOWN and not is_full
    label = f"Copy: {title}"
    copy = h.button("Copy", type="button", class_="copy", aria_label=label, data_static="true")  # it says what it did
    link = h.a(f"Show all {len(text):,} characters", class_="whole", href=f"{with_query(context, full=name)}#{name}")
    shown = f"{text[:SHOWN]}…" if is_cut else text
    return h.div(
        h.div(h.p(title, class_="label"), copy, class_="head"),
        h.pre(shown, class_="all" if is_full else None, tabindex=0, role="group", aria_label=title),
        h.p(link) if is_cut else None,
        class_="block",
        id=name,
    )


def with_query(context: ViewContext, **changes: str | int | None) -> str:
    """Return the address of the same page with other query parameters."""
    path, _, query = context.target.partition("?")
    values = dict(parse_qsl(query)) | changes
    kept = {name: value for name, value in values.items() if value is not None}
    return f"{path}?{urlencode(kept)}" if kept else path


def section(title: str, *content: Content, name: str | None = None) -> HTMLElement:
    """Return a section with its heading. `name` is the ID of the heading, by default made of the title."""
    name = name or f"about-{title.lower().replace(' ', '-')}"
    return h.section(h.h2(title, id=name), *content, aria_labelledby=name)


def part(title: str, seen: object, make: Any, name: str) -> HTMLElement:
    """Return a section that is made again only if what it shows has changed."""
    heading = f"about-{name}"
    return LivePart("section", name, seen, lambda: [h.h2(title, id=heading), make()], aria_labelledby=heading)


Row = tuple[Content, ...]
"""The ID of a row, which keeps its place while the page is refreshed, and its cells."""


def table(label: str, columns: Mapping[str, str], rows: Sequence[Row], empty: Content = None) -> HTMLElement:
    """Return a table that scrolls in its own box where it is wider than the page.

    Args:
        label: What it lists.
        columns: The headings, with the classes of the cells below. One in parentheses, of a column of actions, is only
            read out.
        rows: Its rows.
        empty: What to show if there are no rows: how to get one.
    """
    if not rows:
        return h.div(empty, class_="empty")
    heads = [
        h.th(h.span(name.strip("()"), class_="hidden") if name[0] == "(" else name, scope="col", class_=kind or None)
        for name, kind in columns.items()
    ]
    cells = [partial(HTMLElement, "td", class_=kind or None) for kind in columns.values()]
    body = [h.tr([cell(content) for cell, content in zip(cells, row[1:], strict=True)], id=str(row[0])) for row in rows]
    grid = h.table(h.caption(label, class_="hidden"), h.thead(h.tr(heads)), h.tbody(body))
    return h.div(grid, class_="scroll", tabindex=0, role="group", aria_label=label)


def pager(context: ViewContext, more: str | int | None) -> Content:
    """Return the links to the beginning of a list and to its next page."""
    first = None if context.query.text("cursor") is None else h.a("First page", href=with_query(context, cursor=None))
    following = None if more is None else h.a("Next page", href=with_query(context, cursor=more), rel="next")
    return h.nav(first, following, class_="pager", aria_label="Pages") if first or following else None


def choices(
    context: ViewContext,
    label: str,
    name: str,
    options: Mapping[str, str | None],
    counts: Mapping[str, int] | None = None,
) -> HTMLElement:
    """Return links to the same list by one query parameter, with the chosen one marked.

    Args:
        context: The request.
        label: What is chosen.
        name: The parameter.
        options: The values by their texts. `None` is the list without the parameter.
        counts: How many there are, by text.
    """
    chosen = context.query.searched(name)
    links = [
        h.a(
            text,
            [" ", h.span(f"{counts.get(text, 0):,}", class_="count")] if counts is not None else None,
            href=with_query(context, **{name: value, "cursor": None}),
            aria_current="true" if value == chosen else None,
        )
        for text, value in options.items()
    ]
    return h.nav(h.ul(list(map(h.li, links))), class_="filters", aria_label=label)


def search_form(context: ViewContext, label: str) -> HTMLElement:
    """Return the form that searches a list. Its address has the text, so that you can share a search."""
    path, _, query = context.target.partition("?")
    kept = [(name, value) for name, value in parse_qsl(query) if name not in ("q", "cursor", "full")]
    return h.form(
        [h.input(type="hidden", name=name, value=value) for name, value in kept],
        h.label(label, for_="search"),
        h.input(type="search", id="search", name="q", value=context.searched or "", autocomplete="off"),
        h.button("Search"),
        h.a("Show all", href=with_query(context, q=None, cursor=None)) if context.searched else None,
        action=path,
        role="search",
        class_="inline",
        data_static="true",
    )


def facts(*pairs: tuple[str, Content]) -> HTMLElement:
    """Return a list of names and values, without the pairs that have no value."""
    return h.dl([h.div(h.dt(name), h.dd(value)) for name, value in pairs if value is not None], class_="facts")


def form(context: ViewContext, action: str, *content: Content, **attributes: str) -> HTMLElement:
    """Return a form that changes something, and comes back to this page if it can't."""
    back = h.input(type="hidden", name="back", value=context.target)
    return h.form(content, back, method="post", action=action, data_static="true", **attributes)


def field(label: str, control: HTMLElement, hint: str | None = None, fault: str | None = None) -> HTMLElement:
    """Return a control, which has an `id`, with its label, a hint, and what is wrong with what was entered."""
    name = str(control.attributes["id"])
    notes = {f"{name}-fault": (fault, "fault"), f"{name}-hint": (hint, "note")}
    shown = [h.p(text, class_=kind, id=note) for note, (text, kind) in notes.items() if text is not None]
    described: dict[str, Attribute] = {
        "aria_describedby": " ".join(str(note.attributes["id"]) for note in shown) or None,
        "aria_invalid": None if fault is None else "true",
    }
    control = HTMLElement(control.tag, *control.children, **control.attributes | described)
    return h.div(h.label(label, for_=name), control, shown, class_="field")


def entry(
    context: ViewContext, label: str, name: str, value: str = "", hint: str | None = None, **more: Attribute
) -> HTMLElement:
    """Return a field of one line, whose name is also its ID, with what was entered last."""
    given = context.entered.get(name, value)
    return field(label, h.input(id=name, name=name, value=given, autocomplete="off", spellcheck="false", **more), hint)


def amount(
    context: ViewContext, label: str, name: str, value: str = "", hint: str | None = None, least: int = 0
) -> HTMLElement:
    """Return a field of a number."""
    return entry(context, label, name, value, hint, type="number", min=least, step="any", inputmode="decimal")


def area(name: str, text: str, rows: int, key: str | None = None) -> HTMLElement:
    """Return a control for several lines."""
    return h.textarea(
        text, id=name, name=key or name, rows=min(max(text.count("\n") + 1, rows), 16), spellcheck="false"
    )


def check(label: Content, name: str, value: str, key: str = "true", **more: Attribute) -> HTMLElement:
    """Return a checkbox with its label.

    Args:
        label: The label.
        name: The name of the field.
        value: What is checked: the keys that were entered, joined by commas.
        key: What is sent if it is checked.
        more: Other attributes of the checkbox.
    """
    place = name if key == "true" else f"{name}-{key}"
    box = h.input(type="checkbox", id=place, name=name, value=key, checked=key in value.split(","), **more)
    return h.div(box, h.label(label, for_=place), class_="check")


def example(name: str, title: str, lines: str, context: ViewContext) -> HTMLElement:
    """Return a program to paste: a client of this emulator, and what to do with it.

    Args:
        name: Its name on the page.
        title: What it is.
        lines: What to do with `client`. `{organization}` is the ID of the organization.
        context: The request.
    """
    done = lines.replace("{organization}", context.backend.app.organization)
    return text_block(name, title, _PYTHON.format(url=f"http://{context.address}/v1") + done, context)
