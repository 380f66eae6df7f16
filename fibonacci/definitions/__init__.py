"""Workflow definitions: nodes, templates and operators, checks that list every fault, the order of running, diagrams.

Example:
    >>> from fibonacci.definitions import check_definition
    >>> check_definition({"nodes": [{"id": "greet", "type": "llm", "instruction": "Greet {{input.name}}"}]})
    []
"""

from __future__ import annotations

from fibonacci.definitions.authoring.builder import WorkflowBuilder
from fibonacci.definitions.authoring.handles import NodeHandle, Template
from fibonacci.definitions.base_node import Condition, Operator, RetryPolicy
from fibonacci.definitions.checks import check_definition
from fibonacci.definitions.diagrams.mermaid import mermaid
from fibonacci.definitions.diagrams.svg import svg
from fibonacci.definitions.graph import CycleError, dependencies, execution_levels, execution_order
from fibonacci.definitions.nodes import ConditionalNode, CriticNode, LLMNode, Node, ToolNode
from fibonacci.definitions.operators import OPERATORS, OperatorError, evaluate
from fibonacci.definitions.plain import to_plain
from fibonacci.definitions.problems import DefinitionError, Problem, Severity
from fibonacci.definitions.spellings import Generation
from fibonacci.definitions.templates import Reference, TemplateError, references, render
from fibonacci.definitions.workflow import WorkflowDefinition
from fibonacci.definitions.yaml import dump_yaml, load_yaml

__all__ = [
    "OPERATORS",
    "Condition",
    "ConditionalNode",
    "CriticNode",
    "CycleError",
    "DefinitionError",
    "Generation",
    "LLMNode",
    "Node",
    "NodeHandle",
    "Operator",
    "OperatorError",
    "Problem",
    "Reference",
    "RetryPolicy",
    "Severity",
    "Template",
    "TemplateError",
    "ToolNode",
    "WorkflowBuilder",
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
    "to_plain",
]
