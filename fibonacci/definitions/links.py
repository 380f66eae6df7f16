"""Links: every place of a definition where one node names another.

This works on plain JSON and skips what has the wrong type, so that the checks can look at a faulty definition too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from fibonacci.definitions.json_types import is_array
from fibonacci.definitions.model.spellings import is_open
from fibonacci.definitions.templates import TemplateError, parse, placed_expressions, strings

LinkKind = Literal["dependency", "template", "branch", "critic", "fallback", "on_error", "mention"]
"""How a node names another. A mention is a template in a node whose type is not known: it may mean something else."""

FOLLOWING: Final[frozenset[LinkKind]] = frozenset({"branch", "fallback", "on_error"})
"""The kinds of link whose target depends on the node that names it; by the others the naming node depends."""

TEMPLATED_KEYS: Final = (
    "instruction",
    "prompt",
    "system_prompt",
    "params",
    "inputs",
    "condition",
    "left_value",
    "right_value",
    "criteria",
    "improvement_prompt",
    "memory_write",
)
"""The keys of a node whose texts are templates."""

_COMMON_KEYS: Final = ("id", "type", "name", "dependencies")
_RENDERED_LATER: Final = ("memory_write", "improvement_prompt")  # they may name their own node: it has run by then
_BRANCHES = ("true_branch", "false_branch")
_SINGLE: Final[Mapping[str, LinkKind]] = {"target_node": "critic", "fallback": "fallback", "on_error": "on_error"}


@dataclass(frozen=True, slots=True)
class Link:
    """One place where a node is named."""

    location: str
    """The place inside the node that holds the name, such as `dependencies[0]`."""

    kind: LinkKind
    """The kind of link, from the key that holds the name."""

    target: str
    """The id that is named."""

    offset: int | None = None
    """The number of characters before the template, in the text at the location; None where the text is the name."""


@dataclass(frozen=True, slots=True)
class BadTemplate:
    """A template that cannot be parsed."""

    location: str
    """The place inside the node, such as `params.to[0]`."""

    reason: str
    """Why the template cannot be parsed."""

    offset: int
    """The number of characters before the template, in the text at the location."""


def node_links(node: Mapping[str, Any]) -> Iterator[Link | BadTemplate]:
    """Yield every place of a node that names another node, and every template that cannot be parsed."""
    yield from _named(node, "dependencies", "dependency")
    if is_open(node):
        yield from _mentions(node)
        return
    for key in _BRANCHES:
        yield from _named(node, key, "branch")
    for key, kind in _SINGLE.items():
        target = node.get(key)
        if isinstance(target, str):
            yield Link(key, kind, target)
    for key, value in templated_values(node):
        for link in template_links(key, value):
            if not (key in _RENDERED_LATER and isinstance(link, Link) and link.target == node.get("id")):
                yield link


def _mentions(node: Mapping[str, Any]) -> Iterator[Link]:
    for key, value in templated_values(node):
        for link in template_links(str(key), value):  # the key of a faulty node may be no text
            if isinstance(link, Link) and link.target != node.get("id"):
                yield replace(link, kind="mention")


def _named(node: Mapping[str, Any], key: str, kind: LinkKind) -> Iterator[Link]:
    ids = node.get(key)
    if is_array(ids):
        for index, target in enumerate(ids):
            if isinstance(target, str):
                yield Link(f"{key}[{index}]", kind, target)


def templated_values(node: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the keys of a node whose texts are templates, with their values; all its own if its type is not known."""
    for key in [key for key in node if key not in _COMMON_KEYS] if is_open(node) else TEMPLATED_KEYS:
        if key in node:
            yield key, node[key]


def template_links(location: str, value: Any) -> Iterator[Link | BadTemplate]:
    """Yield the links of the templates inside a value, and the templates that cannot be parsed."""
    for place, text in strings(value):
        for offset, expression in placed_expressions(text):
            try:
                reference = parse(expression)
            except TemplateError as error:
                yield BadTemplate(location + place, str(error), offset)
                continue
            if reference.is_node:
                yield Link(location + place, "template", reference.source, offset)
