"""Definitions compiled for execution, once for all executions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from fibonacci.definitions import Node, WorkflowDefinition, dependencies, execution_order
from fibonacci.emulator.state.json_encoding import to_json


@dataclass(frozen=True, slots=True)
class CompiledWorkflow:
    """A definition, compiled.

    Attributes:
        order: The ids of the nodes, each after those it depends on.
        nodes: The nodes by id.
        waits_for: The ids of the nodes that each node depends on.
        outputs: Templates by output name, or `None`.
    """

    order: Sequence[str]
    nodes: Mapping[str, Node]
    waits_for: Mapping[str, Sequence[str]]
    outputs: Mapping[str, Any] | None


EMPTY_WORKFLOW = CompiledWorkflow((), {}, {}, None)
"""A workflow without a definition: it has no nodes."""


def compiled(definition: Mapping[str, Any] | None) -> CompiledWorkflow:
    """Return a valid definition compiled; the latest ones are cached."""
    return EMPTY_WORKFLOW if definition is None else _compiled(to_json(definition))


@lru_cache(maxsize=128)
def _compiled(text: bytes) -> CompiledWorkflow:
    definition = WorkflowDefinition.model_validate(json.loads(text))
    nodes = {node.id: node for node in definition.nodes}
    return CompiledWorkflow(execution_order(definition), nodes, dependencies(definition), definition.outputs)
