"""Tools: the catalog with the user's own tools, and connecting one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from fibonacci.emulator.context import Endpoint, RequestContext
from fibonacci.emulator.engine.tool_catalog import CatalogTool, all_tools, find_tool
from fibonacci.emulator.http.messages import Reply, not_found, read_object
from fibonacci.emulator.http.paging import paged
from fibonacci.emulator.state.clock import iso
from fibonacci.emulator.state.json_encoding import JSONObject, fields_of
from fibonacci.emulator.state.records import StoredConnection


def list_tools(context: RequestContext) -> Reply:
    """GET /tools."""
    tools = all_tools(context.environment.handlers.tools)

    def rows(*, newest_first: bool, after: int | None) -> Iterator[tuple[int, CatalogTool]]:
        return ((number, tool) for number, tool in enumerate(tools, 1) if after is None or number > after)

    return paged(rows, context.query, kind="tools", show=lambda tool: shown_tool(context, tool))


def get_tool(context: RequestContext) -> Reply:
    """GET /tools/{tool_name}."""
    return Reply(shown_tool(context, requested_tool(context)))


def connect_tool(context: RequestContext) -> Reply:
    """POST /tools/{tool_name}/connect. The parameters may hold secrets: they are neither kept nor returned."""
    name = requested_tool(context)["name"]
    read_object(context.body)
    connection: StoredConnection = {"name": name, "tool": name, "status": "connected", "connected_at": iso(context.now)}
    context.store.connections.put(name, record=connection)
    return Reply(connection)


def requested_tool(context: RequestContext) -> CatalogTool:
    """Return the tool that the path names.

    Raises:
        HTTPException: 404 if it does not exist.
    """
    name = context.path["tool_name"]
    tool = find_tool(context.environment.handlers, name)
    if tool is None:
        raise not_found("tool_name", "tool", name)
    return tool


def shown_tool(context: RequestContext, tool: CatalogTool) -> JSONObject:
    """Return the public form of a tool, including whether it is connected."""
    return fields_of(tool) | {"connected": context.store.connections.get(tool["name"]) is not None}


ENDPOINTS: Final[Sequence[Endpoint]] = (
    Endpoint("GET", "/tools", list_tools),
    Endpoint("GET", "/tools/{tool_name}", get_tool),
    Endpoint("POST", "/tools/{tool_name}/connect", connect_tool),
)
