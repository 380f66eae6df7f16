"""The tool catalog, and which tool a name means.

The dotted and the underscore spelling name the same tool: `gmail.send` is `gmail_send`. The user's own tools, those
with a handler, are tools like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from fibonacci.definitions.json_types import is_array, is_object
from fibonacci.definitions.tool_names import canonical_tool
from fibonacci.emulator.engine.user_handlers import UserHandlers
from fibonacci.emulator.state.tables import Record


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
        {"channel": "string", "message": "string"},
    ),
    _tool(
        "gmail_send",
        "communication",
        "Send an e-mail with Gmail.",
        {"to": "string", "subject": "string", "body": "string"},
        cc="string",
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
    _tool(
        "google_sheets_read",
        "data",
        "Read a range of a Google sheet.",
        {"spreadsheet_id": "string", "range": "string"},
    ),
    _tool(
        "google_sheets_write_range",
        "data",
        "Write a range of a Google sheet.",
        {"spreadsheet_id": "string", "range": "string", "values": "array"},
    ),
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

_OTHER_NAMES: Final[Mapping[str, Mapping[str, str]]] = {"slack_send_message": {"text": "message"}}
"""Further names of parameters, by tool."""


def find_tool(handlers: UserHandlers, name: str) -> Record | None:
    """Return the tool of a name in either spelling; `None` if there is none."""
    key = canonical_tool(name)
    if key in TOOLS:
        return TOOLS[key]
    return _of_user(key) if key in handlers.tools else None


def all_tools(handlers: UserHandlers) -> list[Record]:
    """Return the tools of the catalog and the user's own."""
    return [*TOOLS.values(), *(_of_user(key) for key in handlers.tools if key not in TOOLS)]


def missing_parameters(tool: str, params: Mapping[str, Any]) -> list[str]:
    """Return the required parameters of a tool of the catalog that are missing or null.

    `memory_set` and `wait` check their own: null is a value.
    """
    key = canonical_tool(tool)
    if key not in TOOLS or key in ("memory_set", "wait"):
        return []
    other = _OTHER_NAMES.get(key, {})
    given = {other.get(name, name) for name, value in params.items() if value is not None}
    return [name for name in TOOLS[key]["parameters"]["required"] if name not in given]


def unknown_parameters(tool: str, params: Mapping[str, Any]) -> list[str]:
    """Return the parameters that a tool of the catalog does not have."""
    key = canonical_tool(tool)
    if key not in TOOLS:
        return []
    known = {*TOOLS[key]["parameters"]["properties"], *_OTHER_NAMES.get(key, {})}
    return [name for name in params if name not in known]


def mistyped_parameters(tool: str, params: Mapping[str, Any]) -> dict[str, str]:
    """Return the parameters of a tool of the catalog that have a value of another type, each with its type in words.

    Templates are not judged, and null is an absent value. `memory_set` and `wait` check their own.
    """
    key = canonical_tool(tool)
    if key not in TOOLS or key in ("memory_set", "wait"):
        return {}
    properties = TOOLS[key]["parameters"]["properties"]
    kinds = {name: properties.get(_OTHER_NAMES.get(key, {}).get(name, name), {}).get("type") for name in params}
    return {
        name: _WORDS[kind]
        for name, kind in kinds.items()
        if kind is not None and not _is_open(params[name]) and not _FITS[kind](params[name])
    }


def _is_open(value: Any) -> bool:
    return value is None or (isinstance(value, str) and "{{" in value)


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


_FITS: Final[Mapping[str, Callable[[Any], bool]]] = {
    "string": lambda value: isinstance(value, str),
    "integer": _is_integer,
    "array": is_array,
    "object": is_object,
}
_WORDS: Final = {"string": "a text", "integer": "a whole number", "array": "a list", "object": "an object"}


def _of_user(name: str) -> Record:
    parameters: Record = {"type": "object", "properties": {}, "required": []}
    return {"name": name, "description": "A tool of your own.", "category": "custom", "parameters": parameters}
