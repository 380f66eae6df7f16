"""Names of nodes: unknown, used twice, reserved, or depending on each other."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from fibonacci._suggestions import did_you_mean
from fibonacci.definitions.checks.codes import problem
from fibonacci.definitions.checks.nodes_by_index import LinksByIndex, NodesByIndex
from fibonacci.definitions.graph import Edges, find_cycles
from fibonacci.definitions.links import BadTemplate, Link, LinkKind, node_links, template_links
from fibonacci.definitions.problems import Problem
from fibonacci.definitions.templates import INPUT, NAMED_SOURCES

_SOURCES: Final = (INPUT, *sorted(NAMED_SOURCES))
_UNKNOWN: Final[Mapping[LinkKind, tuple[str, str]]] = {
    "dependency": ("unknown_dependency", "depends on {!r}, which is not a node"),
    "template": ("unknown_template_source", "the template names {!r}, which is neither a node nor a known source"),
    "branch": ("unknown_branch_target", "branches to {!r}, which is not a node"),
    "critic": ("unknown_critic_target", "assesses {!r}, which is not a node"),
    "fallback": ("unknown_fallback", "falls back to {!r}, which is not a node"),
    "on_error": ("unknown_error_handler", "names {!r} to run when it has failed, which is not a node"),
}


def duplicate_ids(nodes: NodesByIndex) -> Iterator[Problem]:
    """Yield the ids that an earlier node has."""
    first: dict[str, int] = {}
    for index, node in nodes.items():
        earlier = first.setdefault(node["id"], index)
        if earlier != index:
            yield problem(f"nodes[{index}].id", "duplicate_id", f"{node['id']!r} is already the id of nodes[{earlier}]")


def reserved_ids(nodes: NodesByIndex) -> Iterator[Problem]:
    """Yield the ids that templates cannot name."""
    for index, node in nodes.items():
        if node["id"] in _SOURCES:
            message = (
                f"{{{{{node['id']}...}}}} never means this node: {node['id']!r} is a source of its own; rename the node"
            )
            yield problem(f"nodes[{index}].id", "reserved_id", message)


def unknown_names(nodes: NodesByIndex, links: LinksByIndex, outputs: Any) -> Iterator[Problem]:
    """Yield the names of no node, and the templates that cannot be parsed."""
    ids = {node["id"]: None for node in nodes.values()}
    sources = {**ids, **dict.fromkeys(_SOURCES)}
    for index, of_node in links.items():
        for link in of_node:
            yield from _fault_of(link, ids, sources, f"nodes[{index}].")
    for link in template_links("outputs", outputs):
        yield from _fault_of(link, ids, sources, "")


def _fault_of(
    link: Link | BadTemplate, ids: Collection[str], sources: Collection[str], prefix: str
) -> Iterator[Problem]:
    if isinstance(link, BadTemplate):
        yield problem(prefix + link.location, "bad_template", link.reason, offset=link.offset)
    elif link.kind != "mention" and link.target not in ids:
        code, message = _UNKNOWN[link.kind]
        known = sources if link.kind == "template" else ids
        text = message.format(link.target) + did_you_mean(link.target, known)
        yield problem(prefix + link.location, code, text, offset=link.offset)


def cycles(nodes: NodesByIndex, waits_for: Edges) -> Iterator[Problem]:
    """Yield a cycle for each group of nodes that wait for each other."""
    position = {node["id"]: index for index, node in nodes.items()}
    for cycle in find_cycles(waits_for):
        yield problem(f"nodes[{position[cycle[0]]}]", "cycle", _cycle_message(cycle, nodes[position[cycle[0]]]))


def _cycle_message(cycle: Sequence[str], first: Mapping[str, Any]) -> str:
    path = " -> ".join([*cycle, cycle[0]])
    if len(cycle) > 1:
        return f"nodes depend on each other: {path}; remove one of these dependencies"
    places = [link.location for link in node_links(first) if isinstance(link, Link) and link.target == cycle[0]]
    return f"the node depends on itself: {path}; remove its id from {' and '.join(places)}"
