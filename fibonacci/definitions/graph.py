"""Dependencies and links between the nodes of a workflow, and the order in which they run.

This works on plain JSON and skips what has the wrong type, so that it can be used on definitions with problems.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from fibonacci.definitions.json_types import is_array, is_object
from fibonacci.definitions.node_kinds import FIELDS, LinkKind, is_open
from fibonacci.definitions.templates import TemplateError, parse, placed_expressions, strings

NodeT = TypeVar("NodeT", str, int)

FOLLOWING: Final[frozenset[LinkKind]] = frozenset({"branch", "fallback", "on_error"})
"""The kinds of link whose target depends on the naming node. With the others, the naming node depends on the target."""

TEMPLATED_KEYS: Final = tuple(key for f in FIELDS if f.templates for key in (f.key, f.older) if key is not None)
"""The keys of a node whose texts are templates, in both spellings."""

_RENDERED_LATER: Final = frozenset(field.key for field in FIELDS if field.templates == "after")
_COMMON_KEYS: Final = ("id", "type", "name", "dependencies")
_LINKS: Final[Sequence[tuple[str, LinkKind]]] = [(field.key, field.link) for field in FIELDS if field.link is not None]
NODE_LISTS: Final = tuple(field.key for field in FIELDS if field.link in ("dependency", "branch"))
"""The keys that list nodes. Nodes run in the order of their dependencies, so the order in such a list means nothing."""


def nodes_of(definition: Mapping[str, Any]) -> dict[int, Mapping[str, Any]]:
    """Return the nodes that have an ID, by position. A missing ID is a problem of shape."""
    nodes = definition.get("nodes")
    if not is_array(nodes):
        return {}
    return {i: node for i, node in enumerate(nodes) if is_object(node) and isinstance(node.get("id"), str)}


@dataclass(frozen=True, slots=True)
class Link:
    """One place where a node is named."""

    location: str
    """The place of the name inside the node, such as `dependencies[0]`."""

    kind: LinkKind
    """The kind of link, which depends on the key that has the name."""

    target: str
    """The ID."""

    offset: int | None = None
    """The number of characters before the template in the text at the location. None if the text itself is the name."""


@dataclass(frozen=True, slots=True)
class BadTemplate:
    """A template that cannot be parsed."""

    location: str
    """The place inside the node, such as `params.to[0]`."""

    reason: str
    """Why the template cannot be parsed."""

    offset: int
    """The number of characters before the template in the text at the location."""


def node_links(node: Mapping[str, Any]) -> Iterator[Link | BadTemplate]:
    """Yield every place of a node that names another node, and every template that cannot be parsed."""
    is_known = not is_open(node)
    for key, kind in _LINKS if is_known else _LINKS[:1]:  # dependencies come first
        named = node.get(key)
        if key in NODE_LISTS:
            for index, target in enumerate(named if is_array(named) else ()):
                if isinstance(target, str):
                    yield Link(f"{key}[{index}]", kind, target)
        elif isinstance(named, str):
            yield Link(key, kind, named)
    for key, value in templated_values(node):
        for link in template_links(key, value):
            names_itself = isinstance(link, Link) and link.target == node.get("id")
            if is_known and not (names_itself and key in _RENDERED_LATER):
                yield link
            elif not is_known and isinstance(link, Link) and not names_itself:
                yield replace(link, kind="mention")


def templated_values(node: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the keys with templates and their values. In an unknown type, that is every key except the common ones."""
    is_unknown = is_open(node)
    for key, value in node.items():
        if key not in _COMMON_KEYS if is_unknown else key in TEMPLATED_KEYS:
            yield key, value


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


Edges = Mapping[str, Sequence[str]]
"""The IDs of the nodes that a node depends on, by its own ID."""

NodesByIndex = Mapping[int, Mapping[str, Any]]
"""The nodes that have an ID, by their position in the definition."""

LinksByIndex = Mapping[int, Sequence[Link | BadTemplate]]
"""What `node_links` yields for each of them, by its position."""

LinksById = Mapping[str, Sequence[Link | BadTemplate]]
"""What `node_links` yields for each node, by its ID."""


def known_links(links: LinksById) -> list[tuple[str, Link]]:
    """Return the links between nodes, each with the ID of the naming node."""
    return [
        (node_id, link)
        for node_id, of_node in links.items()
        for link in of_node
        if isinstance(link, Link) and link.kind != "mention" and link.target in links
    ]


def edges_of(node_ids: Iterable[str], links: Iterable[tuple[str, Link]]) -> dict[str, list[str]]:
    """Return the dependencies of nodes by the links between them."""
    dependencies: dict[str, dict[str, None]] = {node_id: {} for node_id in node_ids}  # dictionaries as ordered sets
    for node_id, link in links:
        waiting, target = (link.target, node_id) if link.kind in FOLLOWING else (node_id, link.target)
        dependencies[waiting][target] = None
    return {node_id: list(targets) for node_id, targets in dependencies.items()}


def inverted(edges: Mapping[NodeT, Sequence[NodeT]]) -> dict[NodeT, list[NodeT]]:
    """Return the edges in reverse: for each node, the nodes whose edges lead to it."""
    sources: dict[NodeT, list[NodeT]] = {node_id: [] for node_id in edges}
    for node_id, targets in edges.items():
        for target in targets:
            sources[target].append(node_id)
    return sources


def levels(depends_on: Mapping[NodeT, Sequence[NodeT]]) -> list[list[NodeT]]:
    """Group nodes by level, without cycles and what depends on them."""
    missing = {node_id: len(targets) for node_id, targets in depends_on.items()}
    position = {node_id: index for index, node_id in enumerate(depends_on)}
    followers = inverted(depends_on)
    groups: list[list[NodeT]] = []
    group = [node_id for node_id, count in missing.items() if count == 0]
    while group:
        groups.append(group)
        ready: list[NodeT] = []
        for node_id in group:
            for follower in followers[node_id]:
                missing[follower] -= 1
                if missing[follower] == 0:
                    ready.append(follower)
        group = sorted(ready, key=position.__getitem__)
    return groups


def find_cycles(depends_on: Edges) -> list[list[str]]:
    """Find cycles: at least one in each strongly connected group of nodes.

    Cycles that share a node with one already found are left out: there can be exponentially many.
    """
    cycles: list[list[str]] = []
    finished: set[str] = set()
    for root in depends_on:
        if root in finished:
            continue
        path = [root]  # iterative, because the path can be long
        position = {root: 0}
        pending = [iter(depends_on[root])]
        reported = [-1]  # for each position of the path, the last position so far that is in a reported cycle
        while path:
            target = next(pending[-1], None)
            if target is None:
                finished.add(path[-1])
                del position[path.pop()]
                pending.pop()
                reported.pop()
            elif target in position:
                start = position[target]
                if reported[-1] < start:
                    cycles.append(path[start:])
                    reported[start:] = range(start, len(path))
            elif target not in finished:
                position[target] = len(path)
                path.append(target)
                pending.append(iter(depends_on[target]))
                reported.append(reported[-1])
    return cycles
