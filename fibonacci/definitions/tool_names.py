"""The names of tools."""

from __future__ import annotations


def canonical_tool(name: str) -> str:
    """Return the one name of a tool: the dotted and the underscore spelling are the same tool."""
    return name.replace(".", "_")
