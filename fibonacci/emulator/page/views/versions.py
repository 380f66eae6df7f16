"""Versions of a workflow: the list, how two of them differ, and rolling back to one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from difflib import SequenceMatcher
from typing import Any, Final

from fibonacci._text import counted
from fibonacci.definitions.comparison import DefinitionChange, diff
from fibonacci.definitions.files.writing import in_order
from fibonacci.definitions.json_types import is_array, is_object
from fibonacci.emulator.http.messages import Detail, invalid
from fibonacci.emulator.page.components import NOTHING, SHOWN, facts, field, form, json_block, moment, pager, table
from fibonacci.emulator.page.context import Done, PageContent, ViewContext, segment
from fibonacci.emulator.page.html import Content, HTMLElement, h

_MOST_LINES: Final = 1_500
"""How many lines of a version are compared, because the time grows with their square."""

_MOST_WORDS: Final = 400
"""How many words of a line are compared."""

_MOST_CHANGES: Final = 50
_AROUND: Final = 3  # equal lines that are shown before and after what differs
_LATEST: Final = 5


def show_list(context: ViewContext) -> PageContent:
    """Show the versions of a workflow, the newest first, and the form that compares two."""
    workflow = _workflow(context)
    page = context.backend.items(f"{_path(workflow)}/versions", context.cursor)
    latest = workflow["version"]
    return PageContent(
        f"Versions of {name_of(workflow)}",
        [
            h.p("Each update of the workflow creates a version, and so does a rollback. No version is ever lost."),
            _compare_form(workflow, max(latest - 1, 1), latest),
            _table(workflow, page.items),
            pager(context, page.more),
        ],
        "Workflows",
    )


def latest_versions(context: ViewContext, workflow: Any) -> Content:
    """Return the latest versions of a workflow, for its page, with a link to all of them."""
    page = context.backend.items(f"{_path(workflow)}/versions", None, limit=_LATEST)
    every = h.a("All versions, and the differences between any two", href=f"/ui{_path(workflow)}/versions")
    return [_table(workflow, page.items), h.p(every)]


def show(context: ViewContext) -> PageContent:
    """Show one version, and what rolling back to it changes."""
    workflow = _workflow(context)
    version = _version(context, workflow, context.path["version"])
    number, latest = version["version"], workflow["version"]
    return PageContent(
        f"Version {number} of {name_of(workflow)}",
        [
            facts(
                ("Workflow", h.a(name_of(workflow), href=f"/ui{_path(workflow)}")),
                ("Place", "the latest version" if number == latest else f"{number} of {latest}"),
                ("Created", moment(version["created_at"])),
                ("Made by", _origin(version)),
                ("Nodes", node_count(version)),
            ),
            None if number == latest else _rollback_section(context, workflow, version),
            h.section(
                h.h2("Definition", id="source"),
                json_block("definition", "Definition", version["definition"], context),
                aria_labelledby="source",
            ),
        ],
        "Workflows",
    )


def compare(context: ViewContext) -> PageContent:
    """Show how two versions differ."""
    workflow = _workflow(context)
    numbers = [
        context.query.integer(name, default=workflow["version"], lowest=1, highest=10**9) for name in ("old", "new")
    ]
    old, new = (_version(context, workflow, str(number)) for number in numbers)
    return PageContent(
        f"Versions {numbers[0]} and {numbers[1]} of {name_of(workflow)}",
        [_compare_form(workflow, *numbers), _difference(context, old, new)],
        "Workflows",
    )


def rollback(context: ViewContext) -> Done:
    """Roll back to a version, if nobody has changed the workflow since its page was shown."""
    workflow = _workflow(context)
    latest = str(workflow["version"])
    if context.form.get("latest") != latest:
        reason = f"is {latest} now, because somebody changed the workflow. Look at the differences, then decide again"
        raise invalid(Detail("version", reason))
    number = context.path["version"]
    made = context.backend.send("POST", f"/v1{_path(workflow)}/versions/{segment(number)}/rollback")["data"]
    return Done(f"/ui{_path(workflow)}", f"The workflow is back at version {number}, as version {made['version']}.")


def _workflow(context: ViewContext) -> Any:
    return context.backend.get(f"/workflows/{segment(context.path['workflow_id'])}")


def _version(context: ViewContext, workflow: Any, number: str) -> Any:
    return context.backend.get(f"{_path(workflow)}/versions/{segment(number)}")


def _path(workflow: Any) -> str:
    return f"/workflows/{segment(workflow['id'])}"


def name_of(workflow: Any) -> str:
    """Return the name of a workflow, or its ID if the name is blank."""
    return str(workflow["name"].strip() or workflow["id"])


def node_count(version: Any) -> int:
    """Return the number of nodes of a workflow or a version."""
    definition: Mapping[str, Any] = version["definition"] or {}
    return len(definition.get("nodes", ()))


def _origin(version: Any) -> str:
    source = version["rolled_back_from"]
    if source is not None:
        return f"a rollback to version {source}"
    return "the creation of the workflow" if version["version"] == 1 else "an update"


def _table(workflow: Any, versions: Sequence[Any]) -> HTMLElement:
    columns = ("Version", "Differences", "Made by", "Nodes", "Name", "Created")
    return table("Versions", columns, [_row(workflow, version) for version in versions], None, ("Nodes",))


def _row(workflow: Any, version: Any) -> HTMLElement:
    number, latest = version["version"], workflow["version"]
    ways = {"from the previous one": (number - 1, number), "from the latest": (number, latest)}
    links = [
        h.a(text, href=f"/ui{_path(workflow)}/compare?old={old}&new={new}", aria_label=f"Version {number}: {text}")
        for text, (old, new) in ways.items()
        if old >= 1 and old != new
    ]
    name = f"{number} (latest)" if number == latest else number
    return h.tr(
        h.td(h.a(name, href=f"/ui{_path(workflow)}/versions/{number}")),
        h.td(h.span(links, class_="links") if links else NOTHING),
        h.td(_origin(version)),
        h.td(node_count(version), class_="number"),
        h.td(version["name"], class_="name"),
        h.td(moment(version["created_at"])),
        id=f"version-{number}",
    )


def _compare_form(workflow: Any, old: int, new: int) -> HTMLElement:
    last = workflow["version"]
    controls = [
        field(
            label,
            h.input(type="number", id=name, name=name, value=value, min=1, max=last, required=True),
        )
        for label, name, value in (("From version", "old", old), ("to version", "new", new))
    ]
    return h.form(
        controls,
        h.button("Compare"),
        action=f"/ui{_path(workflow)}/compare",
        class_="inline",
        id="compare",
        data_static="true",
    )


def _rollback_section(context: ViewContext, workflow: Any, version: Any) -> HTMLElement:
    number, latest = version["version"], workflow["version"]
    return h.section(
        h.h2(f"Roll back to version {number}?", id="rollback"),
        h.ul(
            h.li(f"This creates version {latest + 1}, with the name, description and definition of version {number}."),
            h.li(f"Versions 1 to {latest} stay, so you can roll back again."),
            h.li("Runs that have started or are waiting for approval keep the version that they were requested with."),
            class_="points",
        ),
        form(
            context,
            f"/ui{_path(workflow)}/versions/{number}/rollback",
            h.input(type="hidden", name="latest", value=latest),
            h.button(f"Roll back to version {number}", class_="danger"),
            id="rollback-form",
        ),
        h.p(f"From version {latest} to version {number}, this changes:"),
        _difference(context, _version(context, workflow, str(latest)), version),
        aria_labelledby="rollback",
    )


def _difference(context: ViewContext, old: Any, new: Any) -> Content:
    """Return how two versions differ: what the definitions mean first, then their texts line by line."""
    before, after = ([*_lines(_shown(context, version))] for version in (old, new))
    if before == after:
        return h.p(f"Version {old['version']} and version {new['version']} are the same.", class_="empty")
    if max(len(before), len(after)) > _MOST_LINES:
        lines: Content = h.p(
            f"A version has more than {_MOST_LINES:,} lines, so they aren't compared line by line.", class_="note"
        )
    else:
        label = f"From version {old['version']} to version {new['version']}, line by line"
        lines = h.pre([*_compared(before, after)], class_="diff all", tabindex=0, role="group", aria_label=label)
    return [_meaning(context, old["definition"] or {}, new["definition"] or {}), lines]


def _meaning(context: ViewContext, old: Any, new: Any) -> Content:
    changes = diff(*map(context.backend.redact_json, (old, new))).changes
    if not changes:
        return h.p("The definitions mean the same.")
    rest = len(changes) - _MOST_CHANGES
    return [
        h.p(f"{counted(len(changes), 'difference')} in what the definitions mean:"),
        h.ul([h.li(_change(change)) for change in changes[:_MOST_CHANGES]], class_="points"),
        h.p(f"And {rest:,} more.", class_="note") if rest > 0 else None,
    ]


def _change(change: DefinitionChange) -> Content:
    what = "The node " if change.node == change.location else ""
    return [what, h.code(change.location), f" was {change.kind}."]


def _shown(context: ViewContext, version: Any) -> Any:
    """Return a version as its text shows it, the keys in the order in which people read them, without secrets."""
    definition = version["definition"]
    with suppress(ValueError):  # it has both spellings of a field, or is too deep: shown as it is
        definition = definition and in_order(definition, generation="newer")
    shown = {"name": version["name"], "description": version["description"], "definition": definition}
    return context.backend.redact_json(shown)  # before it is compared: a part of a secret would not be found


def _lines(value: Any, lead: str = "", indent: str = "") -> Iterator[str]:
    """Yield the lines of a value as in YAML, so that each line of a long text is a separate line.

    Args:
        value: The value.
        lead: What comes before it, such as `name:`.
        indent: What each of its lines begins with.
    """
    if (is_object(value) or is_array(value)) and value:
        if lead:
            yield lead
        for key, member in value.items() if is_object(value) else ():
            yield from _lines(member, f"{indent}{key}:", f"{indent}  ")
        for element in value if is_array(value) else ():
            first, *rest = _lines(element, "", f"{indent}  ")
            yield f"{indent}- {first.lstrip()}"
            yield from rest
    elif isinstance(value, str) and "\n" in value:
        yield f"{lead} |"
        yield from (f"{indent}{line}" for line in value.split("\n"))
    else:
        yield f"{lead} {json.dumps(value, ensure_ascii=False)}"


def _compared(before: Sequence[str], after: Sequence[str]) -> Iterator[HTMLElement]:
    for number, group in enumerate(SequenceMatcher(None, before, after).get_grouped_opcodes(_AROUND)):
        if number:
            yield h.span("…", class_="gap")
        for kind, old_begin, old_end, new_begin, new_end in group:
            old, new = before[old_begin:old_end], after[new_begin:new_end]
            if kind == "equal":
                yield from (h.span("  ", _cut(line), class_="same") for line in old)
                continue
            pairs = dict(zip(old, new, strict=False)) if len(old) == len(new) else {}
            yield from (HTMLElement("del", "- ", _marked(line, pairs.get(line))) for line in old)
            back = {new_line: old_line for old_line, new_line in pairs.items()}
            yield from (h.ins("+ ", _marked(line, back.get(line))) for line in new)


def _marked(line: str, other: str | None) -> Content:
    """Return a line with the words marked that the other one does not have in this place."""
    words, others = (re.findall(r"\w+|\s+|.", text) for text in (line, other or ""))
    if other is None or len(line) > SHOWN or max(len(words), len(others)) > _MOST_WORDS:
        return _cut(line)
    return [
        "".join(words[begin:end]) if kind == "equal" else h.mark("".join(words[begin:end]))
        for kind, begin, end, _, _ in SequenceMatcher(None, words, others, autojunk=False).get_opcodes()
        if begin != end
    ]


def _cut(line: str) -> str:
    return line if len(line) <= SHOWN else f"{line[:SHOWN]}… ({len(line):,} characters)"
