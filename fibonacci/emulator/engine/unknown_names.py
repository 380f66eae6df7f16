"""What in a workflow is unknown or not supported: fields, tools, parameters, models, parts of schemas."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from fibonacci.definitions import CriticNode, LLMNode, Node, OpenNode, Problem, ToolNode, WorkflowDefinition
from fibonacci.definitions.json_schema import unknown_keywords
from fibonacci.emulator.engine.default_nodes import cannot_run
from fibonacci.emulator.engine.tool_catalog import find_tool, mistyped_parameters, unknown_parameters
from fibonacci.emulator.engine.user_handlers import UserHandlers
from fibonacci.emulator.engine.without_effect import fields_without_effect

KNOWN_MODELS: Final = ("claude-haiku-4-5", "claude-sonnet-4-5", "claude-opus-4-5")
"""The models that an emulator knows at first."""

_FIELD_CODES: Final = (
    "unknown_key",
    "unknown_output_format",
    "high_temperature",  # documented up to 1 in the newer form
    "single_braces",  # no template: they stay as they are written
    "unclosed_template",
    "constant_condition",  # a path without braces, such as input.x, is compared as a text
)
_INDEX: Final = re.compile(r"nodes\[(\d+)\]")


def unknown_fields(definition: Mapping[str, Any], found: Sequence[Problem] | None = None) -> Iterator[Problem]:
    """Yield the fields of a valid definition that are not known, and the parts of schemas that are not checked.

    Args:
        definition: The definition.
        found: What `check_definition` has found, if it was called already.
    """
    from fibonacci.definitions import check_definition  # it would slow the import of the emulator

    problems = check_definition(definition) if found is None else found
    yield from (problem for problem in problems if problem.code in _FIELD_CODES)
    model = WorkflowDefinition.model_validate(definition)
    for index, node in enumerate(model.nodes):
        if isinstance(node, OpenNode):
            yield _warning(f"nodes[{index}].type", "unknown_node_type", cannot_run(node.type))
    yield from fields_without_effect(model.nodes, definition.get("categories"))
    schemas = [(name, getattr(model, name)) for name in ("input_schema", "output_schema")]
    schemas += [
        (f"nodes[{index}].output_schema", node.output_schema)
        for index, node in enumerate(model.nodes)
        if isinstance(node, LLMNode)
    ]
    for name, schema in schemas:
        for place, reason in () if schema is None else unknown_keywords(schema, name):
            yield _warning(place, "unknown_schema_keyword", reason)


def unknown_names(nodes: Sequence[Node], handlers: UserHandlers, models: Collection[str]) -> Iterator[Problem]:
    """Yield the tools, the parameters of tools, and the models that are not known."""
    for index, node in enumerate(nodes):
        if isinstance(node, ToolNode):
            if find_tool(handlers, node.tool) is None:
                message = f"there is no tool {node.tool!r}; its output is its own call"
                yield _warning(f"nodes[{index}].tool", "unknown_tool", message)
            for name in unknown_parameters(node.tool, node.params):
                message = f"the tool {node.tool!r} has no parameter {name!r}"
                yield _warning(f"nodes[{index}].params.{name}", "unknown_parameter", message)
            for name, kind in mistyped_parameters(node.tool, node.params).items():
                message = f"the parameter {name!r} of the tool {node.tool!r} is {kind}"
                yield _warning(f"nodes[{index}].params.{name}", "wrong_parameter_type", message)
        elif isinstance(node, LLMNode | CriticNode) and node.model is not None and node.model not in models:
            message = f"there is no model {node.model!r} among the known ones: {', '.join(models)}"
            yield _warning(f"nodes[{index}].model", "unknown_model", message)


def by_node(problems: Sequence[Problem], nodes: Sequence[Node]) -> dict[str, list[str]]:
    """Return the messages of problems by the id of the node that has them."""
    found: dict[str, list[str]] = {}
    for problem in problems:
        index = _INDEX.match(problem.location)
        if index is not None:
            place = problem.location.partition(".")[2]
            found.setdefault(nodes[int(index[1])].id, []).append(f"{place}: {problem.message}")
    return found


def _warning(location: str, code: str, message: str) -> Problem:
    return Problem(location=location, code=code, message=message, severity="warning")
