"""Components that several pages have: states, times, JSON, tables, forms, programs to paste."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, Final, Literal, NamedTuple, TypeVar
from urllib.parse import parse_qsl, urlencode

from fibonacci._texts.text import time_text
from fibonacci.emulator.engine.records import QUEUED, WAITING
from fibonacci.emulator.http.messages import Detail, HTTPException, invalid, read_json
from fibonacci.emulator.page.context import NO_FLASH, PER_PAGE, Action, Done, Slice, ViewContext, segment
from fibonacci.emulator.page.html import Attribute, Content, HTMLElement, LivePart, h, icon
from fibonacci.emulator.state.clock import iso
from fibonacci.emulator.state.json_encoding import is_larger_than

ItemT = TypeVar("ItemT")
_PYTHON: Final = """from fibonacci import Fibonacci

client = Fibonacci(base_url={url!r})
"""

BRIEF: Final = 80
"""How many characters of a value are shown on a line."""

NOTHING: Final = "-"
"""Placeholder for a missing value."""

SHOWN: Final = 4_000
"""How many characters of a long text are shown at first."""

_INDENTED: Final = 200_000
"""JSON with more characters than about this isn't indented, because that would take too long."""

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
    return h.span(icon(_ICONS.get(name, "circle")), state_text(name), class_=f"state {name}")


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


def short(value: Any, context: ViewContext, length: int = BRIEF) -> str:
    """Return a value on one line, cut, for tables."""
    text = value if isinstance(value, str) else json_text(value, None)
    text = context.redact(text)  # before it is cut: a part of a secret would not be found
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
    text = context.redact(text)  # before it is cut: a part of a secret would not be found
    is_full = context.full == name
    is_cut = len(text) > SHOWN and not is_full
    # Its text says what it did, so a refresh must leave it alone.
    copy = h.button("Copy", type="button", class_="copy", aria_label=f"Copy: {title}", data_static="true")
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
    """Return a section that is rendered again only if what it shows has changed."""
    heading = f"about-{name}"
    return LivePart("section", name, seen, lambda: [h.h2(title, id=heading), make()], aria_labelledby=heading)


Row = Mapping[str, Content]
"""The cells of a row by their headings. A whole number is shown as one. A heading in parentheses is only read out."""


def table(label: str, rows: Mapping[str, Row], empty: Content = None) -> HTMLElement:
    """Return a table that scrolls in its own box where it is wider than the page.

    Args:
        label: What it lists.
        rows: Its rows by their IDs, which keep their places while the page is refreshed.
        empty: What to show if there are no rows: how to get one.
    """
    if not rows:
        return h.div(empty, class_="empty")
    heads = [
        h.th(
            h.span(name.strip("()"), class_="hidden") if name[0] == "(" else name,
            scope="col",
            class_="number" if isinstance(content, int) else None,
        )
        for name, content in next(iter(rows.values())).items()
    ]
    body = [h.tr(list(map(_cell, row.values())), id=name) for name, row in rows.items()]
    grid = h.table(h.caption(label, class_="hidden"), h.thead(h.tr(heads)), h.tbody(body))
    return h.div(grid, class_="scroll", tabindex=0, role="group", aria_label=label)


def _cell(content: Content) -> HTMLElement:
    if isinstance(content, int):
        return h.td(f"{content:,}", class_="number")
    return content if isinstance(content, HTMLElement) and content.tag == "td" else h.td(content)


def wide(*content: Content) -> HTMLElement:
    """Return a cell whose text breaks into lines."""
    return h.td(content, class_="name")


def matches(
    context: ViewContext, rows: Iterable[tuple[int, ItemT]], text_of: Callable[[ItemT], str] | None = None
) -> Slice:
    """Return a page of the items that contain the text being searched for, ignoring case.

    Args:
        context: The request.
        rows: The list, from the cursor on, each with its number.
        text_of: Returns the text of an item. A search doesn't find the secrets in it. By default, all items match.
    """
    wanted = (context.query.search_text("q") or "").casefold()
    if wanted and text_of is not None:
        rows = (row for row in rows if wanted in context.redact(text_of(row[1])).casefold())
    shown = list(islice(rows, PER_PAGE + 1))
    return Slice(shown[:PER_PAGE], str(shown[PER_PAGE - 1][0]) if len(shown) > PER_PAGE else None)


