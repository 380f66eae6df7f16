"""What a diagram shows: the nodes of a definition, their states, and the edges between them, including mistakes.

There is no font to measure, so widths are estimated generously: fonts differ by a fifth between machines.

This reads plain JSON and skips what has the wrong type, because a diagram helps to find mistakes in a definition.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeGuard
from unicodedata import combining, east_asian_width

from fibonacci._texts.text import time_text
from fibonacci.definitions.document import Document
from fibonacci.definitions.graph import FOLLOWING, Link, node_links
from fibonacci.definitions.json_types import as_object, is_array, is_object
from fibonacci.definitions.node_kinds import NODE_KINDS, known_type

if TYPE_CHECKING:
    from fibonacci.models import Execution, NodeTrace

# What XML 1.0 doesn't allow, including lone surrogates, and the control characters that HTML doesn't allow.
_ILLEGAL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
# Marks that reorder the text around them, or are invisible in it.
_INVISIBLE: Final = re.compile("[\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
_ELLIPSIS: Final = "…"
_BREAKABLE: Final = " _-./"

_NARROW: Final = frozenset("iljtfrI.,:;'|!()[]{}/ -")
_WIDE: Final = frozenset("mwMW@%&—")


def clean(text: str) -> str:
    """Return a text on one line, without characters that XML doesn't allow or marks that reorder it."""
    return " ".join(_INVISIBLE.sub("", _ILLEGAL.sub("\ufffd", text)).split())


def width(text: str) -> float:
    """Estimate the width of a text, in units of its font size."""
    return sum(map(_width, text))


def _width(character: str) -> float:
    if character in _NARROW:
        return 0.44
    if character in _WIDE:
        return 1.06
    if character < "\x7f":
        return 0.77 if character.isupper() else 0.68
    if combining(character):
        return 0.0
    return 1.4 if east_asian_width(character) in "WF" or character > "\uffff" else 1.0


def shorten(text: str, limit: float) -> str:
    """Cut a text to a width, in units of the font size, and end it with an ellipsis if it was cut."""
    end = _fitting(text, limit)
    return text if end == len(text) else text[: _fitting(text, limit - _width(_ELLIPSIS))].rstrip() + _ELLIPSIS


def wrap(text: str, limit: float, lines: int) -> list[str]:
    """Wrap a text to a width, in units of the font size, and shorten the last line.

    Args:
        text: The text, clean.
        limit: The width of a line.
        lines: The maximum number of lines.
    """
    wrapped: list[str] = []
    while len(wrapped) < lines - 1 and (end := _fitting(text, limit)) < len(text):
        end = _break(text, end)
        wrapped.append(text[:end].rstrip())
        text = text[end:].lstrip()
    return [*wrapped, shorten(text, limit)]


def _fitting(text: str, limit: float) -> int:
    """Return how many characters fit into a width."""
    for index, character in enumerate(text):
        limit -= _width(character)
        if limit < 0:
            return index
    return len(text)


def _break(text: str, end: int) -> int:
    """Return the best place for a line break, at or before a given place."""
    if text[end] == " ":
        return end
    places = (text.rfind(character, 0, end) + 1 for character in _BREAKABLE)
    best = max(places)
    return best if best > end // 2 else max(end, 1)


def number(value: float) -> str:
    """Return a coordinate as text, rounded to a tenth of a pixel."""
    return f"{round(value, 1):g}" if abs(value) < 100_000 else str(round(value))


KNOWN_STATES: Final = ("completed", "failed", "running", "pending", "skipped", "cancelled")
"""The states that have a color. The platform may have others."""

UNKNOWN: Final = "unknown"
"""The state of a node that the platform doesn't mention."""


class NodeState(NamedTuple):
    """The state of a node. All texts are clean."""

    word: str
    """The state in a word: one of `KNOWN_STATES`, `unknown`, or another one from the platform."""

    duration: str = ""
    """The time that the node took, such as `1.2 s`. Empty if unknown."""

    reason: str = ""
    """The error of a failed node, or why it was skipped. Empty if unknown."""

    words: str = ""
    """A text about the state, in place of the word and the duration."""

    @property
    def text(self) -> str:
        """The state and the duration."""
        return self.words or (f"{self.word} · {self.duration}" if self.duration else self.word)


def node_states(definition: Mapping[str, Any], execution: Execution) -> dict[str, NodeState]:
    """Return the states of nodes by ID. A node without one is unknown.

    Args:
        definition: The definition as plain JSON.
        execution: The execution. If it has no trace, nodes with an output count as completed.
    """
    if execution.trace:
        return dict(_traced(execution.trace))
    if is_object(definition.get("outputs")):  # the names of the outputs then aren't those of nodes
        return {}
    return {node_id: NodeState("completed") for node_id in execution.outputs}


def _traced(trace: Iterable[NodeTrace]) -> Iterator[tuple[str, NodeState]]:
    for entry in trace:
        reason = _state_text(entry.error) or _state_text(entry.reason)
        yield entry.id, NodeState(_state_text(entry.status) or UNKNOWN, _node_duration(entry), reason)


def _node_duration(entry: NodeTrace) -> str:
    started, ended = entry.started_at, entry.ended_at
    if started is None or ended is None or (started.tzinfo is None) != (ended.tzinfo is None):
        return ""
    return _duration((ended - started) / timedelta(milliseconds=1))


