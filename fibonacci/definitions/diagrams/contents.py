"""What a diagram shows: the nodes of a definition and the edges between them, faults included.

This reads plain JSON and skips what has the wrong type: the diagram of a faulty definition helps to find the fault.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from fibonacci.definitions.diagrams.texts import clean
from fibonacci.definitions.json_types import is_array, is_object
from fibonacci.definitions.links import Link, LinkKind, node_links
from fibonacci.definitions.nodes import WorkflowDefinition

MISSING: Final = "missing"
"""The type of what a node names and the definition does not have."""

_FORWARD: Final[frozenset[LinkKind]] = frozenset({"branch"})
"""The links that lead from the naming node to the named one; the others lead to the naming node."""

_SUBJECTS: Final = {"llm": "model", "tool": "tool", "critic": "target_node"}
"""The key that says most about a node, by the type of the node."""


class DiagramNode(NamedTuple):
    """A node as it is shown. All texts are clean."""

    id: str
    """The id as it is written; empty for a node that has none."""

    type: str
    """The type, such as `llm`; `missing` for a name that no node has."""

    label: str
    """The name, or else the id."""

    details: tuple[str, ...]
    """What the node does, in a few words."""


class DiagramEdge(NamedTuple):
    """An edge, in the direction in which the workflow runs."""

    source: int
    """The position of the node that it leaves."""

    target: int
    """The position of the node that it leads to."""

    label: str = ""
    """`true` or `false` for a branch."""

    is_assessment: bool = False
    """Whether it leads from a node to its critic."""


class DiagramContents(NamedTuple):
    """The nodes and edges of a definition."""

    name: str
    """The name of the workflow; empty without one."""

    nodes: tuple[DiagramNode, ...]
    """The nodes in the order of the definition, then those that are missing."""

    edges: tuple[DiagramEdge, ...]
    """The edges; at most one from a node to another."""


def contents_of(definition: WorkflowDefinition | Mapping[str, Any]) -> DiagramContents:
    """Return what the diagram of a definition shows.

    Args:
        definition: The definition; one in plain JSON may have faults.

    Raises:
        TypeError: If it is neither.
    """
    plain = plain_definition(definition)
    listed = plain.get("nodes")
    plain_nodes = [node if is_object(node) else {} for node in listed] if is_array(listed) else []
    nodes = [_node(node, index) for index, node in enumerate(plain_nodes)]
    positions: dict[str, int] = {}
    for index, node in enumerate(nodes):
        if node.id:
            positions.setdefault(node.id, index)
    links = [(index, link) for index, node in enumerate(plain_nodes) for link in _links(node)]
    for _, link in links:
        if link.target not in positions:
            positions[link.target] = len(nodes)
            nodes.append(DiagramNode(link.target, MISSING, clean(link.target), ()))
    return DiagramContents(_text(plain.get("name")), tuple(nodes), tuple(_edges(links, positions)))


def plain_definition(definition: object) -> Mapping[str, Any]:
    """Return a definition as plain JSON.

    Raises:
        TypeError: If it is neither a `WorkflowDefinition` nor a mapping.
    """
    if isinstance(definition, WorkflowDefinition):
        return definition.model_dump()
    if is_object(definition):
        return definition
    kind = type(definition).__name__
    raise TypeError(f"definition must be a WorkflowDefinition or a mapping, not {kind}; load a file with load_yaml")


def _links(node: Mapping[str, Any]) -> Iterator[Link]:
    return (link for link in node_links(node) if isinstance(link, Link))


def _edges(links: list[tuple[int, Link]], positions: Mapping[str, int]) -> Iterator[DiagramEdge]:
    labels: dict[tuple[int, int], set[str]] = {}
    kinds: dict[tuple[int, int], set[LinkKind]] = {}
    for index, link in links:
        other = positions[link.target]
        ends = (index, other) if link.kind in _FORWARD else (other, index)
        kinds.setdefault(ends, set()).add(link.kind)
        if link.kind == "branch":
            labels.setdefault(ends, set()).add(link.location.partition("_")[0])
    for ends, found in kinds.items():
        label = " / ".join(sorted(labels.get(ends, ()), reverse=True))
        yield DiagramEdge(*ends, label, is_assessment="critic" in found)


def _node(node: Mapping[str, Any], index: int) -> DiagramNode:
    written = node.get("id")
    node_id = written if isinstance(written, str) else ""
    label = _text(node.get("name")) or clean(node_id) or f"nodes[{index}]"
    kind = _text(node.get("type")) or "no type"
    return DiagramNode(node_id, kind, label, tuple(_details(node, kind)))


def _details(node: Mapping[str, Any], kind: str) -> Iterator[str]:
    subject = _text(node.get(_SUBJECTS.get(kind, "")))
    yield f"{kind}: {subject}" if subject else kind
    if kind == "conditional":
        yield _condition(node)


def _condition(node: Mapping[str, Any]) -> str:
    parts = [_operand(node.get("left_value")), _text(node.get("operator")).replace("_", " ")]
    if not parts[1].endswith(" empty"):
        parts.append(_operand(node.get("right_value")))
    return " ".join(parts)


def _operand(value: object) -> str:
    if isinstance(value, str):
        return clean(value.replace("{{", "").replace("}}", "")) or '""'
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, float) or (isinstance(value, int) and value.bit_length() <= 64):
        return repr(value)
    if isinstance(value, int):
        return "…"  # Python refuses to write integers of some length
    return "{…}" if is_object(value) else "[…]"


def _text(value: object) -> str:
    return clean(value) if isinstance(value, str) else ""