def pager(context: ViewContext, more: str | None) -> Content:
    """Return the links to the beginning of a list and to its next page."""
    first = None if context.query.text("cursor") is None else h.a("First page", href=with_query(context, cursor=None))
    following = None if more is None else h.a("Next page", href=with_query(context, cursor=more), rel="next")
    return h.nav(first, following, class_="pager", aria_label="Pages") if first or following else None


def facts(*pairs: tuple[str, Content]) -> HTMLElement:
    """Return a list of names and values, without the pairs that have no value."""
    return h.dl([h.div(h.dt(name), h.dd(value)) for name, value in pairs if value is not None], class_="facts")


_TEXTS: Final = ("text", "search", "lines", "choice")


class Field(NamedTuple):
    """One field of a form.

    Attributes:
        name: Its name in the form, and in the body of the request that the form sends.
        label: Its label, by default the name.
        kind: What is entered: a text of one line or of several, one of the options, a number, JSON, texts separated by
            commas, or yes or no.
        hint: What to enter.
        value: Its initial value.
        options: What to choose from, each with the text that is shown. For a text of one line, what is suggested.
        is_required: Whether it can't be empty.
    """

    name: str
    label: str = ""
    kind: Literal["text", "search", "lines", "number", "JSON", "choice", "list", "flag"] = "text"
    hint: str | None = None
    value: Any = None
    options: Mapping[str, str] = {}
    is_required: bool = False

    def initial_text(self) -> str:
        """Return the initial value as text."""
        if self.value is None or self.kind in _TEXTS:
            return str(self.value or "")
        return ", ".join(self.value) if self.kind == "list" else json_text(self.value)

    def read(self, text: str) -> Any:
        """Return what was entered.

        Raises:
            HTTPException: 422 if it isn't a number or JSON.
        """
        if self.kind in _TEXTS:
            return text if self.kind == "lines" else text.strip()
        if self.kind == "list":
            return [part.strip() for part in text.split(",") if part.strip()]
        try:
            return read_json(text.strip().encode("utf-8", "surrogatepass"))
        except HTTPException as error:
            reason = error.message.replace("The body is not JSON", "is not JSON")
            if self.kind == "number":
                reason = f"must be a number such as 60, not {text[:40]!r}"
            raise invalid(Detail(self.name, reason)) from None


def read_fields(form: Mapping[str, str], fields: Sequence[Field]) -> dict[str, Any]:
    """Return what was entered into a form, without the fields that are empty.

    Raises:
        HTTPException: 422 that names each field whose text can't be read.
    """
    values: dict[str, Any] = {}
    faults: list[Detail] = []
    for field in fields:
        text = form.get(field.name, "").replace("\r\n", "\n")
        try:
            if text.strip() or field.kind in ("list", "flag"):
                values[field.name] = text == "true" if field.kind == "flag" else field.read(text)
            elif field.is_required:
                faults.append(Detail(field.name, "must not be empty"))
        except HTTPException as error:
            faults += error.details
    if faults:
        raise invalid(*faults)
    return values


def calling(method: str, path: str, target: str, message: str, fields: Sequence[Field] = (), **empty: Any) -> Action:
    """Return the action of a form that sends its fields to an endpoint of the API or the control API.

    Args:
        method: The method.
        path: The path of the endpoint, with names in braces: those of the path of the action, and `organization`.
        target: The page to show next, likewise. If it is empty, the page with the form.
        message: What was done, with the names of fields too.
        fields: The fields of the form.
        empty: What the body has for fields that are left empty.
    """

    def act(context: ViewContext) -> Done:
        body = empty | read_fields(context.form, fields)
        names = {name: segment(text) for name, text in context.path.items()}
        context.send(method, path.format(**names, organization=segment(context.app.organization)), body or None)
        return Done(target.format(**names), message.format(**context.path, **body))

    return act


def form(context: ViewContext, action: str, *content: Content, **attributes: str) -> HTMLElement:
    """Return a form that changes something, and comes back to this page if it can't."""
    back = h.input(type="hidden", name="back", value=context.target)
    return h.form(content, back, method="post", action=action, data_static="true", **attributes)


