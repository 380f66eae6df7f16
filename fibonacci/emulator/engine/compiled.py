"""Definitions compiled for execution and checked, once for all executions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from fibonacci.definitions import CriticNode, LLMNode, Node, Problem, WorkflowDefinition
from fibonacci.definitions.flow import Flow, reachable
from fibonacci.definitions.graph import Edges, inverted
from fibonacci.definitions.json_types import is_array, is_object
from fibonacci.definitions.nodes import with_default_retry
from fibonacci.definitions.templates import INPUT, expressions
from fibonacci.definitions.tools import canonical_tool
from fibonacci.emulator.engine.environment import Environment
from fibonacci.emulator.engine.records import new_node
from fibonacci.emulator.engine.tool_catalog import all_tools
from fibonacci.emulator.state.json_encoding import JSONObject, to_json
from fibonacci.emulator.state.records import StoredNode

_INDEX: Final = re.compile(r"nodes\[(\d+)\]\.?")


@dataclass(frozen=True, slots=True)
class CompiledWorkflow:
    """A definition, compiled.

    Attributes:
        definition: The definition itself, or `None`.
        text: The definition in JSON. Empty without one.
        order: The IDs of the nodes, sorted so that each comes after those it depends on.
        nodes: The nodes by ID, in the order of the definition, with the default retry.
        places: The place of each ID in `order`.
        unstarted: The records of the nodes before they start, by ID, in this order.
        flow: When each node runs.
        followers: The IDs of the nodes that start after each node.
        tools: The names of its tools, as `tools_of` returns them.
        outputs: Templates by output name, or `None`.
        timeout: The seconds that a run may take, or `None`.
        input_schema: The schema of the inputs, or `None`.
        output_schema: The schema of the outputs, or `None`.
        allow_partial_results: Whether a failed run has outputs.
    """

    definition: JSONObject | None = None
    text: bytes = b""
    order: Sequence[str] = ()
    nodes: Mapping[str, Node] = field(default_factory=dict[str, Node])
    places: Mapping[str, int] = field(default_factory=dict[str, int])
    unstarted: Mapping[str, StoredNode] = field(default_factory=dict[str, StoredNode])
    flow: Flow = field(default_factory=lambda: Flow(()))
    followers: Edges = field(default_factory=dict[str, list[str]])
    tools: Sequence[str] = ()
    outputs: Mapping[str, Any] | None = None
    timeout: float | None = None
    input_schema: Mapping[str, Any] | None = None
    output_schema: Mapping[str, Any] | None = None
    allow_partial_results: bool = False

    @property
    def scriptable_names(self) -> set[str]:
        """What a script can name: the IDs of nodes, tools in the underscore spelling, and models."""
        models = {node.model for node in self.nodes.values() if isinstance(node, LLMNode | CriticNode) and node.model}
        return {*self.nodes, *self.tools, *map(canonical_tool, models)}

    def between(self, first: str, last: str) -> set[str]:
        """Return the IDs of the nodes that start after the first and that the last starts after, both included."""
        return reachable(self.followers, first, within=reachable(self.flow.starts_after, last))


EMPTY_WORKFLOW: Final = CompiledWorkflow()
"""A workflow without a definition: it has no nodes."""


_MAX_CACHED: Final = 128
_cache: Final[dict[int, tuple[object, CompiledWorkflow]]] = {}
"""By identity: the store caches what it has read, and encoding a definition takes longer than comparing two."""


def compiled(definition: Mapping[str, Any] | None) -> CompiledWorkflow:
    """Compile a valid definition, or take it from a cache of the latest ones."""
    if definition is None:
        return EMPTY_WORKFLOW
    given, workflow = _cache.get(id(definition), (None, EMPTY_WORKFLOW))
    if given is not definition:
        workflow = _compiled(to_json(definition))
        if len(_cache) >= _MAX_CACHED:
            _cache.clear()
        _cache[id(definition)] = definition, workflow
    return workflow


@lru_cache(maxsize=_MAX_CACHED)
def _compiled(text: bytes) -> CompiledWorkflow:
    plain = json.loads(text)
    definition = WorkflowDefinition.model_validate(plain)
    nodes = {node.id: with_default_retry(node, definition.default_retry) for node in definition.nodes}
    flow = Flow(plain["nodes"])
    order = flow.order()
    return CompiledWorkflow(
        definition=plain,
        text=text,
        order=order,
        places={node_id: place for place, node_id in enumerate(order)},
        unstarted={node_id: new_node(nodes[node_id]) for node_id in order},
        nodes=nodes,
        flow=flow,
        followers=inverted(flow.starts_after),
        tools=tools_of(plain),
        outputs=definition.outputs,
        timeout=definition.timeout,
        input_schema=definition.input_schema,
        output_schema=definition.output_schema,
        allow_partial_results=definition.allow_partial_results,
    )


def tools_of(definition: object) -> list[str]:
    """Return the names of the tools in a definition, each once, in order, in the underscore spelling."""
    if not is_object(definition) or not is_array(definition["nodes"]):
        return []
    return list(dict.fromkeys(canonical_tool(node["tool"]) for node in definition["nodes"] if node["type"] == "tool"))


def problems_of(definition: bytes, environment: Environment) -> Sequence[Problem]:
    """Return the problems of a definition, which need not be valid, from a cache of the latest ones if possible.

    Args:
        definition: The definition in JSON. Empty for none, which has no problems.
        environment: What the workflow can reach.

    Returns:
        The problems, in the order of the definition. A strict emulator leaves out what may go wrong in a run, and warns
        when it does.
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
    """Yield the problems of a step that read missing values: those that `check_definition` had said may happen.

    Args:
        definition: The definition of the workflow.
        index: The index of the node that read them, or None for the outputs.
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
        for group in groups:  # one of the alternatives, as in {{refund}}{{denial}}, has a value
            if all(name in missing for name in group):
                message = missing[group[0]] if len(group) == 1 else f"none of {', '.join(group)} has a value"
                yield problem(prefix + place, "may_have_no_value", message)


def by_node(problems: Sequence[Problem], node_ids: Mapping[int, str] | Sequence[str]) -> dict[str, list[str]]:
    """Return the messages of problems by the ID of their node.

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
