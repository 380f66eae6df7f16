"""Merges two definitions that were both changed since they were the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from fibonacci.definitions.comparison import normalized, place_in, same
from fibonacci.definitions.json_types import is_object

_MISSING: Final = object()


class Merge(NamedTuple):
    """The changes of two sides in one definition."""

    definition: dict[str, Any]
    """The merged definition in normal form, as plain JSON. In conflicts, ours wins."""

    conflicts: list[str]
    """The places that the two sides changed differently, as `diff` names them: `greet.temperature`."""


def merge(base: Mapping[str, Any], ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> Merge:
    """Merge the changes of two sides into one definition, node by node and field by field.

    Texts and lists are merged as a whole. Like `diff`, this compares what the definitions mean.

    Args:
        base: The definition that both sides had, as plain JSON.
        ours: What one side has now.
        theirs: What the other side has now.
    """
    sides = [normalized(side) for side in (base, ours, theirs)]
    # A node without a unique ID is named by its position, so there is no telling which node it was before.
    unnamed = [name for side in sides for name, node in side.nodes.items() if node.get("id") != name]
    conflicts = list(dict.fromkeys(unnamed))
    fields = _merged(conflicts, "", *(side.fields for side in sides))
    nodes = _merged(conflicts, "", *(side.nodes for side in sides))
    return Merge({**fields, "nodes": list(nodes.values())}, conflicts)


def _merged(conflicts: list[str], location: str, base: Any, ours: Any, theirs: Any) -> Any:
    if _same(ours, theirs) or _same(base, theirs):
        return ours
    if _same(base, ours):
        return theirs
    if not (is_object(ours) and is_object(theirs)):
        conflicts.append(location)
        return ours
    before: Mapping[str, Any] = base if is_object(base) else {}
    merged: dict[str, Any] = {}
    for key in dict.fromkeys([*ours, *theirs]):
        values = (side.get(key, _MISSING) for side in (before, ours, theirs))
        value = _merged(conflicts, place_in(location, key) if location else key, *values)
        if value is not _MISSING:
            merged[key] = value
    return merged


def _same(one: object, other: object) -> bool:
    return one is other if one is _MISSING or other is _MISSING else same(one, other)
