"""The model of a whole workflow definition."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from fibonacci.definitions.model.base_node import RetryPolicy
from fibonacci.definitions.model.definition_model import DefinitionModel
from fibonacci.definitions.model.nodes import Node


class WorkflowDefinition(DefinitionModel):
    """The definition of a workflow: its nodes and its named outputs.

    Example:
        >>> definition = WorkflowDefinition.model_validate(
        ...     {"nodes": [{"id": "greet", "type": "llm", "prompt": "Greet {{input.name}}"}]}
        ... )
        >>> definition.nodes[0].instruction
        'Greet {{input.name}}'
    """

    name: str | None = None
    """The name of the workflow that people see; None when there is none."""

    description: str | None = None
    """What the workflow does."""

    version: str | int | float | None = None
    """The version of the definition, a number or a text, as its author writes it."""

    timeout: float | None = Field(default=None, gt=0)
    """The time that a whole run may take, in seconds; None for the platform's default."""

    default_retry: RetryPolicy | None = None
    """The retries of the nodes that have none of their own; None for no retries."""

    input_schema: dict[str, Any] | None = None
    """The JSON Schema that the inputs of a run are checked against before anything runs."""

    output_schema: dict[str, Any] | None = None
    """The JSON Schema that the outputs of a run are checked against."""

    allow_partial_results: bool = False
    """Whether a failed run has the outputs of the nodes that completed."""

    nodes: list[Node]
    """The nodes, in any order: dependencies and templates decide which runs first."""

    outputs: dict[str, Any] | None = None
    """The templates of the outputs, by name; None for the output of each node, by node id."""

    def _repr_html_(self) -> str:
        """Return the diagram, for notebooks."""
        from fibonacci.definitions.diagrams.svg import diagram_html  # which imports this module

        return diagram_html(self)
