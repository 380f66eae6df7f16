"""From a row of the endpoint table to the command line that makes the same call."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fibonacci.cli.call_tables import GROUPS
from fibonacci.cli.calls.entries import CallEntry, CallGroup, CallParameter, calls_of
from tests.endpoints.table import ROWS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.endpoints.endpoint_row import EndpointRow


COMMAND_ROWS = [row for row in ROWS if row.call != "workflows.execute" and not row.options.get("cursor")]
"""The rows that commands have: `fibonacci run --detach` starts a workflow, and `--all` reads a list to its end."""


def calls() -> dict[str, CallEntry]:
    """Return every derived call by its dotted name in Python."""
    return {path.replace("-", "_"): entry for name in GROUPS for path, entry in _entries(calls_of(name), name)}


def _entries(group: CallGroup, path: str) -> Iterator[tuple[str, CallEntry]]:
    for name, entry in group.entries.items():
        if isinstance(entry, CallGroup):
            yield from _entries(entry, f"{path}.{name}")
        else:
            yield f"{path}.{name}", entry


def command_line(row: EndpointRow) -> list[str]:
    """Return the command of a row.

    Raises:
        KeyError: If the row has an option that the command does not have.
    """
    entry = calls()[row.call]
    line = row.call.replace("_", "-").split(".")
    positional = [each for each in entry.parameters if each.is_positional and each.kind != "file"]
    line += [_typed(parameter, value) for parameter, value in zip(positional, row.arguments, strict=True)]
    options = {each.name: each for each in entry.parameters if not each.is_positional}
    for name, value in row.options.items():
        if name == "page_size" and entry.is_list:
            line += [] if value is None else ["--limit", str(value)]
        elif value is None:
            line += ["--null", options[name].option] if name in options and options[name].is_nullable else []
        else:
            line += [f"--{options[name].option}", _typed(options[name], value)]
    return [*line, "--json", *(["--yes"] if entry.needs_confirmation else [])]


def looked_up(row: EndpointRow) -> str | None:
    """Return the ID of the workflow that a command reads first, to find its name or to ask."""
    entry = calls()[row.call]
    is_asked = entry.needs_confirmation and entry.parameters[0].kind == "workflow"
    workflow_id: str | None = row.arguments[0] if is_asked else row.options.get("workflow_id")
    return workflow_id


def _typed(parameter: CallParameter, value: Any) -> str:
    match parameter.kind:
        case "json" | "object" | "definition":
            return json.dumps(value)
        case "boolean":
            return "yes" if value else "no"
        case "names":
            return ",".join(value)
        case _:
            return str(value)
