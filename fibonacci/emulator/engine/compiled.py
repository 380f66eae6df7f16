"""Definitions compiled for execution, once for all executions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from fibonacci.definitions import Node, OpenNode, WorkflowDefinition
from fibonacci.definitions.flow import Flow, reachable
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
        flow: When each node runs.
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
    flow: Flow = field(default_factory=lambda: Flow(()))
    outputs: Mapping[str, Any] | None = None
    timeout: float | None = None
    input_schema: Mapping[str, Any] | None = None
    output_schema: Mapping[str, Any] | None = None
    allow_partial_results: bool = False

    def between(self, first: str, last: str) -> set[str]:
        """Return the ids of the nodes that depend on the first and that the last depends on, the first included."""
        waits_for = self.flow.waits_for
        return {node for node in reachable(waits_for, last) if first in reachable(waits_for, node)} | {first}


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
    return CompiledWorkflow(
        definition=plain,
        text=text,
        order=flow.order(),
        nodes=nodes,
        flow=flow,
        outputs=definition.outputs,
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
