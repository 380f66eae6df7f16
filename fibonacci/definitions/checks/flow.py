"""The way through the nodes: branches that nothing takes, nodes that never run, results that nothing uses."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from fibonacci._suggestions import did_you_mean
from fibonacci.definitions.checks.codes import problem
from fibonacci.definitions.checks.comparisons import comparison_of
from fibonacci.definitions.checks.nodes_by_index import NodesByIndex
from fibonacci.definitions.graph import edges, levels
from fibonacci.definitions.json_types import is_array, is_object
from fibonacci.definitions.links import Link, node_links, template_links
from fibonacci.definitions.problems import Problem

_BRANCHES = ("true_branch", "false_branch")


def flow_problems(definition: Mapping[str, Any], nodes: NodesByIndex) -> Iterator[Problem]:
    """Yield what never runs, and what runs for nothing."""
    if definition.get("nodes") == []:
        yield problem("nodes", "no_nodes", "a workflow needs at least one node")
    used = _used(definition, nodes)
    for index, node in nodes.items():
        if node.get("type") == "conditional":
            yield from _branch_problems(index, node, used)
    by_id = {node["id"]: node for node in nodes.values()}
    idle = idle_nodes(by_id)
    for index, node in nodes.items():
        if node["id"] in idle:
            yield problem(f"nodes[{index}]", "unreachable_node", f"{node['id']!r} never runs: {idle[node['id']]}")
    yield from _output_problems(definition, by_id, idle)
    if is_object(definition.get("outputs")):
        yield from _unused(nodes, used)


def _branch_problems(index: int, node: Mapping[str, Any], used: Collection[str]) -> Iterator[Problem]:
    taken, other = (_ids(node, key) for key in _BRANCHES)
    if not (taken or other or node["id"] in used):
        message = f"{node['id']!r} decides about no node; name some in true_branch or false_branch"
        yield problem(f"nodes[{index}]", "no_branches", message)
    for place, target in enumerate(other):
        if target in taken:
            message = f"{target!r} is in both branches, so it runs either way; remove it from one"
            yield problem(f"nodes[{index}].false_branch[{place}]", "in_both_branches", message)


def _ids(node: Mapping[str, Any], key: str) -> list[str]:
    ids = node.get(key)
    return [each for each in ids if isinstance(each, str)] if is_array(ids) else []


def idle_nodes(nodes: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return the nodes that never run, by id, with the reason.

    A node does not run when its condition does not hold, when no conditional takes a branch that names it, or when
    nothing that it depends on has run.
    """
    depends_on = edges(nodes.values())
    gates: dict[str, list[tuple[str, str]]] = {}
    for node_id, node in nodes.items():
        for key in _BRANCHES:
            for target in _ids(node, key):
                gates.setdefault(target, []).append((node_id, key))
    idle: dict[str, str] = {}
    for node_id in (each for group in levels(depends_on) for each in group):
        closed = [
            f"the {key} of {gate!r} is never taken"
            for gate, key in gates.get(node_id, ())
            if _is_closed(nodes[gate], key, idle)
        ]
        needed = depends_on[node_id]
        comparison = comparison_of(nodes[node_id])
        if nodes[node_id].get("type") != "conditional" and comparison is not None and comparison.constant is False:
            idle[node_id] = "its condition never holds"
        elif closed and len(closed) == len(gates[node_id]):
            idle[node_id] = " and ".join(closed)
        elif needed and all(each in idle for each in needed):
            idle[node_id] = f"it depends on {' and '.join(map(repr, needed))} only"
    return idle


def _is_closed(gate: Mapping[str, Any], key: str, idle: Mapping[str, str]) -> bool:
    comparison = comparison_of(gate)
    result = None if comparison is None else comparison.constant
    never = None if result is None else _BRANCHES[result]
    return gate["id"] in idle or key == never


def _output_problems(
    definition: Mapping[str, Any], nodes: Mapping[str, Any], idle: Mapping[str, str]
) -> Iterator[Problem]:
    outputs, schema = definition.get("outputs"), definition.get("output_schema")
    for link in template_links("outputs", outputs):
        if isinstance(link, Link) and link.target in idle:
            message = f"it has no value: {link.target!r} never runs"
            yield problem(link.location, "output_without_value", message, offset=link.offset)
    required = schema.get("required") if is_object(schema) else None
    names = nodes if outputs is None else outputs
    if is_array(required) and is_object(names):
        for index, name in enumerate(required):
            if isinstance(name, str) and name not in names:
                message = (
                    f"output_schema requires {name!r}, which is not in outputs{did_you_mean(name, map(str, names))}"
                )
                yield problem(f"output_schema.required[{index}]", "missing_output", message)


def _used(definition: Mapping[str, Any], nodes: NodesByIndex) -> set[str]:
    """Return the ids of the nodes whose output another node or an output of the workflow names."""
    used = {link.target for link in template_links("outputs", definition.get("outputs")) if isinstance(link, Link)}
    for node in nodes.values():
        for link in node_links(node):
            if isinstance(link, Link) and link.kind != "branch" and link.target != node["id"]:
                used.add(link.target)
    return used


def _unused(nodes: NodesByIndex, used: Collection[str]) -> Iterator[Problem]:
    for index, node in nodes.items():
        if node.get("type") == "llm" and node["id"] not in used and not node.get("memory_write"):
            message = f"nothing uses the answer of {node['id']!r}; name it in outputs or in another node"
            yield problem(f"nodes[{index}]", "unused_node", message)
