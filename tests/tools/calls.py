"""Derive the tables of the derived commands, `fibonacci/cli/call_tables/`, from the typed client.

    python -m tests.tools.calls             write the tables
    python -m tests.tools.calls --check     print what differs, and exit with 1 if anything does

Names, kinds and help of the commands are the signatures, annotations and docstrings of the sync client. A call whose
parameter has an annotation without a kind is refused.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from fibonacci import Fibonacci, Pager
from fibonacci._core.options import UNSET, Unset
from fibonacci.cli.calls.entries import CallEntry, CallGroup, CallParameter
from tests.endpoints.signatures import type_hints
from tests.endpoints.table import NOT_ENDPOINTS
from tests.tools.derived_files import outdated, write_derived, write_or_check
from tests.tools.mirror import formatted

FOLDER: Final = Path(__file__).parents[2] / "fibonacci" / "cli" / "call_tables"
HEADER: Final = "# Derived from the typed client by tests/tools/calls.py; change fibonacci/_async, not this file.\n"

_FIRST: Final = ("list", "get", "create", "update", "delete")
_ENDPOINT: Final = re.compile(r" \(`([A-Z]+ [^`]+)`\)")
_ARGUMENT: Final = re.compile(r"^ {4}(\w+): ", re.MULTILINE)
_WORDS: Final = {
    r"^Return ": "Show ",
    r": a `WorkflowBuilder`, a `WorkflowDefinition`.*": ", as JSON or from a file in JSON or YAML",
    r"in place of `workflow`": "in place of FILE",
    r"`(\w+)\.(list|get)`": r"`fibonacci \1 \2`",
    r'\["(\w+)", "(\w+)"\]': r"\1,\2",  # names are typed with commas
    r'`|"(?![^{]*\})': "",  # an object is typed as JSON, with its quotes
    r"\bNone\b": "null",
    r"\bTrue\b": "true",
}
"""What a help has in place of Python, by the pattern of it."""
_WORKFLOW_ID: Final = re.compile(
    r"(the ID of the workflow(, such as wf-abc123)?|the workflow with this ID)(, or (of this|the) Workflow)?"
)
"""What a docstring says of the id of a workflow, in place of which a command takes its name as well."""
_KINDS: Final[Mapping[frozenset[Any], str]] = {
    frozenset({str}): "text",
    frozenset({int, str}): "text",  # a part of the path, where both are the same
    frozenset({int}): "integer",
    frozenset({bool}): "boolean",
    frozenset({Any}): "json",
    frozenset({Mapping}): "object",
    frozenset({Mapping, BaseModel}): "object",
    frozenset({Sequence}): "names",
    frozenset({datetime, timedelta}): "since",
}
_NAMED_KINDS: Final = {"workflow_id": "workflow", "workflow": "file", "definition": "definition"}


_PAGING: Final = ("page_size", "cursor")
"""Parameters of lists without an option: `--limit` and `--all` say how much of a list is read."""
_OTHER_COMMANDS: Final = {**NOT_ENDPOINTS, "workflows.execute": "fibonacci run --detach"}


class UnknownKind(Exception):
    """A parameter cannot be typed at a command line; the text names it."""


def namespaces() -> dict[str, Any]:
    """Return the namespaces of a client by name, in the order of its source."""
    client = Fibonacci("key")
    names = [
        name for name in vars(type(client)) if type(getattr(client, name)).__module__.startswith("fibonacci._sync")
    ]
    return {name: getattr(client, name) for name in names if not name.startswith("_")}


def group(namespace: object, path: str) -> CallGroup:
    """Return the calls of a namespace, which is reached from the client by a path of names."""
    names = [name for name in _names(type(namespace)) if f"{path}.{name}" not in _OTHER_COMMANDS]
    members = {name: getattr(namespace, name) for name in sorted(names, key=_position)}
    entries = {
        name.replace("_", "-"): call(member) if inspect.ismethod(member) else group(member, f"{path}.{name}")
        for name, member in members.items()
    }
    return CallGroup(_title(inspect.getdoc(type(namespace)) or ""), entries)


def call(method: Any) -> CallEntry:
    """Return what the table holds of a method."""
    text = inspect.getdoc(method) or ""
    title, endpoint = text.splitlines()[0], _ENDPOINT.search(text)
    if endpoint is None:
        raise UnknownKind(f"{method.__qualname__}: the first line of its docstring names no endpoint")
    hints, helps = type_hints(method), _helps(text)
    parameters = [
        _parameter(each, hints[each.name], helps)
        for each in inspect.signature(method).parameters.values()
        if each.name not in _PAGING
    ]
    title = _ENDPOINT.sub("", title)
    returned = hints["return"]
    is_list = get_origin(returned) is Pager
    item = get_args(returned)[0] if is_list else returned
    model = item.__name__ if isinstance(item, type) and issubclass(item, BaseModel) else ""
    return CallEntry(_title(title), endpoint[1], tuple(parameters), is_list, model)


def _names(owner: type) -> list[str]:
    """Return the public names of a class and of its bases, in the order of the source."""
    found = [name for base in reversed(owner.__mro__[:-1]) for name in vars(base)]
    return list(dict.fromkeys(name for name in found if not name.startswith("_")))


def _position(name: str) -> int:
    return _FIRST.index(name) if name in _FIRST else len(_FIRST)


def _parameter(parameter: inspect.Parameter, hint: Any, helps: Mapping[str, str]) -> CallParameter:
    kinds = {_kind(each) for each in _alternatives(hint)} - {NoneType, Unset}
    kind = _NAMED_KINDS.get(parameter.name) or _KINDS.get(frozenset(kinds))
    if kind is None:
        raise UnknownKind(f"{parameter.name}: no kind for {hint}")
    help = helps[parameter.name]
    if kind == "integer" and "econds" in help:
        kind = "seconds"
    if kind == "workflow":
        help = _WORKFLOW_ID.sub("the workflow", help)
    if kind == "file":
        help = "a file with the definition, in JSON or YAML, which may have the name and the description, too"
    choices = [name for each in _alternatives(hint) for name in _choices(each)]
    if choices:
        kind = "word"
    if choices and not all(name in help for name in choices):
        help = f"{help}: {', '.join(choices)}"
    return CallParameter(
        parameter.name,
        kind,
        help,
        parameter.kind is not parameter.KEYWORD_ONLY,
        parameter.kind is parameter.KEYWORD_ONLY and parameter.default is parameter.empty,
        parameter.default is UNSET and NoneType in _alternatives(hint),
        tuple(choices),
    )


def _alternatives(hint: Any) -> list[Any]:
    if get_origin(hint) in (Union, UnionType):
        return [each for part in get_args(hint) for each in _alternatives(part)]
    return [hint]


def _kind(hint: Any) -> Any:
    return str if get_origin(hint) is Literal else (get_origin(hint) or hint)


def _choices(hint: Any) -> Sequence[str]:
    return get_args(hint) if get_origin(hint) is Literal else ()


def _helps(text: str) -> dict[str, str]:
    """Return the first sentence of each argument in a docstring."""
    _, _, arguments = text.partition("\nArgs:\n")
    arguments = re.split(r"\n\n\w+:\n", arguments)[0]
    parts = _ARGUMENT.split(arguments)[1:]
    return {name: _title(" ".join(text.split())) for name, text in zip(parts[::2], parts[1::2], strict=True)}


def _title(text: str) -> str:
    """Return the first sentence as a line of a help: in lower case, without a period, without Python."""
    sentence = _plain(re.split(r"\.(?: |\n|$)", text)[0])
    return sentence[:1].lower() + sentence[1:]


def _plain(text: str) -> str:
    """Return a text without the words and quotes of Python."""
    for pattern, replacement in _WORDS.items():
        text = re.sub(pattern, replacement, text)
    return text


def derive_all() -> dict[Path, str]:
    """Return the text of each table by its path."""
    groups = {name.replace("_", "-"): group(namespace, name) for name, namespace in namespaces().items()}
    index = "fibonacci/cli/call_tables/__init__.py"
    table = {name: _plain_entry(calls) for name, calls in groups.items()}
    return {
        FOLDER / "__init__.py": formatted({index: _index(groups)})[index],
        FOLDER / "calls.json": json.dumps(table, indent=1, ensure_ascii=False) + "\n",
    }


def _index(groups: Mapping[str, CallGroup]) -> str:
    lines = ",\n".join(f"{name!r}: {calls.help!r}" for name, calls in groups.items())
    return (
        f'{HEADER}"""The groups of derived commands."""\n\nfrom __future__ import annotations\n\n'
        f"from typing import Final\n\nGROUPS: Final[dict[str, str]] = {{\n{lines},\n}}\n"
        '"""The help of each group by its name; a start without one does not load `calls.json`."""\n'
    )


def _plain_entry(entry: CallGroup | CallEntry) -> dict[str, Any]:
    if isinstance(entry, CallGroup):
        return {"help": entry.help, "entries": {name: _plain_entry(each) for name, each in entry.entries.items()}}
    return {**entry._asdict(), "parameters": [each._asdict() for each in entry.parameters]}


def differences() -> dict[Path, str]:
    """Return a diff of each table that is missing, outdated, or derived from nothing."""
    return outdated(derive_all(), FOLDER.glob("*.*"))


def write() -> None:
    """Write the tables, and remove those that are derived from nothing."""
    write_derived(derive_all(), FOLDER.glob("*.*"))


if __name__ == "__main__":
    write_or_check(write, differences, name="tables of calls", command="python -m tests.tools.calls")
