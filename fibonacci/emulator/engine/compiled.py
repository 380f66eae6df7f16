"""Definitions compiled for execution, once for all executions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from fibonacci.definitions import LLMNode, Node, ToolNode, WorkflowDefinition, dependencies, execution_order
from fibonacci.emulator.state.json_encoding import to_json


@dataclass(frozen=True, slots=True)
class CompiledWorkflow:
    """A definition, compiled.

    Attributes:
        order: The ids of the nodes, each after those it depends on.
        nodes: The nodes by id.
        waits_for: The ids of the nodes that each node depends on.
        outputs: Templates by output name, or `None`.
        rescues: The ids of the nodes whose failure starts a node, by its id: it is their `fallback` or `on_error`.
    """

    order: Sequence[str]
    nodes: Mapping[str, Node]
    waits_for: Mapping[str, Sequence[str]]
    outputs: Mapping[str, Any] | None
    rescues: Mapping[str, frozenset[str]]


EMPTY_WORKFLOW = CompiledWorkflow((), {}, {}, None, {})
"""A workflow without a definition: it has no nodes."""


def compiled(definition: Mapping[str, Any] | None) -> CompiledWorkflow:
    """Return a valid definition compiled; the latest ones are cached."""
    return EMPTY_WORKFLOW if definition is None else _compiled(to_json(definition))


@lru_cache(maxsize=128)
def _compiled(text: bytes) -> CompiledWorkflow:
    definition = WorkflowDefinition.model_validate(json.loads(text))
    nodes = {node.id: node for node in definition.nodes}
    order, waits_for = execution_order(definition), dependencies(definition)
    return CompiledWorkflow(order, nodes, waits_for, definition.outputs, _rescues(definition))


def _rescues(definition: WorkflowDefinition) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for node in definition.nodes:
        if isinstance(node, LLMNode | ToolNode):
            for target in (node.fallback, node.on_error):
                if target is not None:
                    found[target] = found.get(target, frozenset()) | {node.id}
    return found
