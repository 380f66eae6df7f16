"""Workflow definitions: nodes, templates and operators, checks that list every fault, the order of running, diagrams.

Example:
    >>> from fibonacci.definitions import check_definition
    >>> check_definition({"nodes": [{"id": "greet", "type": "llm", "instruction": "Greet {{input.name}}"}]})
    []
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from fibonacci.definitions.authoring.builder import WorkflowBuilder
from fibonacci.definitions.authoring.handles import NodeHandle, Template
from fibonacci.definitions.base_node import Condition, Operator, RetryPolicy
from fibonacci.definitions.checks import check_definition
from fibonacci.definitions.diff import DefinitionChange, DefinitionDiff, diff
from fibonacci.definitions.files import check_file, dump, dump_yaml, dumps, load, load_yaml, loads
from fibonacci.definitions.formatting import format_definition, format_file
from fibonacci.definitions.graph import CycleError, dependencies, execution_levels, execution_order
from fibonacci.definitions.nodes import ConditionalNode, CriticNode, LLMNode, Node, ToolNode
from fibonacci.definitions.operators import OPERATORS, OperatorError, evaluate
from fibonacci.definitions.plain import to_plain
from fibonacci.definitions.problems import DefinitionError, Problem, Severity
from fibonacci.definitions.spellings import Generation
from fibonacci.definitions.templates import Reference, TemplateError, references, render
from fibonacci.definitions.workflow import WorkflowDefinition

if TYPE_CHECKING:
    from fibonacci.definitions.diagrams.mermaid import mermaid
    from fibonacci.definitions.diagrams.svg import svg

__all__ = [
    "OPERATORS",
    "Condition",
    "ConditionalNode",
    "CriticNode",
    "CycleError",
    "DefinitionChange",
    "DefinitionDiff",
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
    "check_file",
    "dependencies",
    "diff",
    "dump",
    "dump_yaml",
    "dumps",
    "evaluate",
    "execution_levels",
    "execution_order",
    "format_definition",
    "format_file",
    "load",
    "load_yaml",
    "loads",
    "mermaid",
    "references",
    "render",
    "svg",
    "to_plain",
]

if not TYPE_CHECKING:  # to type checkers, a module with __getattr__ has every name

    def __getattr__(name: str) -> object:
        """Import what draws diagrams when it is first used: it takes a sixth of the time of this module."""
        if name not in ("mermaid", "svg"):
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.diagrams.{name}"), name)
