"""Every fault of a workflow definition at once, before anything is sent or run."""

from __future__ import annotations

import re
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
from fibonacci.definitions.flow import Flow
from fibonacci.definitions.graph import node_links, nodes_of
from fibonacci.definitions.json_types import as_builder, is_array, is_object, may_be_definition, plain_object, remedy
from fibonacci.definitions.problems import Problem, Problems, problem
from fibonacci.definitions.template_types import TemplateTypes

_MOST_OF_A_KIND: Final = 500
"""The problems that one check reports: to suggest a name for each of very many takes too long."""

_PLACE: Final = re.compile(r"([^.\[]*)(?:\[(\d+)\])?(?:\.([^.\[]*))?")


def check_definition(
    definition: object,
    *,
    tools: Iterable[str | NamedTool] | ToolSource | None = None,
    models: Iterable[str] | None = None,
) -> Problems:
    """List all problems of a workflow definition: what can't run, and what you probably didn't mean.

    Args:
        definition: A `WorkflowBuilder`, a `WorkflowDefinition` or plain JSON. Any other value gives a problem, and no
            exception.
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
    if (builder := as_builder(definition)) is not None:
        return builder.check(tools, models=models)  # which knows the lines of the program
    known = None if tools is None else known_tools(tools)
    known_models = None if models is None else model_names(models)
    if not may_be_definition(definition):
        message = f"a definition must be an object with the key 'nodes'{remedy(definition)}"
        return Problems([problem("", "wrong_type", message)])
    try:
        plain = plain_object(definition)
    except ValueError as error:
        return Problems([problem("", "not_json", str(error))])
    nodes = nodes_of(plain)
    types = TemplateTypes(plain, nodes.values())
    links = {index: [*node_links(node)] for index, node in nodes.items()}
    flow = Flow(nodes.values(), {nodes[index]["id"]: of_node for index, of_node in links.items()})
    checks: list[Iterable[Problem]] = [
        shape_problems(plain),
        node_type_problems(plain),
        unknown_keys(plain),
        duplicate_ids(nodes),
        reserved_ids(nodes),
        unknown_names(nodes, links, plain.get("outputs")),
        cycles(nodes, flow.waits_for),
        suspicious_values(nodes),
        without_effect(nodes),
        category_problems(plain.get("categories"), () if known is None else known.values()),
        schema_problems(plain, nodes),
        template_problems(plain, nodes, types, flow),
        comparison_problems(nodes, types),
        flow_problems(plain, nodes, links, flow),
        () if known is None else tool_problems(nodes, known),
        () if known_models is None else unknown_models(nodes, known_models),
    ]
    problems = [problem for check in checks for problem in islice(check, _MOST_OF_A_KIND)]
    return Problems(sorted(problems, key=_Positions(plain).of))


class _Positions:
    """The positions of places in a definition, for the order of the problems."""

    def __init__(self, definition: Mapping[str, Any]) -> None:
        nodes = definition.get("nodes")
        self._nodes = nodes if is_array(nodes) else ()
        self._keys = _ranks(definition)
        self._node_keys: dict[int, Mapping[str, int]] = {}  # of the nodes with problems, of which one may have many

    def of(self, problem: Problem) -> tuple[int, int, int]:
        """Return the positions of the key, of the node, and of the key of the node, where a missing one comes first."""
        match = _PLACE.match(problem.location)
        assert match is not None  # every part is optional
        key, index, inner = match.groups()
        if key != "nodes" or index is None:
            return self._keys.get(key, -1), int(index or -1), -1
        position = int(index)
        if position not in self._node_keys:
            self._node_keys[position] = _ranks(self._nodes[position] if position < len(self._nodes) else None)
        return self._keys.get(key, -1), position, self._node_keys[position].get(inner, -1)


def _ranks(value: object) -> dict[str, int]:
    """Return the positions of the keys of an object, or none for any other value."""
    return {key: rank for rank, key in enumerate(value)} if is_object(value) else {}
