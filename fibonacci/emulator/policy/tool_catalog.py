"""The tool catalog."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fibonacci.emulator.state.store import Record


def _tool(name: str, category: str, description: str, required: Mapping[str, str], **optional: str) -> Record:
    return {
        "name": name,
        "description": description,
        "category": category,
        "parameters": {
            "type": "object",
            "properties": {key: {"type": kind} for key, kind in {**required, **optional}.items()},
            "required": list(required),
        },
    }


_TOOLS: Final = [
    _tool(
        "slack_send_message",
        "communication",
        "Send a message to a Slack channel.",
        {"channel": "string", "text": "string"},
    ),
    _tool(
        "email_send",
        "communication",
        "Send an e-mail.",
        {"to": "string", "subject": "string", "body": "string"},
        cc="string",
    ),
    _tool(
        "http_request",
        "web",
        "Send an HTTP request.",
        {"url": "string"},
        method="string",
        headers="object",
        body="string",
    ),
    _tool("web_search", "web", "Search the web.", {"query": "string"}, limit="integer"),
    _tool("web_scrape", "web", "Read the text of a web page.", {"url": "string"}),
    _tool("sql_query", "data", "Run a query on a database.", {"query": "string"}, parameters="array"),
    _tool("json_transform", "data", "Select and reshape JSON.", {"data": "object", "expression": "string"}),
    _tool("file_read", "files", "Read a file.", {"path": "string"}, encoding="string"),
    _tool("file_write", "files", "Write a file.", {"path": "string", "text": "string"}, encoding="string"),
    _tool("calculator", "utility", "Evaluate an arithmetic expression.", {"expression": "string"}),
    _tool(
        "memory_set",
        "memory",
        "Keep a value in memory, forever or for some seconds.",
        {"key": "string", "value": "object"},
        scope="string",
        user_id="string",
        workflow_id="string",
        ttl="integer",
    ),
    _tool("wait", "utility", "Wait for some seconds.", {"seconds": "number"}),
]

TOOLS: Final[Mapping[str, Record]] = {tool["name"]: tool for tool in _TOOLS}