def entry_form(
    context: ViewContext, name: str, action: str, fields: Sequence[Field], *rest: Content, button: str = ""
) -> HTMLElement:
    """Return a form with fields. After a failure, it shows what was entered and what is wrong with it.

    Args:
        context: The request.
        name: Its ID.
        action: Where to send it.
        fields: The fields.
        rest: What follows them.
        button: The word on its button, unless the rest has the buttons.
    """
    last = context.flash if context.flash.action == action else NO_FLASH
    entered = last.entered if last.is_error else {field.name: field.initial_text() for field in fields}
    submit = h.button(button, class_="primary") if button else None
    return form(context, action, controls(name, fields, entered, last.faults), rest, submit, id=name, class_="card")


def search_form(context: ViewContext, *fields: Field, faults: Sequence[Detail] = ()) -> HTMLElement:
    """Return the form that searches a list. Its address has what was entered, so that you can share a search."""
    path = context.target.partition("?")[0]
    entered = {field.name: context.query.search_text(field.name) or "" for field in fields}
    return h.form(
        controls("find", fields, entered, faults),
        h.button("Search", class_="primary"),
        h.a("Show all", href=path) if any(entered.values()) else None,
        action=path,
        role="search",
        id="find",
        class_="inline",
        data_static="true",
    )


def controls(
    name: str, fields: Sequence[Field], entered: Mapping[str, str], faults: Sequence[Detail]
) -> list[HTMLElement]:
    """Return the controls of a form with their labels, hints, and what is wrong with what was entered."""
    wrong: dict[str, list[str]] = {}
    for fault in faults:
        places = [field.name for field in fields if f"{fault.field}.".startswith((f"{field.name}.", f"{field.name}["))]
        if places:
            place = max(places, key=len)
            text = fault.message if fault.field == place else f"{fault.field}: {fault.message}"
            wrong.setdefault(place, []).append(text)
    return [
        _control(f"{name}-{number}", field, entered.get(field.name, ""), "; ".join(wrong.get(field.name, ())))
        for number, field in enumerate(fields)
    ]


def _control(place: str, field: Field, text: str, fault: str) -> HTMLElement:
    notes = {f"{place}-fault": (fault, "fault"), f"{place}-hint": (field.hint, "note")}
    shown = [h.p(note, class_=kind, id=name) for name, (note, kind) in notes.items() if note]
    described: dict[str, Attribute] = {
        "id": place,
        "name": field.name,
        "required": field.is_required,
        "spellcheck": "false",
        "aria_describedby": " ".join(str(note.attributes["id"]) for note in shown) or None,
        "aria_invalid": "true" if fault else None,
    }
    label = h.label(field.label or field.name, for_=place)
    if field.kind == "flag":
        box = h.input(type="checkbox", value="true", checked=text == "true", **described)
        return h.div(h.div(box, label, class_="check"), shown, class_="field")
    suggested: Content = None
    is_chosen = field.kind in ("choice", "JSON")  # of the options; for a text, they are suggestions
    options = [
        h.option(word, value=value, selected=is_chosen and value == text) for value, word in field.options.items()
    ]
    if options and is_chosen:
        control = h.select(options, **described)
    elif field.kind in ("lines", "JSON"):
        rows = min(max(text.count("\n") + 1, 1 if field.kind == "lines" else 3), 16)
        control = h.textarea(text, rows=rows, **described)
    else:
        kind = "text" if field.kind == "list" else field.kind
        suggestions = f"{place}-options" if options else None
        control = h.input(type=kind, value=text, list=suggestions, step="any", autocomplete="off", **described)
        suggested = h.datalist(options, id=suggestions) if options else None
    return h.div(label, control, suggested, shown, class_="field")


def example(name: str, title: str, lines: str, context: ViewContext) -> HTMLElement:
    """Return a program to paste: a client of this emulator, and what to do with it.

    Args:
        name: Its name on the page.
        title: What it is.
        lines: What to do with `client`.
        context: The request.
    """
    return text_block(name, title, _PYTHON.format(url=f"http://{context.address}/v1") + lines, context)
