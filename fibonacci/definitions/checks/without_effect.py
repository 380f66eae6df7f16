"""What a definition says that has no effect, or another than it says, although all its keys are known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from fibonacci._suggestions import nearest
from fibonacci.definitions.checks.tools import KnownTool
from fibonacci.definitions.graph import NodesByIndex
from fibonacci.definitions.json_types import is_array, is_object
from fibonacci.definitions.node_kinds import is_open
from fibonacci.definitions.operators import OPERATORS, UNARY
from fibonacci.definitions.problems import Problem, problem
from fibonacci.definitions.tools import MEMORY_SET, canonical_tool, unused_owners

FLAGGED_CATEGORIES: Final = ("external_comm", "public_writes", "permission_changes", "financial", "pii")
"""The categories for which the settings of an organization can require approval; others may be added."""

_RETRIES: Final = ("max_retries", "retry_delay")
_SIMILAR: Final = 0.8  # categories of one's own are fine, so only what nearly is a known one is misspelled


def without_effect(nodes: NodesByIndex) -> Iterator[Problem]:
    """Yield the fields of nodes that do not do what they say."""
    for index, node in nodes.items():
        if not is_open(node):
            place = f"nodes[{index}]"
            yield from _retries(node, place)
            yield from _operands(node, place)
            yield from _memory_keys(node, place)
            yield from _params(node, place)


def _retries(node: Mapping[str, Any], place: str) -> Iterator[Problem]:
    for name in () if "enable_retry" in node or "retry" in node else _RETRIES:
        if name in node:
            yield _no_effect(f"{place}.{name}", f"{name} does nothing without 'enable_retry': true")


def _operands(node: Mapping[str, Any], place: str) -> Iterator[Problem]:
    """Yield the comparisons that lack what they compare with."""
    is_gate = node.get("type") == "conditional"
    key, at = ("right_value", place) if is_gate else ("value", f"{place}.condition")
    comparison = node if is_gate else node.get("condition")
    if not is_object(comparison):
        return
    operator = comparison.get("operator")
    if isinstance(operator, str) and operator in OPERATORS and operator not in UNARY and key not in comparison:
        yield _no_effect(f"{at}.{key}", f"it is missing, so that {operator} compares with null")


def _memory_keys(node: Mapping[str, Any], place: str) -> Iterator[Problem]:
    """Yield keys of memory that no value can have, and templates where none are rendered."""
    for field in ("memory_read", "memory_write") if node.get("type") == "llm" else ():
        keys = node.get(field)
        for key in keys if is_array(keys) or is_object(keys) else ():
            if key == "":
                yield _no_effect(f"{place}.{field}", "the empty text is the key of no value in memory")
            elif isinstance(key, str) and "{{" in key:
                yield _no_effect(f"{place}.{field}", f"{key!r} is a key as it stands: templates are in values only")


def _params(node: Mapping[str, Any], place: str) -> Iterator[Problem]:
    """Yield the keys of parameters that hold templates, and the owners that the scope of a value does not have."""
    tool = node.get("tool")
    for name in ("params", "inputs") if node.get("type") == "tool" else ():
        params = node.get(name)
        yield from _templates_in_keys(params, f"{place}.{name}")
        if is_object(params) and isinstance(tool, str) and canonical_tool(tool) == MEMORY_SET:
            for owner in unused_owners(params.get("scope", "workflow"), params):
                yield _no_effect(f"{place}.{name}.{owner}", f"{owner} is not read with this scope")


def _templates_in_keys(value: Any, place: str) -> Iterator[Problem]:
    pending = [(place, value)]  # a stack: the value may be deeper than recursion allows
    while pending:
        at, item = pending.pop()
        if is_object(item):
            for key in map(str, item):  # that of a faulty definition may be no text
                if "{{" in key:
                    yield _no_effect(at, f"{key!r} is a key as it stands: templates are in values only")
            pending.extend(reversed([(f"{at}.{key}", entry) for key, entry in item.items()]))
        elif is_array(item):
            pending.extend(reversed([(f"{at}[{index}]", element) for index, element in enumerate(item)]))


def category_problems(categories: object, tools: Iterable[KnownTool]) -> Iterator[Problem]:
    """Yield the categories of a definition that are none, or that seem to be misspelled.

    Args:
        categories: What the definition has as its categories; None for none.
        tools: The tools that are known, which have categories too.
    """
    if categories is None:
        return
    if not is_array(categories) or not all(isinstance(name, str) for name in categories):
        yield _no_effect("categories", "is not a list of texts: the workflow has no category by it")
        return
    known = {tool.category: None for tool in tools if tool.category is not None}
    for index, name in enumerate(categories):
        near = nearest_category(name, known)
        if near is not None:
            message = f"no tool has the category {name!r}; did you mean {near!r}?"
            yield problem(f"categories[{index}]", "unknown_category", message)


def nearest_category(name: str, of_tools: Iterable[str]) -> str | None:
    """Return the category that a name resembles; None if it is one itself, or resembles none.

    Args:
        name: The name.
        of_tools: The categories of the tools that are known.
    """
    near = nearest(name, [*FLAGGED_CATEGORIES, *of_tools], cutoff=_SIMILAR)
    return None if near == name else near


def _no_effect(place: str, message: str) -> Problem:
    return problem(place, "no_effect", message)
