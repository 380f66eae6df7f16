"""Tools: the catalogue, and connecting one."""

from __future__ import annotations

from fibonacci.emulator.body import read_object
from fibonacci.emulator.call import Call
from fibonacci.emulator.catalogue import TOOLS
from fibonacci.emulator.clock import iso
from fibonacci.emulator.envelope import Reply
from fibonacci.emulator.errors import not_found
from fibonacci.emulator.paging import paged
from fibonacci.emulator.store import Record


def list_tools(call: Call) -> Reply:
    """GET /tools."""
    return paged(enumerate(TOOLS.values(), 1), call.query, kind="tools", show=lambda tool: _shown(call, tool))


def get_tool(call: Call) -> Reply:
    """GET /tools/{tool_name}."""
    return Reply(_shown(call, _find(call)))


def connect_tool(call: Call) -> Reply:
    """POST /tools/{tool_name}/connect. The parameters may hold secrets: they are neither kept nor answered."""
    name = _find(call)["name"]
    read_object(call.body)
    connection: Record = {"name": name, "tool": name, "status": "connected", "connected_at": iso(call.now)}
    call.store.connections.put(name, record=connection)
    return Reply(connection)


def _find(call: Call) -> Record:
    name = call.path["tool_name"]
    if name not in TOOLS:
        raise not_found("tool_name", "tool", name)
    return TOOLS[name]


def _shown(call: Call, tool: Record) -> Record:
    return tool | {"connected": call.store.connections.get(tool["name"]) is not None}


ENDPOINTS = [
    ("GET", "/tools", list_tools),
    ("GET", "/tools/{tool_name}", get_tool),
    ("POST", "/tools/{tool_name}/connect", connect_tool),
]
