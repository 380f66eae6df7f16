"""Dependencies between the nodes of a workflow, and the order in which they run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fibonacci.definitions.links import FOLLOWING, BadTemplate, Link, node_links

Edges = Mapping[str, Sequence[str]]
"""The ids of the nodes that a node depends on, by its own id."""

LinksById = Mapping[str, Sequence[Link | BadTemplate]]
"""What `node_links` yields for each node, by its id."""


def edges(nodes: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return the dependencies of each node.

    These are its explicit dependencies, the nodes that its templates name, the node that a critic assesses, for a node
    in a branch the conditional that decides about it, and for a `fallback` or `on_error` node the one that may fail.

    Args:
        nodes: Nodes in plain JSON that have an id. Names of no node are left out, and mentions.

    Returns:
        The ids that a node depends on, by its own id. Both are in the order of the definition.

    Example:
        >>> nodes = [{"id": "search", "type": "tool", "tool": "web_search"}]
        >>> edges([*nodes, {"id": "sum", "type": "llm", "instruction": "Summarize {{search}}"}])
        {'search': [], 'sum': ['search']}
    """
    links = {node["id"]: [*node_links(node)] for node in nodes}
    return edges_of(links, known_links(links))


def known_links(links: LinksById) -> list[tuple[str, Link]]:
    """Return the links between nodes, each with the id of the node that has it."""
    return [
        (node_id, link)
        for node_id, of_node in links.items()
        for link in of_node
        if isinstance(link, Link) and link.kind != "mention" and link.target in links
    ]


def edges_of(node_ids: Iterable[str], links: Iterable[tuple[str, Link]]) -> dict[str, list[str]]:
    """Return the dependencies of nodes by the links between them."""
    found: dict[str, dict[str, None]] = {node_id: {} for node_id in node_ids}  # dictionaries as ordered sets
    for node_id, link in links:
        waiting, target = (link.target, node_id) if link.kind in FOLLOWING else (node_id, link.target)
        found[waiting][target] = None
    return {node_id: list(targets) for node_id, targets in found.items()}


def levels(depends_on: Edges) -> list[list[str]]:
    """Group ids by level; a cycle and what depends on it are left out."""
    missing = {node_id: len(targets) for node_id, targets in depends_on.items()}
    position = {node_id: index for index, node_id in enumerate(depends_on)}
    followers: dict[str, list[str]] = {node_id: [] for node_id in depends_on}
    for node_id, targets in depends_on.items():
        for target in targets:
            followers[target].append(node_id)
    groups: list[list[str]] = []
    group = [node_id for node_id, count in missing.items() if count == 0]
    while group:
        groups.append(group)
        ready: list[str] = []
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
        path = [root]  # not recursive, since it can be long
        position = {root: 0}
        pending = [iter(depends_on[root])]
        reported = [-1]  # up to each position of the path, the last position that is in a reported cycle
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
