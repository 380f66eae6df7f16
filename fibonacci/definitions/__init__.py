"""Workflow definitions: nodes, templates and operators, checks that list every fault, the order of running, diagrams.

Example:
    >>> from fibonacci.definitions import check_definition
    >>> check_definition({"nodes": [{"id": "greet", "type": "llm", "instruction": "Greet {{input.name}}"}]})
    []
"""

from fibonacci._lazy import lazy_names

lazy_names(
    globals(),
    {
        "fibonacci.definitions.authoring.builder": ["WorkflowBuilder"],
        "fibonacci.definitions.authoring.handles": ["NodeHandle", "Template"],
        "fibonacci.definitions.checks": ["check_definition"],
        "fibonacci.definitions.comparison.change": ["DefinitionChange"],
        "fibonacci.definitions.comparison.diff": ["DefinitionDiff", "diff"],
        "fibonacci.definitions.diagrams.mermaid": ["mermaid"],
        "fibonacci.definitions.diagrams.svg": ["svg"],
        "fibonacci.definitions.files.formatting": ["format_definition", "format_file"],
        "fibonacci.definitions.files.load_and_dump": [
            "check_file",
            "dump",
            "dump_yaml",
            "dumps",
            "load",
            "load_yaml",
            "loads",
        ],
        "fibonacci.definitions.graph": ["CycleError", "dependencies", "execution_levels", "execution_order"],
        "fibonacci.definitions.model.base_node": ["Condition", "Operator", "RetryPolicy"],
        "fibonacci.definitions.model.nodes": ["ConditionalNode", "CriticNode", "LLMNode", "Node", "ToolNode"],
        "fibonacci.definitions.model.plain": ["to_plain"],
        "fibonacci.definitions.model.spellings": ["Generation"],
        "fibonacci.definitions.model.workflow": ["WorkflowDefinition"],
        "fibonacci.definitions.operators": ["OPERATORS", "OperatorError", "evaluate"],
        "fibonacci.definitions.problems": ["DefinitionError", "Problem", "Severity"],
        "fibonacci.definitions.templates": ["Reference", "TemplateError", "references", "render"],
    },
)
