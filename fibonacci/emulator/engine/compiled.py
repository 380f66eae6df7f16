"""A definition made ready to run, once for all its executions."""

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
    """What running a definition needs to know.

    Attributes:
        order: The ids of the nodes, each after everything it waits for.
        nodes: The nodes by id.
        waits_for: For each node what it waits for.
        outputs: Templates by output name, or `None`.
    """

    order: Sequence[str]
    nodes: Mapping[str, Node]
    waits_for: Mapping[str, Sequence[str]]
    outputs: Mapping[str, Any] | None


EMPTY_WORKFLOW = CompiledWorkflow((), {}, {}, None)
"""What a workflow without a definition does: nothing."""


def compiled(definition: Mapping[str, Any] | None) -> CompiledWorkflow:
    """Make a plan of a definition without faults, or look up the one made before."""
    return EMPTY_WORKFLOW if definition is None else _plan_of(to_json(definition))


@lru_cache(maxsize=128)
def _plan_of(text: bytes) -> CompiledWorkflow:
    definition = WorkflowDefinition.model_validate(json.loads(text))
    nodes = {node.id: node for node in definition.nodes}
    return CompiledWorkflow(execution_order(definition), nodes, dependencies(definition), definition.outputs)
