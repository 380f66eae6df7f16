"""The order in which the nodes of a workflow run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fibonacci.definitions.links import Link, node_links
from fibonacci.definitions.nodes import WorkflowDefinition

Edges = Mapping[str, Sequence[str]]
"""For each node the nodes that it waits for."""


class CycleError(ValueError):
    """Nodes that wait for each other.

    Attributes:
        cycle: The ids, each waiting for the next, the last for the first.
    """

    def __init__(self, cycle: Sequence[str]) -> None:
        self.cycle: tuple[str, ...] = tuple(cycle)
        super().__init__("nodes wait for each other: " + " -> ".join([*cycle, cycle[0]]))


def dependencies(definition: WorkflowDefinition) -> dict[str, list[str]]:
    """Return for each node the nodes that it waits for.

    These are its explicit dependencies, the nodes its templates name, the node a critic judges, and for a node in a
    branch the conditional that decides about it.

    Args:
        definition: A definition without faults.

    Returns:
        The ids by node id, in the order of the definition.
    """
    return edges(node.model_dump() for node in definition.nodes)


def execution_levels(definition: WorkflowDefinition) -> list[list[str]]:
    """Group the nodes so that each group needs only the groups before it; within a group they may run in parallel.

    Args:
        definition: A definition without faults.

    Returns:
        The groups; inside a group the ids stand in the order of the definition.

    Raises:
        CycleError: When nodes wait for each other.
    """
    waits_for = dependencies(definition)
    groups = levels(waits_for)
    if sum(map(len, groups)) < len(waits_for):
        raise CycleError(find_cycles(waits_for)[0])
    return groups


def execution_order(definition: WorkflowDefinition) -> list[str]:
    """Return the ids in an order in which each node comes after everything it waits for; always the same one.

    Args:
        definition: A definition without faults.

    Returns:
        Every node id once.

    Raises:
        CycleError: When nodes wait for each other.
    """
    return [node_id for group in execution_levels(definition) for node_id in group]


def edges(nodes: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Collect the edges of plain JSON nodes that have an id, leaving out names that belong to no node."""
    by_id = {node["id"]: node for node in nodes}
    found: dict[str, dict[str, None]] = {node_id: {} for node_id in by_id}  # dictionaries as ordered sets
    for node_id, node in by_id.items():
        for link in node_links(node):
            if isinstance(link, Link) and link.target in found:
                waiting, target = (link.target, node_id) if link.kind == "branch" else (node_id, link.target)
                found[waiting][target] = None
    return {node_id: list(targets) for node_id, targets in found.items()}


def levels(waits_for: Edges) -> list[list[str]]:
    """Group ids by level; what stands in or behind a cycle is left out."""
    missing = {node_id: len(targets) for node_id, targets in waits_for.items()}
    position = {node_id: index for index, node_id in enumerate(waits_for)}
    followers: dict[str, list[str]] = {node_id: [] for node_id in waits_for}
    for node_id, targets in waits_for.items():
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


def find_cycles(waits_for: Edges) -> list[list[str]]:
    """Find cycles so that every knot of nodes that wait for each other is shown at least once.

    Cycles that share a node with one already found are left out: there can be exponentially many.
    """
    cycles: list[list[str]] = []
    reported: set[str] = set()
    finished: set[str] = set()
    for root in waits_for:
        if root in finished:
            continue
        path = {root: iter(waits_for[root])}  # the way from the root, in order; not recursive, since it may be long
        while path:
            node_id, targets = next(reversed(path.items()))
            target = next(targets, None)
            if target is None:
                finished.add(node_id)
                del path[node_id]
            elif target in path:
                cycle = list(path)[list(path).index(target) :] if target not in reported else []
                if cycle and reported.isdisjoint(cycle):
                    reported.update(cycle)
                    cycles.append(cycle)
            elif target not in finished:
                path[target] = iter(waits_for[target])
    return cycles
