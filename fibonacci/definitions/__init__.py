"""Workflow definitions: nodes, templates and operators, checks that list every fault, the order of running, diagrams.

Example:
    >>> from fibonacci.definitions import check_definition
    >>> check_definition({"nodes": [{"id": "greet", "type": "llm", "instruction": "Greet {{input.name}}"}]})
    []
"""

from __future__ import annotations

from fibonacci.definitions.checks import check_definition
from fibonacci.definitions.diagrams.mermaid import mermaid
from fibonacci.definitions.diagrams.svg import svg
from fibonacci.definitions.graph import CycleError, dependencies, execution_levels, execution_order
from fibonacci.definitions.nodes import (
    ConditionalNode,
    CriticNode,
    LLMNode,
    Node,
    Operator,
    ToolNode,
    WorkflowDefinition,
)
from fibonacci.definitions.operators import OPERATORS, OperatorError, evaluate
from fibonacci.definitions.problems import DefinitionError, Problem, Severity
from fibonacci.definitions.templates import Reference, TemplateError, references, render
from fibonacci.definitions.yaml import dump_yaml, load_yaml

__all__ = [
    "OPERATORS",
    "ConditionalNode",
    "CriticNode",
    "CycleError",
    "DefinitionError",
    "LLMNode",
    "Node",
    "Operator",
    "OperatorError",
    "Problem",
    "Reference",
    "Severity",
    "TemplateError",
    "ToolNode",
    "WorkflowDefinition",
    "check_definition",
    "dependencies",
    "dump_yaml",
    "evaluate",
    "execution_levels",
    "execution_order",
    "load_yaml",
    "mermaid",
    "references",
    "render",
    "svg",
]
