# Derived from fibonacci/definitions/__init__.py by tests/stubs.py; change that file, not this one.
from fibonacci.definitions.authoring.builder import WorkflowBuilder
from fibonacci.definitions.authoring.handles import NodeHandle, Template
from fibonacci.definitions.checks import check_definition
from fibonacci.definitions.comparison.change import DefinitionChange
from fibonacci.definitions.comparison.diff import DefinitionDiff, diff
from fibonacci.definitions.diagrams.mermaid import mermaid
from fibonacci.definitions.diagrams.svg import svg
from fibonacci.definitions.files.formatting import format_definition, format_file
from fibonacci.definitions.files.load_and_dump import check_file, dump, dump_yaml, dumps, load, load_yaml, loads
from fibonacci.definitions.graph import CycleError, dependencies, execution_levels, execution_order
from fibonacci.definitions.model.base_node import Condition, Operator, RetryPolicy
from fibonacci.definitions.model.nodes import ConditionalNode, CriticNode, LLMNode, Node, ToolNode
from fibonacci.definitions.model.plain import to_plain
from fibonacci.definitions.model.spellings import Generation
from fibonacci.definitions.model.workflow import WorkflowDefinition
from fibonacci.definitions.operators import OPERATORS, OperatorError, evaluate
from fibonacci.definitions.problems import DefinitionError, Problem, Severity
from fibonacci.definitions.templates import Reference, TemplateError, references, render

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
