"""The states of nodes in an execution, as far as the platform sends them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any, Final, NamedTuple

from fibonacci._display.protocols import ExecutionRecord, NodeRecord
from fibonacci.definitions.checks.nodes_by_index import nodes_of
from fibonacci.definitions.diagrams.texts import clean
from fibonacci.definitions.flow import PENDING, Fate, Flow
from fibonacci.definitions.json_types import is_object

KNOWN_STATES: Final = ("completed", "failed", "running", "pending", "skipped", "cancelled")
"""The states that have a color; the platform may have others."""

UNKNOWN: Final = "unknown"
"""The state of a node that the platform does not mention."""

_NOT_STARTED: Final = ("pending", "pending_approval")


class NodeState(NamedTuple):
    """The state of a node. All texts are clean."""

    word: str
    """The state in a word: one of `KNOWN_STATES`, `unknown`, or another that the platform has sent."""

    duration: str = ""
    """The time that the node took, such as `1.2 s`; empty when it is not known."""

    reason: str = ""
    """The error of a failed node, or why it was skipped; empty when it is not known."""

    @property
    def text(self) -> str:
        """The state and the duration."""
        return f"{self.word} · {self.duration}" if self.duration else self.word


def checked_execution(execution: object) -> ExecutionRecord | None:
    """Return the argument `execution`.

    Raises:
        TypeError: If it is neither an execution nor None.
    """
    if execution is None or isinstance(execution, ExecutionRecord):
        return execution
    kind = type(execution).__name__
    raise TypeError(f"execution must be an Execution, not {kind}; client.executions.get(execution_id) returns one")


def execution_state(execution: ExecutionRecord) -> NodeState:
    """Return the state of an execution as a whole."""
    milliseconds = execution.duration_ms
    duration = "" if milliseconds is None else _duration(milliseconds)
    return NodeState(_text(execution.status) or UNKNOWN, duration)


def node_states(plain: Mapping[str, Any], execution: ExecutionRecord) -> dict[str, NodeState]:
    """Return the states of nodes by id; what is missing is unknown.

    Args:
        plain: The definition as plain JSON.
        execution: The execution. Without a trace, nodes with an output have completed, what they imply was skipped, and
            the nodes of an execution that has not begun are pending.
    """
    states = dict(_traced(execution.trace or []))
    if states:
        return states
    nodes = nodes_of(plain).values()
    if execution.status in _NOT_STARTED:
        return {node["id"]: NodeState("pending") for node in nodes}
    if is_object(plain.get("outputs")):  # then the names of the outputs are not those of nodes
        return {}
    states = {node_id: NodeState("completed") for node_id in execution.outputs}
    return states | _skipped(nodes, execution.outputs) if execution.status == "completed" else states


def _skipped(nodes: Iterable[Mapping[str, Any]], outputs: Mapping[str, Any]) -> dict[str, NodeState]:
    """Return the nodes of a completed execution that can only have been skipped beside those with an output."""
    flow = Flow(nodes)
    fates: dict[str, Fate] = {}
    states: dict[str, NodeState] = {}
    for node_id in flow.order():
        if node_id in outputs:
            result = outputs[node_id].get("result") if is_object(outputs[node_id]) else None
            fates[node_id] = Fate("completed", result=result if isinstance(result, bool) else None)
            continue
        step = flow.step(node_id, lambda other: fates.get(other, PENDING))
        if step.action == "skip":
            fates[node_id] = Fate("skipped", step.stopped)
            states[node_id] = NodeState("skipped", reason=clean(step.reason))
    return states


def _traced(trace: Iterable[NodeRecord]) -> Iterator[tuple[str, NodeState]]:
    for entry in trace:
        reason = _text(entry.error) or _text(entry.reason)
        yield entry.id, NodeState(_text(entry.status) or UNKNOWN, _node_duration(entry), reason)


def _node_duration(entry: NodeRecord) -> str:
    started, ended = entry.started_at, entry.ended_at
    if started is None or ended is None or (started.tzinfo is None) != (ended.tzinfo is None):
        return ""
    return _duration((ended - started) / timedelta(milliseconds=1))


def _duration(milliseconds: float) -> str:
    """Return a duration for a reader, such as `120 ms`, `1.2 s` or `3 min 20 s`; empty for a negative or absurd one."""
    if not 0 <= milliseconds < 1e12:  # also an integer that is too large for a float
        return ""
    if milliseconds < 999.5:
        return f"{milliseconds:.0f} ms"
    seconds = milliseconds / 1000
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def _text(value: object) -> str:
    if isinstance(value, str):
        return clean(value)
    message = value.get("message") if is_object(value) else None  # an error may be an object
    return clean(message) if isinstance(message, str) else ""
