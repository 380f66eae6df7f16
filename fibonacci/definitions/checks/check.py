"""All problems of a workflow definition at once, before anything is sent or run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any, Final

from fibonacci.definitions.checks.comparisons import comparison_problems
from fibonacci.definitions.checks.flow import flow_problems
from fibonacci.definitions.checks.shape import (
    category_problems,
    cycles,
    duplicate_ids,
    node_type_problems,
    reserved_ids,
    schema_problems,
    shape_problems,
    suspicious_values,
    unknown_keys,
    unknown_names,
    without_effect,
)
from fibonacci.definitions.checks.templates import template_problems
from fibonacci.definitions.checks.tools import (
    NamedTool,
    ToolSource,
    known_tools,
    model_names,
    tool_problems,
    unknown_models,
)
from fibonacci.definitions.document import Document, remedy
from fibonacci.definitions.flow import Flow
from fibonacci.definitions.graph import node_links, nodes_of
from fibonacci.definitions.problems import Problem, Problems, problem
from fibonacci.definitions.template_types import TemplateTypes
from fibonacci.errors import DefinitionError

_MOST_OF_A_KIND: Final = 500
"""How many problems one check reports at most. Suggesting names for very many would take too long."""


def check_definition(
    definition: object,
    *,
    tools: Iterable[str | NamedTool] | ToolSource | None = None,
    models: Iterable[str] | None = None,
) -> Problems:
    """List all problems of a workflow definition: what can't run, and what you probably didn't mean.

    Args:
        definition: A `Document`, a `WorkflowBuilder`, a `WorkflowDefinition` or plain JSON. Any other value gives a
            problem, and no exception.
        tools: The tools that nodes may call, as names, as `Tool` objects, or as a sync client that lists them. If a
            `Tool` has a JSON Schema in `parameters`, what nodes pass to it is checked too. Default: tools aren't
            checked.
        models: The names of the models that nodes may use. Default: models aren't checked, because the platform has no
            list of them.

    Returns:
        The errors and warnings, in the order of the definition. The list is empty if there are none. Its `.errors` has
        only the errors, and its `.warnings` only the warnings. Each kind of check reports at most 500 problems.

    Raises:
        TypeError: If `tools` or `models` is something else. The message says what to pass.
        APIError: If you pass a client that can't list its tools.

    Example:
        >>> node = {"id": "a", "type": "llm", "instruction": "Hello", "temprature": 0, "dependencies": ["b"]}
        >>> for problem in check_definition({"nodes": [node]}):
        ...     print(problem)
        nodes[0].temprature: warning: 'temprature' is not a key of a node of type llm. Did you mean 'temperature'?
        nodes[0].dependencies[0]: error: depends on 'b', which is not a node
    """
    try:
        document = Document.of(definition)
    except TypeError:
        message = f"a definition must be an object with the key 'nodes'{remedy(definition)}"
        return Problems([problem("", "wrong_type", message)])
    except DefinitionError as error:
        return error.problems
    return document.check(tools=tools, models=models)


def problems_in(
    definition: Mapping[str, Any], tools: Iterable[str | NamedTool] | ToolSource | None, models: Iterable[str] | None
) -> list[Problem]:
    """List the problems of a definition in plain JSON, in any order, as `check_definition` does."""
    known = None if tools is None else known_tools(tools)
    known_models = None if models is None else model_names(models)
    nodes = nodes_of(definition)
    links = {index: [*node_links(node)] for index, node in nodes.items()}
    flow = Flow(nodes.values(), {nodes[index]["id"]: of_node for index, of_node in links.items()})
    types = TemplateTypes(definition, nodes.values())
    checks: list[Iterable[Problem]] = [
        shape_problems(definition),
        node_type_problems(definition),
        unknown_keys(definition),
        duplicate_ids(nodes),
        reserved_ids(nodes),
        unknown_names(nodes, links, definition.get("outputs")),
        cycles(nodes, flow.waits_for),
        suspicious_values(nodes),
        without_effect(nodes),
        category_problems(definition.get("categories"), () if known is None else known.values()),
        schema_problems(definition, nodes),
        template_problems(definition, nodes, types, flow),
        comparison_problems(nodes, types),
        flow_problems(definition, nodes, links, flow, types),
        () if known is None else tool_problems(nodes, known),
        () if known_models is None else unknown_models(nodes, known_models),
    ]
    return [problem for check in checks for problem in islice(check, _MOST_OF_A_KIND)]
