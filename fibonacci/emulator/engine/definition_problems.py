"""What `check_definition` says of the workflows of an emulator, with its own tools and models."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from fibonacci.definitions import Problem
from fibonacci.definitions.templates import INPUT, expressions
from fibonacci.emulator.engine.environment import Environment
from fibonacci.emulator.engine.tool_catalog import all_tools

_INDEX: Final = re.compile(r"nodes\[(\d+)\]\.?")


def problems_of(definition: bytes, environment: Environment) -> Sequence[Problem]:
    """Return the problems of a definition, which need not be valid, from a cache of the latest ones if possible.

    Args:
        definition: The definition in JSON. Empty for none, which has no problems.
        environment: What the workflow can reach.

    Returns:
        The problems, in the order of the definition. A strict emulator leaves out what may happen in a run, and warns
        when that has happened.
    """
    if not definition:
        return ()
    own_tools, models = tuple(environment.handlers.tools), tuple(environment.models)
    return _problems(definition, own_tools, models, is_strict=environment.warnings.strict)


@lru_cache(maxsize=128)
def _problems(
    definition: bytes, own_tools: Sequence[str], models: Sequence[str], *, is_strict: bool
) -> Sequence[Problem]:
    from fibonacci.definitions import check_definition  # the checks would slow the start of an emulator
    from fibonacci.definitions.problems import MAY_HAPPEN
    from fibonacci.models import Tool

    tools = map(Tool.model_validate, all_tools(own_tools))
    problems = check_definition(json.loads(definition), tools=tools, models=models)
    return [problem for problem in problems if not (is_strict and problem.code in MAY_HAPPEN)]


def missing_values(definition: Mapping[str, Any], index: int | None, missing: Mapping[str, str]) -> Iterator[Problem]:
    """Yield where a step of a run has read what had no value: what `check_definition` says may happen has happened.

    Args:
        definition: The definition of the workflow.
        index: The node that has read, or None for the outputs.
        missing: The expressions without a value, each with the reason.
    """
    from fibonacci.definitions.checks.flow import groups_of, outputs_with_values, texts_with_values
    from fibonacci.definitions.problems import problem

    node: Mapping[str, Any] = {} if index is None else definition["nodes"][index]
    texts = outputs_with_values(definition.get("outputs")) if index is None else texts_with_values(node)
    prefix = "" if index is None else f"nodes[{index}]."
    for place, text in texts:
        groups = [[*group.values()] for group in groups_of(text, node.get("id"))]
        groups += [[name] for expression in expressions(text) if (name := expression.strip()).split(".")[0] == INPUT]
        for group in groups:  # of alternatives, such as {{refund}}{{denial}}, one has a value
            if all(name in missing for name in group):
                message = missing[group[0]] if len(group) == 1 else f"none of {', '.join(group)} has a value"
                yield problem(prefix + place, "may_have_no_value", message)


def by_node(problems: Sequence[Problem], node_ids: Mapping[int, str] | Sequence[str]) -> dict[str, list[str]]:
    """Return the messages of problems by the ID of the node that has them.

    Args:
        problems: The problems.
        node_ids: The IDs of the nodes that may have them, by their index in the definition.
    """
    messages: dict[str, list[str]] = {}
    for problem in problems:
        index = _INDEX.match(problem.location)
        if index is not None:
            place = problem.location[index.end() :]
            message = f"{place}: {problem.message}" if place else problem.message
            messages.setdefault(node_ids[int(index[1])], []).append(message)
    return messages
