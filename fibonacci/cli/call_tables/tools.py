# Derived from the typed client by tests/tools/calls.py; change fibonacci/_async, not this file.
"""The calls of `fibonacci tools`."""

from __future__ import annotations

from typing import Final

from fibonacci.cli.calls.entries import CallEntry, CallGroup, CallParameter

GROUP: Final = CallGroup(
    "look up and connect tools",
    {
        "list": CallEntry(
            "list the tools of the catalog",
            "List the tools of the catalog.",
            "GET /tools",
            (CallParameter("cursor", "text", "where to begin: the next_cursor of an earlier page"),),
            is_list=True,
        ),
        "get": CallEntry(
            "show one tool",
            "Show one tool.",
            "GET /tools/{tool_name}",
            (
                CallParameter(
                    "tool_name", "text", "the name of the tool, such as slack_send_message", is_positional=True
                ),
            ),
        ),
        "connect": CallEntry(
            "connect a tool",
            "Connect a tool.",
            "POST /tools/{tool_name}/connect",
            (
                CallParameter(
                    "tool_name", "text", "the name of the tool, such as slack_send_message", is_positional=True
                ),
                CallParameter(
                    "params",
                    "object",
                    "the parameters of the connection by name, such as credentials; they depend on the tool",
                ),
            ),
        ),
    },
)
