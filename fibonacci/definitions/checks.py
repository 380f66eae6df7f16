"""Every fault of a workflow definition at once, before anything is sent or run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from pydantic import ValidationError

from fibonacci.definitions.graph import edges, find_cycles
from fibonacci.definitions.json_types import is_array, is_object
from fibonacci.definitions.links import BadTemplate, Link, LinkKind, node_links, template_links
from fibonacci.definitions.problems import Problem
from fibonacci.definitions.workflow import WorkflowDefinition

_UNKNOWN: Final[Mapping[LinkKind, tuple[str, str]]] = {
    "dependency": ("unknown_dependency", "depends on {!r}, which is not a node"),
    "template": ("unknown_template_source", "the template names {!r}, which is neither a node nor a known source"),
    "branch": ("unknown_branch_target", "branches to {!r}, which is not a node"),
    "critic": ("unknown_critic_target", "assesses {!r}, which is not a node"),
    "fallback": ("unknown_fallback", "falls back to {!r}, which is not a node"),
    "on_error": ("unknown_error_handler", "names {!r} to run when it fails, which is not a node"),
}


def check_definition(definition: object) -> list[Problem]:
    """List all faults of a workflow definition.

    Args:
        definition: The definition as plain JSON. Any value is accepted: this function does not raise.

    Returns:
        The faults: wrong types and missing keys first, then names without a node, then cycles. Empty without a fault.

    Example:
        >>> node = {"id": "a", "type": "tool", "tool": "calculator", "dependencies": ["b"]}
        >>> for problem in check_definition({"nodes": [node]}):
        ...     print(problem.location, problem.code)
        nodes[0].dependencies[0] unknown_dependency
    """
    if not is_object(definition):
        return [Problem("", "wrong_type", "a definition is an object with the key 'nodes'")]
    nodes = _readable_nodes(definition.get("nodes"))
    # A union reports the same place once per member, hence the dictionary.
    problems = list(dict.fromkeys(_shape_problems(definition)))
    problems += _duplicates(nodes)
    problems += _unknown_names(nodes, definition.get("outputs"))
    problems += _cycles(nodes)
    return problems


def _readable_nodes(nodes: object) -> dict[int, Mapping[str, Any]]:
    """Return the nodes that have an id, by position; faults of the others are faults of shape."""
    if not is_array(nodes):
        return {}
    return {i: node for i, node in enumerate(nodes) if is_object(node) and isinstance(node.get("id"), str)}


def _shape_problems(definition: Mapping[str, Any]) -> Iterator[Problem]:
    try:
        WorkflowDefinition.model_validate(dict(definition))
    except ValidationError as error:
        for fault in error.errors(include_url=False, include_context=False, include_input=False):
            yield _shape_problem(fault["type"], list(fault["loc"]), fault["msg"])


def _shape_problem(kind: str, location: list[int | str], message: str) -> Problem:
    if location[:1] == ["nodes"] and len(location) > 2:
        del location[2]  # pydantic adds the node's type, which is no place in the definition
    if location[:1] == ["version"]:
        return Problem("version", "wrong_type", "Input should be a text or a number")
    if kind == "union_tag_not_found":
        return Problem(_place([*location, "type"]), "missing_field", "Field required")
    return Problem(_place(location), _code(kind, location), message)


def _code(kind: str, location: Sequence[int | str]) -> str:
    if kind == "conflicting_spellings":
        return kind
    if kind == "missing":
        return "missing_field"
    if kind == "union_tag_invalid":
        return "unknown_node_type"
    if kind == "string_pattern_mismatch":
        return "bad_id"  # the only pattern among the models
    if kind == "literal_error" and location[-1] == "operator":
        return "bad_operator"
    return "wrong_type" if kind.endswith("_type") else "invalid_value"


def _place(location: Sequence[int | str]) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return text.removeprefix(".")


def _duplicates(nodes: Mapping[int, Mapping[str, Any]]) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for index, node in nodes.items():
        earlier = first.setdefault(node["id"], index)
        if earlier != index:
            yield Problem(f"nodes[{index}].id", "duplicate_id", f"{node['id']!r} is already the id of nodes[{earlier}]")


def _unknown_names(nodes: Mapping[int, Mapping[str, Any]], outputs: Any) -> Iterator[Problem]:
    ids = {node["id"] for node in nodes.values()}
    for index, node in nodes.items():
        for link in node_links(node):
            yield from _fault_of(link, ids, f"nodes[{index}].")
    for link in template_links("outputs", outputs):
        yield from _fault_of(link, ids, "")


def _fault_of(link: Link | BadTemplate, ids: set[str], prefix: str) -> Iterator[Problem]:
    if isinstance(link, BadTemplate):
        yield Problem(prefix + link.location, "bad_template", link.reason)
    elif link.target not in ids:
        code, message = _UNKNOWN[link.kind]
        yield Problem(prefix + link.location, code, message.format(link.target))


def _cycles(nodes: Mapping[int, Mapping[str, Any]]) -> Iterator[Problem]:
    position = {node["id"]: index for index, node in nodes.items()}
    for cycle in find_cycles(edges(nodes.values())):
        message = "nodes depend on each other: " + " -> ".join([*cycle, cycle[0]])
        yield Problem(f"nodes[{position[cycle[0]]}]", "cycle", message)
