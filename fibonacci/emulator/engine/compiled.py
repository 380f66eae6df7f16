"""Definitions compiled for execution, once for all executions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from fibonacci.definitions import Node, OpenNode, WorkflowDefinition
from fibonacci.definitions.flow import Flow, reachable
from fibonacci.definitions.graph import Edges
from fibonacci.definitions.nodes import RetryPolicy
from fibonacci.definitions.spellings import split_retry
from fibonacci.emulator.state.json_encoding import to_json


@dataclass(frozen=True, slots=True)
class CompiledWorkflow:
    """A definition, compiled.

    Attributes:
        definition: The definition itself, or `None`.
        text: The definition in JSON; empty without one.
        order: The ids of the nodes, each after those that it starts after.
        nodes: The nodes by id, in the order of the definition, with the default retry.
        places: The place of each id in `order`.
        flow: When each node runs.
        followers: The ids of the nodes that start after each node.
        outputs: Templates by output name, or `None`.
        timeout: The seconds that a run may take, or `None`.
        input_schema: The schema of the inputs, or `None`.
        output_schema: The schema of the outputs, or `None`.
        allow_partial_results: Whether a failed run has outputs.
    """

    definition: Mapping[str, Any] | None = None
    text: bytes = b""
    order: Sequence[str] = ()
    nodes: Mapping[str, Node] = field(default_factory=dict[str, Node])
    places: Mapping[str, int] = field(default_factory=dict[str, int])
    flow: Flow = field(default_factory=lambda: Flow(()))
    followers: Edges = field(default_factory=dict[str, list[str]])
    outputs: Mapping[str, Any] | None = None
    timeout: float | None = None
    input_schema: Mapping[str, Any] | None = None
    output_schema: Mapping[str, Any] | None = None
    allow_partial_results: bool = False

    def between(self, first: str, last: str) -> set[str]:
        """Return the ids of the nodes that depend on the first and that the last depends on, the first included."""
        waits_for = self.flow.waits_for
        return (reachable(waits_for, last) & reachable(_inverted(waits_for), first)) | {first}


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
    flow = Flow(plain["nodes"])
    order = flow.order()
    return CompiledWorkflow(
        definition=plain,
        text=text,
        order=order,
        places={node_id: place for place, node_id in enumerate(order)},
        nodes=nodes,
        flow=flow,
        followers=_inverted(flow.starts_after),
        outputs=definition.outputs,
        timeout=definition.timeout,
        input_schema=definition.input_schema,
        output_schema=definition.output_schema,
        allow_partial_results=definition.allow_partial_results,
    )


def _inverted(edges: Edges) -> Edges:
    found: dict[str, list[str]] = {node_id: [] for node_id in edges}
    for node_id, targets in edges.items():
        for target in targets:
            found[target].append(node_id)
    return found


def _with_default_retry(node: Node, default: RetryPolicy | None) -> Node:
    if default is None or isinstance(node, OpenNode):
        return node
    if not node.model_fields_set.isdisjoint(("enable_retry", "max_retries", "retry_delay", "retry")):
        return node
    newer, rest = split_retry(default.model_dump())
    return node.model_copy(update={**newer, "retry": RetryPolicy.model_validate(rest) if rest else None})
