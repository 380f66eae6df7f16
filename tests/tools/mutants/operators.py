"""Changes of source that Cosmic Ray does not have: statements, entries of dictionaries, and names in quotes."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from typing import Any

from tests.tools.mutation.mutants import Span

# It has no types.
_parso: Any = importlib.import_module("parso")


class RemoveStatement:
    """Removes a statement that does something: a call, a `raise`, or a change of what is already there."""

    def mutation_positions(self, node: Any) -> Iterator[Span]:
        if _is_removable(node):
            yield node.start_pos, node.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        changed = _parso.parse("pass").children[0]
        changed.prefix = node.get_first_leaf().prefix
        return changed


def _is_removable(node: Any) -> bool:
    if getattr(node.parent, "type", "") != "simple_stmt" or node.search_ancestor("funcdef") is None:
        return False
    if node.type == "expr_stmt":  # not that of a new name or attribute: what reads it would fail
        first, sign = node.children[:2]
        return first.get_last_leaf().value == "]" or getattr(sign, "value", "=") != "="
    return node.type in ("raise_stmt", "atom_expr")


class DropEntry:
    """Drops an entry of a dictionary."""

    def mutation_positions(self, node: Any) -> Iterator[Span]:
        for entry in _entries(node):
            yield entry[0].start_pos, entry[-1].end_pos

    def mutate(self, node: Any, index: int) -> Any:
        dropped = list(_entries(node))[index]
        place = node.children.index(dropped[0])
        del node.children[place : place + len(dropped) + 1]
        return node


def _entries(node: Any) -> Iterator[list[Any]]:
    """Yield the parts of each entry of a dictionary: a key, a colon and a value, or `**` and a value."""
    if node.type != "dictorsetmaker" or any("comp_for" in child.type for child in node.children):
        return
    entries: list[list[Any]] = [[]]
    for child in node.children:
        if getattr(child, "value", "") == ",":
            entries.append([])
        else:
            entries[-1].append(child)
    if all(len(entry) in (0, 2, 3) for entry in entries):
        yield from filter(None, entries)


class ChangeName:
    """Changes a text that is a name, such as that of a field, a status or a code."""

    def mutation_positions(self, node: Any) -> Iterator[Span]:
        if node.type == "string" and re.fullmatch(r'"[a-z][a-z_.]*"', node.value):
            yield node.start_pos, node.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        node.value = f'{node.value[:-1]}_x"'
        return node
