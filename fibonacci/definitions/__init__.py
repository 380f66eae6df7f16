"""Workflow definitions: as code and in files, checks that list every problem, differences, diagrams.

Example:
    >>> from fibonacci.definitions import check_definition
    >>> check_definition({"nodes": [{"id": "greet", "type": "llm", "instruction": "Greet {{input.name}}"}]})
    []
"""

from fibonacci._system.lazy import lazy_names

lazy_names(
    globals(),
    {
        "fibonacci.definitions.authoring.builder": ["Comparison", "WorkflowBuilder"],
        "fibonacci.definitions.authoring.handles": ["ConditionalHandle", "NodeHandle", "Template"],
        "fibonacci.definitions.checks.check": ["check_definition"],
        "fibonacci.definitions.checks.inputs": ["check_inputs"],
        "fibonacci.definitions.checks.tools": ["NamedTool", "ToolCatalog", "ToolSource"],
        "fibonacci.definitions.comparison": ["ChangeKind", "DefinitionChange", "DefinitionDiff", "diff"],
        "fibonacci.definitions.diagrams.mermaid": ["mermaid"],
        "fibonacci.definitions.diagrams.svg": ["svg"],
        "fibonacci.definitions.document": ["Document", "Span"],
        "fibonacci.definitions.files.formatting": ["format_definition", "format_file"],
        "fibonacci.definitions.files.load_and_dump": ["check_file", "dump", "dumps", "load", "loads"],
        "fibonacci.definitions.files.source": ["Format"],
        "fibonacci.definitions.nodes": [
            "Backoff",
            "Condition",
            "ConditionalNode",
            "ConditionalOutput",
            "CriticNode",
            "CriticOutput",
            "LLMNode",
            "Node",
            "OpenNode",
            "Operator",
            "RetryPolicy",
            "ToolNode",
            "WorkflowDefinition",
        ],
        "fibonacci.definitions.spellings": ["Generation", "to_plain"],
        "fibonacci.definitions.problems": ["Problem", "Problems", "Severity"],
        "fibonacci.errors": ["DefinitionError"],
    },
)
