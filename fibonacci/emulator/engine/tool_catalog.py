"""The tool catalog, and which tool a name means.

The dotted and the underscore spelling name the same tool: `gmail.send` is `gmail_send`. The user's tools, which have a
handler, are tools like any other.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from typing_extensions import TypedDict

from fibonacci.definitions import tools
from fibonacci.definitions.json_types import is_array
from fibonacci.definitions.templates import as_text
from fibonacci.definitions.tools import canonical_tool
from fibonacci.emulator.engine.user_handlers import UserHandlers
from fibonacci.emulator.state.json_encoding import JSONObject


class CatalogTool(TypedDict):
    """A tool of the catalog, or one of the user's own."""

    name: str
    description: str
    category: str
    parameters: JSONObject


def _tool(name: str, category: str, description: str, required: Mapping[str, str], **optional: str) -> CatalogTool:
    return {
        "name": name,
        "description": description,
        "category": category,
        "parameters": {
            "type": "object",
            "properties": {key: {"type": kind} if kind else {} for key, kind in {**required, **optional}.items()},
            "required": [*required],
        },
    }


_TOOLS: Final[Sequence[CatalogTool]] = [
    {
        "name": "slack_send_message",
        "description": "Send a message to a Slack channel.",
        "category": "communication",
        "parameters": {
            "type": "object",
            "properties": {name: {"type": "string"} for name in ("channel", "message", "text")},
            "required": ["channel"],
            "anyOf": [{"required": ["message"]}, {"required": ["text"]}],  # another name for it
        },
    },
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
        {"key": "string", "value": ""},  # any JSON
        scope="string",
        user_id="string",
        workflow_id="string",
        ttl="integer",
    ),
    _tool("wait", "utility", "Wait for some seconds.", {"seconds": "number"}),
]

TOOLS: Final[Mapping[str, CatalogTool]] = {tool["name"]: tool for tool in _TOOLS}


OPEN_FIELDS: Final[Mapping[str, str]] = {
    "http_request": "body",
    "sql_query": "rows",
    "json_transform": "result",
    "google_sheets_read": "values",
}
"""By tool, the field of the default output that may contain anything, and so gets what templates read."""


def default_output_of(tool: str, params: Mapping[str, Any]) -> JSONObject:
    """Return the output of a default tool without its call, or nothing for a tool that isn't in the catalog.

    Args:
        tool: Its name in the underscore spelling.
        params: Its parameters, none of the required ones missing.
    """
    shown = f"[{tool}] {as_text(next(iter(params.values()), ''))}"
    match tool:
        case "slack_send_message" | "gmail_send" | "email_send":
            return {"sent": True, "message_id": "message-1"}
        case "http_request":
            text = f"[{tool}] {as_text(params.get('method') or 'GET')} {as_text(params['url'])}"
            return {"status": 200, "headers": {"content-type": "application/json"}, "body": text}
        case "web_search":
            limit = params.get("limit")
            count = limit if isinstance(limit, int) and 0 < limit < _MAX_RESULTS else _RESULTS
            return {"results": [_result(as_text(params["query"]), n) for n in range(1, count + 1)]}
        case "web_scrape":
            return {"url": params["url"], "title": shown, "text": shown}
        case "sql_query":
            return {"rows": [{"value": shown}]}
        case "json_transform":
            return {"result": params["data"]}
        case "google_sheets_read":
            return {"values": [[shown]]}
        case "google_sheets_write_range":
            rows = params["values"]
            return {"updated_cells": sum(len(row) if is_array(row) else 1 for row in rows if is_array(rows))}
        case "file_read":
            return {"text": shown}
        case "file_write":
            return {"written": True}
        case "calculator":
            result = _arithmetic(as_text(params["expression"]))
            return {"result": shown if result is None else result}
        case _:
            return {}


_RESULTS: Final = 3
_MAX_RESULTS: Final = 100
_MAX_EXPRESSION: Final = 500
_EXPRESSION_CHARACTERS: Final = frozenset("0123456789.+-*/% ()")


def _result(query: str, number: int) -> JSONObject:
    title = f"[web_search] {query}, result {number}"
    return {"title": title, "url": f"https://example.org/{number}", "snippet": f"A made-up page about {query}."}


def _arithmetic(expression: str) -> int | float | None:
    """Return the value of an expression of numbers, `+ - * / %` and parentheses, or `None` for any other."""
    if len(expression) > _MAX_EXPRESSION or not _EXPRESSION_CHARACTERS.issuperset(expression):
        return None
    try:
        value = _value_of(ast.parse(expression.strip(), mode="eval").body)
    except (SyntaxError, ValueError, ArithmeticError, RecursionError, MemoryError):
        return None
    return value if math.isfinite(value) else None


def _value_of(node: ast.expr) -> int | float:
    match node:
        case ast.Constant(value=int() | float() as value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value_of(operand)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _value_of(operand)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _value_of(left) + _value_of(right)
        case ast.BinOp(left=left, op=ast.Sub(), right=right):
            return _value_of(left) - _value_of(right)
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return _value_of(left) * _value_of(right)
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return _value_of(left) / _value_of(right)
        case ast.BinOp(left=left, op=ast.Mod(), right=right):
            return _value_of(left) % _value_of(right)
        case _:
            raise ValueError("it is not an arithmetic expression")


def find_tool(handlers: UserHandlers, name: str) -> CatalogTool | None:
    """Return the tool of a name in either spelling, or `None` if there is none."""
    key = canonical_tool(name)
    if key in TOOLS:
        return TOOLS[key]
    return _user_tool(key) if key in handlers.tools else None


def all_tools(own_tools: Iterable[str]) -> list[CatalogTool]:
    """Return the tools of the catalog and the user's own, which have these names in the underscore spelling."""
    return [*TOOLS.values(), *(_user_tool(key) for key in own_tools if key not in TOOLS)]


def missing_parameters(tool: str, params: Mapping[str, Any]) -> list[str]:
    """Return the required parameters of a tool of the catalog that are missing, or null where null isn't allowed.

    `memory_set` and `wait` check their own.
    """
    key = canonical_tool(tool)
    if key not in TOOLS or key in ("memory_set", "wait"):
        return []
    return tools.missing_parameters(TOOLS[key]["parameters"], params)


def _user_tool(name: str) -> CatalogTool:
    parameters: JSONObject = {"type": "object", "properties": {}, "required": []}
    return {"name": name, "description": "Your own tool.", "category": "custom", "parameters": parameters}
