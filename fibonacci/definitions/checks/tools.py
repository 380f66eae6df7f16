"""Tools: the names that exist, and the nodes that name others."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Iterator, Mapping
from typing import Any, Final, Protocol, cast

from fibonacci._suggestions import did_you_mean
from fibonacci.definitions.checks.codes import problem
from fibonacci.definitions.checks.nodes_by_index import NodesByIndex
from fibonacci.definitions.problems import Problem
from fibonacci.definitions.tool_names import canonical_tool

_ASYNC: Final = "an async client cannot be asked here; pass tools=[tool async for tool in client.tools.list()]"


class NamedTool(Protocol):
    """A tool of the platform, such as a `fibonacci.models.Tool`.

    Example:
        >>> from fibonacci.definitions import check_definition
        >>> tool = client.tools.get("wait")
        >>> node = {"id": "rest", "type": "tool", "tool": "wait", "params": {"seconds": 1}}
        >>> check_definition({"nodes": [node]}, tools=[tool])
        []
    """

    @property
    def name(self) -> str:
        """What a node calls it by, such as `"slack_send_message"`."""
        ...


class ToolCatalog(Protocol):
    """The namespace `tools` of a client.

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
    """A client that lists the tools of the platform, such as `fibonacci.Fibonacci`.

    Example:
        >>> from fibonacci.definitions import check_definition
        >>> node = {"id": "rest", "type": "tool", "tool": "wait", "params": {"seconds": 1}}
        >>> check_definition({"nodes": [node]}, tools=client)
        []
    """

    @property
    def tools(self) -> ToolCatalog:
        """The tools of the platform."""
        ...


def tool_names(tools: Iterable[str | NamedTool] | ToolSource) -> list[str]:
    """Return the names of the given tools; those of a client are listed.

    Raises:
        TypeError: If they are neither names, nor tools, nor a sync client; the message names what to pass.
    """
    catalog: Any = getattr(tools, "tools", None)
    given: object = tools if catalog is None else catalog.list()
    if isinstance(given, AsyncIterable):
        raise TypeError(_ASYNC)
    if isinstance(given, str | bytes | Mapping) or not isinstance(given, Iterable):
        raise TypeError(f"tools must be names, tools or a client, not {type(tools).__name__}; pass a list of names")
    return [_name_of(each) for each in cast("Iterable[object]", given)]


def _name_of(tool: object) -> str:
    name: object = getattr(tool, "name", tool)
    if not isinstance(name, str):
        raise TypeError(f"tools holds a {type(tool).__name__}; pass names, or what client.tools.list() returns")
    return name


def unknown_tools(nodes: NodesByIndex, names: Iterable[str]) -> Iterator[Problem]:
    """Yield the tools that do not exist. The dotted and the underscore spelling name the same tool."""
    known = {canonical_tool(name): name for name in names}
    for index, node in nodes.items():
        tool = node.get("tool")
        if node.get("type") == "tool" and isinstance(tool, str) and tool and canonical_tool(tool) not in known:
            remedy = did_you_mean(tool, known.values()) or "; client.tools.list() has the tools that exist"
            yield problem(f"nodes[{index}].tool", "unknown_tool", f"there is no tool {tool!r}{remedy}")
