# Derived from fibonacci/definitions/__init__.py by tests/tools/stubs.py; change that file, not this one.
from fibonacci.definitions.authoring.builder import Comparison, WorkflowBuilder
from fibonacci.definitions.authoring.handles import ConditionalHandle, NodeHandle, Template
from fibonacci.definitions.checks.check import check_definition
from fibonacci.definitions.checks.inputs import check_inputs
from fibonacci.definitions.checks.tools import NamedTool, ToolCatalog, ToolSource
from fibonacci.definitions.comparison import ChangeKind, DefinitionChange, DefinitionDiff, diff
from fibonacci.definitions.diagrams.mermaid import mermaid
from fibonacci.definitions.diagrams.svg import svg
from fibonacci.definitions.document import Document, Span
from fibonacci.definitions.files.formatting import format_definition, format_file
from fibonacci.definitions.files.load_and_dump import check_file, dump, dumps, load, loads
from fibonacci.definitions.files.source import Format
from fibonacci.definitions.nodes import (
    Backoff,
    Condition,
    ConditionalNode,
    ConditionalOutput,
    CriticNode,
    CriticOutput,
    LLMNode,
    Node,
    OpenNode,
    Operator,
    RetryPolicy,
    ToolNode,
    WorkflowDefinition,
)
from fibonacci.definitions.problems import Problem, Problems, Severity
from fibonacci.definitions.spellings import Generation, to_plain
from fibonacci.errors import DefinitionError

__all__ = [
    "Backoff",
    "ChangeKind",
    "Comparison",
    "Condition",
    "ConditionalHandle",
    "ConditionalNode",
    "ConditionalOutput",
    "CriticNode",
    "CriticOutput",
    "DefinitionChange",
    "DefinitionDiff",
    "DefinitionError",
    "Document",
    "Format",
    "Generation",
    "LLMNode",
    "NamedTool",
    "Node",
    "NodeHandle",
    "OpenNode",
    "Operator",
    "Problem",
    "Problems",
    "RetryPolicy",
    "Severity",
    "Span",
    "Template",
    "ToolCatalog",
    "ToolNode",
    "ToolSource",
    "WorkflowBuilder",
    "WorkflowDefinition",
    "check_definition",
    "check_file",
    "check_inputs",
    "diff",
    "dump",
    "dumps",
    "format_definition",
    "format_file",
    "load",
    "loads",
    "mermaid",
    "svg",
    "to_plain",
]
