"""What a diagram shows: the nodes of a definition, their states, and the edges between them, faults included.

This reads plain JSON and skips what has the wrong type: the diagram of a faulty definition helps to find the fault.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from fibonacci.definitions.diagrams.states import (
    UNKNOWN,
    NodeState,
    checked_execution,
    execution_state,
    node_states,
)
from fibonacci.definitions.diagrams.texts import clean
from fibonacci.definitions.json_types import is_array, is_object
from fibonacci.definitions.links import FOLLOWING, Link, node_links
from fibonacci.definitions.model.plain import plain_object

MISSING: Final = ""
"""The type of a name that no node has."""

_LABELS: Final = ("true", "false", "on error")

_SUBJECTS: Final = {"llm": "model", "tool": "tool", "critic": "target_node"}
"""The key that describes a node best, by the type of the node."""

_NOT_A_NODE: Final = ("not a node of this workflow",)


class DiagramNode(NamedTuple):
    """A node as it is shown. All texts are clean."""

    id: str
    """The id as it is written; empty for a node that has none."""

    type: str
    """The type, such as `llm`, or `no type`; `MISSING` for a name that no node has."""

    label: str
    """The name, or else the id."""

    details: tuple[str, ...]
    """What the node does, in a few words."""

    state: NodeState | None = None
    """The state in the execution; None without an execution."""

    @property
    def words(self) -> tuple[str, ...]:
        """The text below the label of the node."""
        return (*self.details, self.state.text) if self.state else self.details


class DiagramEdge(NamedTuple):
    """An edge, in the direction in which the workflow runs."""

    source: int
    """The position of the node that it leaves."""

    target: int
    """The position of the node that it leads to."""

    label: str = ""
    """`true` or `false` for a branch, `on error` for what runs after a failure."""

    is_assessment: bool = False
    """Whether it leads from a node to its critic."""


class DiagramContents(NamedTuple):
    """The nodes and edges of a definition."""

    name: str
    """The name of the workflow; empty without one."""

    execution: str
    """The id of the execution; empty without one."""

    state: NodeState | None
    """The state of the execution; None without one."""

    nodes: tuple[DiagramNode, ...]
    """The nodes in the order of the definition, then those that are missing."""

    edges: tuple[DiagramEdge, ...]
    """The edges; at most one from a node to another."""


def contents_of(definition: object, execution: object) -> DiagramContents:
    """Return what the diagram of a definition shows.

    Args:
        definition: A `WorkflowDefinition`, or a definition in plain JSON, which may have faults.
        execution: An `Execution` whose states are shown, or None.

    Raises:
        TypeError: If an argument has another type.
        ValueError: If the definition holds itself.
    """
    plain = plain_object(definition)
    executed = checked_execution(execution)
    listed = plain.get("nodes")
    plain_nodes = [_object(node) for node in listed] if is_array(listed) else []
    nodes = [_node(node, index) for index, node in enumerate(plain_nodes)]
    positions: dict[str, int] = {}
    for index, node in enumerate(nodes):
        if node.id and positions.setdefault(node.id, index) != index:
            nodes[index] = node._replace(details=(*node.details, "its id is not unique"))
    state, shown = None, ""
    if executed is not None:
        state, shown = execution_state(executed), clean(executed.id)
        states = node_states(plain, executed)
        nodes = [node._replace(state=states.get(node.id, NodeState(UNKNOWN))) for node in nodes]
    links = [
        (index, link)
        for index, node in enumerate(plain_nodes)
        for link in _links(node)
        if link.kind != "mention" or link.target in positions
    ]
    for _, link in links:
        if link.target not in positions:
            positions[link.target] = len(nodes)
            nodes.append(DiagramNode(link.target, MISSING, clean(link.target) or '""', _NOT_A_NODE))
    return DiagramContents(_text(plain.get("name")), shown, state, tuple(nodes), tuple(_edges(links, positions)))


def _object(value: object) -> Mapping[str, Any]:
    return value if is_object(value) else {}


def _links(node: Mapping[str, Any]) -> Iterator[Link]:
    return (link for link in node_links(node) if isinstance(link, Link))


def _edges(links: list[tuple[int, Link]], positions: Mapping[str, int]) -> Iterator[DiagramEdge]:
    labels: dict[tuple[int, int], set[str]] = {}
    assessed: set[tuple[int, int]] = set()
    for index, link in links:
        other = positions[link.target]
        ends = (index, other) if link.kind in FOLLOWING else (other, index)
        labels.setdefault(ends, set()).add(_label(link))
        if link.kind == "critic":
            assessed.add(ends)
    for ends, found in labels.items():
        label = " / ".join(sorted(found & set(_LABELS), key=_LABELS.index))
        yield DiagramEdge(*ends, label, is_assessment=ends in assessed)


def _label(link: Link) -> str:
    if link.kind == "branch":
        return link.location.partition("_")[0]
    return "on error" if link.kind in FOLLOWING else ""


def _node(node: Mapping[str, Any], index: int) -> DiagramNode:
    written = node.get("id")
    node_id = written if isinstance(written, str) else ""
    label = _text(node.get("name")) or clean(node_id) or f"nodes[{index}]"
    kind = _text(node.get("type")) or "no type"
    return DiagramNode(node_id, kind, label, tuple(_details(node, kind)))


def _details(node: Mapping[str, Any], kind: str) -> Iterator[str]:
    subject = _text(node.get(_SUBJECTS.get(kind, "")))
    yield f"{kind}: {subject}" if subject else kind
    condition = node.get("condition")
    if kind == "conditional":
        yield _comparison(node.get("left_value"), node.get("operator"), node.get("right_value"))
    elif is_object(condition):
        yield f"if {_comparison(condition.get('field'), condition.get('operator'), condition.get('value'))}"


def _comparison(left: object, operator: object, right: object) -> str:
    words = _text(operator).replace("_", " ")
    return " ".join([_operand(left), words, *([] if words.endswith(" empty") else [_operand(right)])])


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