def _duration(milliseconds: float) -> str:
    """Return a duration for a reader. Empty for a negative or absurd one, such as an integer too large for a float."""
    return time_text(milliseconds) if 0 <= milliseconds < 1e12 else ""


def _state_text(value: object) -> str:
    if isinstance(value, str):
        return clean(value)
    message = value.get("message") if is_object(value) else None  # an error may be an object
    return clean(message) if isinstance(message, str) else ""


MISSING: Final = ""
"""The type shown for a name that no node has."""

_LABELS: Final = ("true", "false", "on error")

_NOT_A_NODE: Final = ("not a node of this workflow",)


class DiagramNode(NamedTuple):
    """A node as the diagram shows it. All texts are clean."""

    id: str
    """The ID as written. Empty for a node without one."""

    type: str
    """The type, such as `llm`, or `no type`. `MISSING` for a name that no node has."""

    label: str
    """The name, or else the ID."""

    details: tuple[str, ...]
    """What the node does, in a few words."""

    state: NodeState | None = None
    """The state in the execution, or None without an execution."""

    @property
    def words(self) -> tuple[str, ...]:
        """The texts below the label of the node."""
        return (*self.details, self.state.text) if self.state else self.details


class DiagramEdge(NamedTuple):
    """An edge, pointing in the direction in which the workflow runs."""

    source: int
    """The position of the node that it leaves."""

    target: int
    """The position of the node that it leads to."""

    label: str = ""
    """`true` or `false` for a branch, `on error` for a node that runs after a failure."""

    is_assessment: bool = False
    """Whether it leads from a node to its critic."""

    is_faded: bool = False
    """Whether none of the executions whose coverage is shown took it."""


class DiagramContents(NamedTuple):
    """The nodes and edges of a definition."""

    name: str
    """The name of the workflow. Empty without one."""

    execution: str
    """The ID of the execution. Empty without one."""

    state: NodeState | None
    """The state of the execution, or None without one."""

    nodes: tuple[DiagramNode, ...]
    """The nodes in the order of the definition, followed by missing ones."""

    edges: tuple[DiagramEdge, ...]
    """The edges, at most one from a node to another."""


def contents_of(definition: object, execution: object) -> DiagramContents:
    """Return what the diagram of a definition shows.

    Args:
        definition: A `WorkflowDefinition`, or a definition in plain JSON, which may have problems.
        execution: An `Execution` whose states are shown, or None.

    Raises:
        DefinitionError: If the definition has more than 64 levels.
        TypeError: If an argument has another type.
    """
    plain = Document.of(definition).value
    if execution is not None and not _is_execution(execution):
        kind = type(execution).__name__
        raise TypeError(f"execution must be an Execution, not {kind}. client.executions.get(execution_id) returns one")
    listed = plain.get("nodes")
    plain_nodes = [as_object(node) for node in listed] if is_array(listed) else []
    nodes = [_node(node, index) for index, node in enumerate(plain_nodes)]
    positions: dict[str, int] = {}
    for index, node in enumerate(nodes):
        if node.id and positions.setdefault(node.id, index) != index:
            nodes[index] = node._replace(details=(*node.details, "its id is not unique"))
    state, shown = None, ""
    if execution is not None:
        duration = "" if execution.duration_ms is None else _duration(execution.duration_ms)
        state, shown = NodeState(_state_text(execution.status) or UNKNOWN, duration), clean(execution.id)
        states = node_states(plain, execution)
        nodes = [node._replace(state=states.get(node.id, NodeState(UNKNOWN))) for node in nodes]
    links = [
        (index, link)
        for index, node in enumerate(plain_nodes)
        for link in node_links(node)
        if isinstance(link, Link) and (link.kind != "mention" or link.target in positions)
    ]
    for _, link in links:
        if link.target not in positions:
            positions[link.target] = len(nodes)
            nodes.append(DiagramNode(link.target, MISSING, clean(link.target) or '""', _NOT_A_NODE))
    return DiagramContents(_text(plain.get("name")), shown, state, tuple(nodes), tuple(_edges(links, positions)))


def _is_execution(value: object) -> TypeGuard[Execution]:
    return hasattr(value, "trace") and hasattr(value, "outputs")


def _edges(links: list[tuple[int, Link]], positions: Mapping[str, int]) -> Iterator[DiagramEdge]:
    labels: dict[tuple[int, int], set[str]] = {}
    assessed: set[tuple[int, int]] = set()
    for index, link in links:
        other = positions[link.target]
        ends = (index, other) if link.kind in FOLLOWING else (other, index)
        labels.setdefault(ends, set()).add(_label(link))
        if link.kind == "critic":
            assessed.add(ends)
    for ends, texts in labels.items():
        label = " / ".join(sorted(texts & set(_LABELS), key=_LABELS.index))
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
    known = known_type(kind)
    subject = _text(node.get(NODE_KINDS[known].subject)) if known else ""
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
        return "…"  # Python refuses to print very long integers
    return "{…}" if is_object(value) else "[…]"


def _text(value: object) -> str:
    return clean(value) if isinstance(value, str) else ""
