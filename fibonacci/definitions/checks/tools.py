"""Tools and models: nodes that name missing ones, and parameters that don't fit a tool."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple, Protocol, cast

from fibonacci._remedies import remedy
from fibonacci._texts.suggestions import did_you_mean
from fibonacci.definitions.graph import NodesByIndex
from fibonacci.definitions.json_types import is_object, shown
from fibonacci.definitions.problems import Problem, problem
from fibonacci.definitions.tools import canonical_tool, missing_parameters, named_parameters, unfit_parameters

_MOST_SHOWN: Final = 10


def model_names(models: Iterable[str]) -> list[str]:
    """Return the given names of models.

    Raises:
        TypeError: If they aren't names. The message says what to pass.
    """
    given = cast("object", models)
    is_list = isinstance(given, Iterable) and not isinstance(given, str | bytes | Mapping)
    names = list(cast("Iterable[object]", given)) if is_list else []
    if not is_list or not all(isinstance(name, str) for name in names):
        raise TypeError(f"models must be names of models, not {shown(models)}. Pass a list of names")
    return cast("list[str]", names)


def unknown_models(nodes: NodesByIndex, names: list[str]) -> Iterator[Problem]:
    """Yield the models that are not among the given ones."""
    for index, node in nodes.items():
        model = node.get("model")
        if isinstance(model, str) and model not in names:
            remedy = did_you_mean(model, names) or f". Use {', '.join(names[:_MOST_SHOWN]) or 'none'}"
            message = f"{model!r} is not one of the given models{remedy}"
            yield problem(f"nodes[{index}].model", "unknown_model", message)


_ASYNC: Final = "an async client cannot be used here. Pass tools=[tool async for tool in client.tools.list()]"


class NamedTool(Protocol):
    """A tool that nodes can call, such as a `fibonacci.models.Tool`.

    Example:
        >>> from fibonacci.definitions import check_definition
        >>> tool = client.tools.get("wait")
        >>> node = {"id": "rest", "type": "tool", "tool": "wait", "params": {"seconds": 1}}
        >>> check_definition({"nodes": [node]}, tools=[tool])
        []
    """

    @property
    def name(self) -> str:
        """The name by which a node calls the tool, such as `"slack_send_message"`."""
        ...


class ToolCatalog(Protocol):
    """A list of the platform's tools, such as `client.tools`.

    Example:
        >>> from fibonacci.definitions import ToolCatalog
        >>> catalog: ToolCatalog = client.tools
        >>> "wait" in [tool.name for tool in catalog.list()]
        True
    """

    def list(self) -> Iterable[NamedTool]:
        """Return all tools.

        Returns:
            The tools, in the order of the platform.
        """
        ...


class ToolSource(Protocol):
    """A client that can list the platform's tools, such as `fibonacci.Fibonacci`.

    Example:
        >>> from fibonacci.definitions import check_definition
        >>> node = {"id": "rest", "type": "tool", "tool": "wait", "params": {"seconds": 1}}
        >>> check_definition({"nodes": [node]}, tools=client)
        []
    """

    @property
    def tools(self) -> ToolCatalog:
        """The list of the platform's tools."""
        ...


class KnownTool(NamedTuple):
    """What the checks know about a tool."""

    name: str
    """The name by which nodes call it."""

    parameters: Mapping[str, Any] | None
    """The JSON Schema of its parameters, or None if only its name is known."""

    category: str | None
    """Its category, such as `communication`."""


def known_tools(tools: Iterable[str | NamedTool] | ToolSource) -> dict[str, KnownTool]:
    """Return the given tools by canonical name. Those of a client are listed first.

    Raises:
        TypeError: If they are neither names, nor tools, nor a sync client. The message says what to pass.
    """
    catalog: Any = getattr(tools, "tools", None)
    given: object = tools if catalog is None else catalog.list()
    if isinstance(given, AsyncIterable):
        raise TypeError(_ASYNC)
    if isinstance(given, str | bytes | Mapping) or not isinstance(given, Iterable):
        raise TypeError(f"tools must be names, tools or a client, not {type(tools).__name__}. Pass a list of names")
    known = map(_known_tool, cast("Iterable[object]", given))
    return {canonical_tool(tool.name): tool for tool in known}


def _known_tool(tool: object) -> KnownTool:
    name: object = getattr(tool, "name", tool)
    if not isinstance(name, str):
        raise TypeError(
            f"tools contains an element of type {type(tool).__name__}. Pass names, or the result of client.tools.list()"
        )
    parameters: object = getattr(tool, "parameters", None)  # the platform only documents name and description
    category: object = getattr(tool, "category", None)
    return KnownTool(
        name, parameters if is_object(parameters) else None, category if isinstance(category, str) else None
    )


def tool_problems(nodes: NodesByIndex, tools: Mapping[str, KnownTool]) -> Iterator[Problem]:
    """Yield the tools that don't exist, and the parameters that don't fit the schemas of existing tools.

    The dotted and the underscore spelling name the same tool.
    """
    for index, node in nodes.items():
        name = node.get("tool")
        if node.get("type") != "tool" or not isinstance(name, str) or not name:
            continue
        tool = tools.get(canonical_tool(name))
        if tool is None:
            known = (tool.name for tool in tools.values())
            others = did_you_mean(name, known) or f". To see the tools that exist, use {remedy('list the tools')}"
            yield problem(f"nodes[{index}].tool", "unknown_tool", f"there is no tool {name!r}{others}")
        elif tool.parameters is not None:
            key = "inputs" if "inputs" in node and "params" not in node else "params"
            params = node.get(key, {})
            if is_object(params):
                yield from _parameter_problems(f"nodes[{index}].{key}", name, params, tool.parameters)


def _parameter_problems(
    place: str, tool: str, params: Mapping[str, Any], schema: Mapping[str, Any]
) -> Iterator[Problem]:
    named = named_parameters(schema)
    for name in params:
        if named is not None and name not in named:
            remedy = did_you_mean(name, named) or f". It has {', '.join(named)}"
            message = f"the tool {tool!r} has no parameter {name!r}{remedy}"
            yield problem(f"{place}.{name}", "unknown_parameter", message)
    for name in missing_parameters(schema, params):
        message = f"the tool {tool!r} needs the parameter {name!r}"
        yield problem(f"{place}.{name}", "missing_parameter", message)
    for inner, reason in unfit_parameters(schema, params):
        message = f"the tool {tool!r} does not accept this value: {reason}"
        yield problem(f"{place}.{inner}", "wrong_parameter_type", message)
