"""What differs between two definitions, node by node and field by field."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from pydantic import BaseModel

from fibonacci.definitions.comparison.change import DefinitionChange
from fibonacci.definitions.comparison.normalization import node_defaults, normalized, same, workflow_defaults
from fibonacci.definitions.json_types import is_object

# Objects within objects are compared entry by entry down to here, and as a whole below.
_DEEPEST: Final = 8
_PLAIN_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
_MISSING: Final = object()
_Nodes = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class DefinitionDiff:
    """The differences between two definitions, as `diff` finds them.

    It is false without any, and its text has a line for each.

    Example:
        >>> greeter = {"nodes": [{"id": "greet", "type": "llm", "instruction": "Greet"}]}
        >>> found = diff(greeter, greeter | {"timeout": 60})
        >>> print(bool(found), found)
        True ~ timeout: None -> 60
    """

    changes: tuple[DefinitionChange, ...] = ()
    """The differences: those of the workflow first, then those of its nodes, then those of its outputs."""

    def __bool__(self) -> bool:
        return bool(self.changes)

    def __str__(self) -> str:
        from fibonacci.definitions.comparison.diff_text import diff_text

        return diff_text(self.changes)


def diff(old: Mapping[str, Any] | BaseModel, new: Mapping[str, Any] | BaseModel) -> DefinitionDiff:
    """Compare two definitions by what they mean.

    Older and newer spellings of a field are the same, and so are a default that is written out and one that is not.
    The order of nodes, dependencies and branches means nothing. The definitions need not be valid.

    Args:
        old: A definition as plain JSON, or a `WorkflowDefinition`.
        new: The definition to compare it with, as plain JSON or a `WorkflowDefinition` too.

    Returns:
        The differences, false if the two mean the same.

    Raises:
        TypeError: If one of them is neither a mapping nor a model.
        ValueError: If one of them holds itself.

    Example:
        >>> old = {"nodes": [{"id": "greet", "type": "llm", "prompt": "Greet"}]}
        >>> new = {"nodes": [{"id": "greet", "type": "llm", "instruction": "Greet", "temperature": 0.2}]}
        >>> print(diff(old, new))
        ~ greet.temperature: None -> 0.2
    """
    before, after = normalized(old), normalized(new)
    defaults = workflow_defaults()
    outputs = [each.fields.pop("outputs", None) for each in (before, after)]
    changes = [
        *_fields(None, "", _Said(before.fields, defaults), _Said(after.fields, defaults)),
        *_nodes(before.nodes, after.nodes),
        *_differences(None, "outputs", *outputs),
    ]
    return DefinitionDiff(changes=tuple(changes))


class _Said(NamedTuple):
    """The fields of the workflow or of one of its nodes, and their defaults."""

    fields: Mapping[str, Any]
    defaults: Mapping[str, Any]

    def get(self, name: str) -> Any:
        """Return the value of a field, or its default; `_MISSING` without one."""
        return self.fields.get(name, self.defaults.get(name, _MISSING))


def _nodes(before: _Nodes, after: _Nodes) -> Iterator[DefinitionChange]:
    for node_id, node in after.items():
        old = before.get(node_id)
        if old is None:
            yield DefinitionChange(kind="added", location=node_id, new=node, node=node_id)
        else:
            said = (_Said(each, node_defaults(each.get("type"))) for each in (old, node))
            yield from _fields(node_id, f"{node_id}.", *said)
    for node_id, node in before.items():
        if node_id not in after:
            yield DefinitionChange(kind="removed", location=node_id, old=node, node=node_id)


def _fields(node: str | None, prefix: str, old: _Said, new: _Said) -> Iterator[DefinitionChange]:
    for name in dict.fromkeys([*new.fields, *old.fields]):
        yield from _differences(node, prefix + name, old.get(name), new.get(name))


def _differences(node: str | None, location: str, old: Any, new: Any, depth: int = 0) -> Iterator[DefinitionChange]:
    """Yield how two values differ: entry by entry where both are objects, as a whole where they are not."""
    if is_object(old) and is_object(new) and depth < _DEEPEST:
        for key in dict.fromkeys([*new, *old]):
            place = f"{location}.{key}" if _PLAIN_KEY.fullmatch(key) else f"{location}[{key!r}]"
            yield from _differences(node, place, old.get(key, _MISSING), new.get(key, _MISSING), depth + 1)
    elif old is _MISSING:
        yield DefinitionChange(kind="added", location=location, new=new, node=node)
    elif new is _MISSING:
        yield DefinitionChange(kind="removed", location=location, old=old, node=node)
    elif not same(old, new):
        yield DefinitionChange(kind="changed", location=location, old=old, new=new, node=node)
