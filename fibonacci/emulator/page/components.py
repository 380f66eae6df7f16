"""Components that several pages have: states, times, JSON, tables, forms, programs to paste."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping, Sequence
from pprint import pformat
from shlex import quote
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from fibonacci._text import time_text
from fibonacci.definitions.checks.inputs import check_inputs
from fibonacci.definitions.json_types import is_array, is_object
from fibonacci.emulator.engine.records import QUEUED, WAITING
from fibonacci.emulator.http.bodies import read_json
from fibonacci.emulator.http.messages import Detail, HTTPException, bad_request, invalid
from fibonacci.emulator.page.context import ViewContext, segment
from fibonacci.emulator.page.html import Attribute, Content, HTMLElement, h, icon
from fibonacci.emulator.state.clock import iso
from fibonacci.emulator.state.json_encoding import JSONObject, is_larger_than, to_text

_MOST_FIELDS: Final = 100
_PYTHON: Final = """from fibonacci import Fibonacci

client = Fibonacci(base_url={url!r})
"""
_RUN: Final = """result = client.workflows.run({workflow_id!r}, inputs={inputs})
print(result.outputs)
"""
_CURL: Final = """curl -sS {url} \\
  -H "Authorization: Bearer $FIBONACCI_API_KEY" \\
  -H 'Content-Type: application/json' \\
  --data-raw {body}
"""


def read_form(body: bytes) -> dict[str, str]:
    """Return the fields of a form as a browser sends it.

    Raises:
        HTTPException: 400 if it can't be read.
    """
    try:
        text = body.decode("ascii")
        return dict(parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS))
    except ValueError as error:
        raise bad_request(f"The form can't be read: {error}", "form") from None


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
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise invalid(Detail(name, f"must be a number such as 60, not {text[:40]!r}"))
    return int(value) if value.is_integer() else value


def json_object(form: Mapping[str, str], name: str) -> Mapping[str, Any]:
    """Return the JSON object in a field, which is empty if the field is.

    Raises:
        HTTPException: 422 that says where the JSON stops being valid.
    """
    text = form.get(name, "").strip()
    if not text:
        return {}
    try:
        content = read_json(text.encode("utf-8", "surrogatepass"))
    except HTTPException as error:
        raise invalid(Detail(name, error.message.replace("The body is not JSON", "is not JSON"))) from None
    if not is_object(content):
        raise invalid(Detail(name, 'must be a JSON object such as {"topic": "tides"}'))
    return content


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
    text = value if isinstance(value, str) else _json_text(value)
    return text_block(name, f"{title} · {kind}" if value not in (None, {}, []) else title, text, context)


def raw_block(name: str, title: str, raw: bytes, context: ViewContext) -> HTMLElement:
    """Return the body of a message, as JSON if it is JSON."""
    try:
        return json_block(name, title, json.loads(raw), context)
    except (ValueError, RecursionError):
        return text_block(name, f"{title} · text", raw.decode("utf-8", "replace"), context)


def is_brief(value: Any) -> bool:
    """Return whether a value is short enough to need no block."""
    return not (is_object(value) or is_array(value) or (isinstance(value, str) and len(value) > BRIEF))


def short(value: Any, context: ViewContext, length: int = BRIEF) -> str:
    """Return a value on one line, cut, for tables."""
    if not isinstance(value, str):
        value = (
            _json_text(value, indent=None) if not is_larger_than(value, _INDENTED) else "more than 200,000 characters"
        )
    text = context.backend.redact(value)  # before it is cut: a part of a secret would not be found
    return " ".join(text[:length].split()) + ("…" if len(text) > length else "")


def _json_text(value: Any, indent: int | None = 2) -> str:
    if is_larger_than(value, _INDENTED):
        indent = None
    return json.dumps(value, ensure_ascii=False, indent=indent)


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
    return h.div(
        h.div(h.p(title, class_="label"), copy, class_="head"),
        h.pre(
            f"{text[:SHOWN]}…" if is_cut else text,
            class_="all" if is_full else None,
            tabindex=0,
            role="group",
            aria_label=title,
        ),
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


def table(
    label: str, columns: Sequence[str], rows: Sequence[HTMLElement], empty: Content, numbers: Collection[str] = ()
) -> HTMLElement:
    """Return a table that scrolls in its own box where it is wider than the page.

    Args:
        label: What it lists.
        columns: The headings. An empty heading is for a column of actions.
        rows: Its rows. Each has an `id`, so that it keeps its place while the page is refreshed.
        empty: What to show if there are no rows: how to get one.
        numbers: The headings of the columns of numbers.
    """
    if not rows:
        return h.div(empty, class_="empty")
    heads = [
        h.th(column or h.span("Actions", class_="hidden"), scope="col", class_="number" if column in numbers else None)
        for column in columns
    ]
    grid = h.table(h.caption(label, class_="hidden"), h.thead(h.tr(heads)), h.tbody(rows))
    return h.div(grid, class_="scroll", tabindex=0, role="group", aria_label=label)


def pager(context: ViewContext, more: str | int | None) -> Content:
    """Return the links to the beginning of a list and to its next page."""
    first = None if context.query.text("cursor") is None else h.a("First page", href=with_query(context, cursor=None))
    following = None if more is None else h.a("Next page", href=with_query(context, cursor=more), rel="next")
    return h.nav(first, following, class_="pager", aria_label="Pages") if first or following else None


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
    return h.form(content, back, method="post", action=action, **attributes)


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


def run_snippets(context: ViewContext, workflow_id: str, definition: Any, inputs: JSONObject) -> HTMLElement:
    """Return programs that run a workflow with the same inputs outside of the page, ready to paste.

    They read the key from the variable `FIBONACCI_API_KEY` and never contain it. A secret in the inputs is `***`.
    """
    url = f"http://{context.address}/v1"
    at_workflow = f"{url}/workflows/{segment(workflow_id)}/execute"
    # Escaped beyond ASCII, because a terminal may misread the bytes of other characters.
    body, given = to_text({"inputs": inputs}), to_text(inputs)
    run = _RUN.format(workflow_id=workflow_id, inputs=pformat(inputs, width=100, sort_dicts=False))
    is_refused = any(it.severity == "error" or it.code == "unused_input" for it in check_inputs(definition, inputs))
    words = f"run {quote(workflow_id)} --inputs {quote(given)}"
    if is_refused:  # `run` checks the inputs, which were run all the same
        words = f"request POST {quote(f'/workflows/{segment(workflow_id)}/execute')} --data {quote(body)}"
    command = f"FIBONACCI_BASE_URL={quote(url)} fibonacci {words}\n"
    is_redacted = context.backend.redact(given) != given
    return h.details(
        h.summary("Run it from code"),
        h.div(
            h.p(
                "It reads the key from ",
                h.code("FIBONACCI_API_KEY"),
                ". The shell can be bash, zsh or sh.",
                class_="note",
            ),
            h.p("Replace each *** with the secret that it hides.", class_="flash warning") if is_redacted else None,
            example("python", "Python", run, context),
            text_block("curl", "curl", _CURL.format(url=quote(at_workflow), body=quote(body)), context),
            text_block("command", "Command", command, context),
            class_="details",
        ),
        id="snippets",
        open=context.full in ("python", "curl", "command"),
    )
