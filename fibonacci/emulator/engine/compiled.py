"""Definitions compiled for execution, once for all executions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from fibonacci.definitions import CriticNode, LLMNode, Node, OpenNode, ToolNode, WorkflowDefinition
from fibonacci.definitions.graph import Edges, dependencies, levels
from fibonacci.definitions.model.base_node import RetryPolicy
from fibonacci.definitions.model.spellings import split_retry
from fibonacci.emulator.state.json_encoding import to_json


@dataclass(frozen=True, slots=True)
class CompiledWorkflow:
    """A definition, compiled.

    Attributes:
        definition: The definition itself, or `None`.
        text: The definition in JSON; empty without one.
        order: The ids of the nodes, each after those that it starts after.
        nodes: The nodes by id, in the order of the definition, with the default retry.
        waits_for: The ids of the nodes that each node depends on.
        starts_after: Those, the fallbacks that may stand in for them, and the critics that may run them again.
        outputs: Templates by output name, or `None`.
        rescues: The ids of the nodes whose failure starts a node, by its id: it is their `fallback` or `on_error`.
        timeout: The seconds that a run may take, or `None`.
        input_schema: The schema of the inputs, or `None`.
        output_schema: The schema of the outputs, or `None`.
        allow_partial_results: Whether a failed run has outputs.
    """

    definition: Mapping[str, Any] | None = None
    text: bytes = b""
    order: Sequence[str] = ()
    nodes: Mapping[str, Node] = field(default_factory=dict[str, Node])
    waits_for: Edges = field(default_factory=dict[str, Sequence[str]])
    starts_after: Edges = field(default_factory=dict[str, Sequence[str]])
    outputs: Mapping[str, Any] | None = None
    rescues: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    timeout: float | None = None
    input_schema: Mapping[str, Any] | None = None
    output_schema: Mapping[str, Any] | None = None
    allow_partial_results: bool = False

    def between(self, first: str, last: str) -> set[str]:
        """Return the ids of the nodes that depend on the first and that the last depends on, the first included."""
        return {node for node in reachable(self.waits_for, last) if first in reachable(self.waits_for, node)} | {first}


EMPTY_WORKFLOW: Final = CompiledWorkflow()
"""A workflow without a definition: it has no nodes."""


def compiled(definition: Mapping[str, Any] | None) -> CompiledWorkflow:
    """Return a valid definition compiled; the latest ones are cached."""
    return EMPTY_WORKFLOW if definition is None else _compiled(to_json(definition))


@lru_cache(maxsize=128)
def _compiled(text: bytes) -> CompiledWorkflow:
    plain = json.loads(text)
    definition = WorkflowDefinition.model_validate(plain)
    nodes = {node.id: _with_default_retry(node, definition.default_retry) for node in definition.nodes}
    waits_for = dependencies(definition)
    starts_after = _starts_after(nodes, waits_for)
    return CompiledWorkflow(
        definition=plain,
        text=text,
        order=[node_id for level in levels(starts_after) for node_id in level],
        nodes=nodes,
        waits_for=waits_for,
        starts_after=starts_after,
        outputs=definition.outputs,
        rescues=_rescues(definition),
        timeout=definition.timeout,
        input_schema=definition.input_schema,
        output_schema=definition.output_schema,
        allow_partial_results=definition.allow_partial_results,
    )


def _with_default_retry(node: Node, default: RetryPolicy | None) -> Node:
    if default is None or isinstance(node, OpenNode):
        return node
    if not node.model_fields_set.isdisjoint(("enable_retry", "max_retries", "retry_delay", "retry")):
        return node
    newer, rest = split_retry(default.model_dump())
    return node.model_copy(update={**newer, "retry": RetryPolicy.model_validate(rest) if rest else None})


def _starts_after(nodes: Mapping[str, Node], waits_for: Edges) -> dict[str, list[str]]:
    """Return what each node waits for, and what decides about the output of that: its fallback, its critics.

    What would make nodes wait for each other is left out: a fallback may itself use what depends on the failed node.
    """
    after = {node_id: list(targets) for node_id, targets in waits_for.items()}
    for node_id, targets in waits_for.items():
        for target in targets:
            for decider in _deciders(nodes, target):
                if decider not in after[node_id] and node_id not in reachable(after, decider):
                    after[node_id].append(decider)
    return after


def _deciders(nodes: Mapping[str, Node], target: str) -> Iterator[str]:
    seen = {target}
    current = target
    while True:  # a fallback may have a fallback
        node = nodes[current]
        fallback = node.fallback if isinstance(node, LLMNode | ToolNode) else None
        if fallback is None or fallback in seen:
            break
        current = fallback
        seen.add(current)
        yield current
    yield from (node.id for node in nodes.values() if isinstance(node, CriticNode) and node.target_node == target)


def reachable(edges: Edges, start: str) -> set[str]:
    """Return the ids that can be reached from one, itself included."""
    found, pending = {start}, [start]
    while pending:
        for target in edges[pending.pop()]:
            if target not in found:
                found.add(target)
                pending.append(target)
    return found


def _rescues(definition: WorkflowDefinition) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for node in definition.nodes:
        if isinstance(node, LLMNode | ToolNode):
            for target in (node.fallback, node.on_error):
                if target is not None:
                    found[target] = found.get(target, frozenset()) | {node.id}
    return found
