"""The tools that every server has beside those of the workflows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from mcp_types import Tool, ToolAnnotations

from fibonacci.cli.mcp_server.workflow_tools import EXECUTION_SCHEMA

GET_EXECUTION: Final = "get_execution"
CANCEL_EXECUTION: Final = "cancel_execution"
VALIDATE_DEFINITION: Final = "validate_definition"
READ_DOCS: Final = "read_docs"

_EXECUTION_ID: Final = {"type": "string", "minLength": 1, "description": "Such as exec_abc123."}


def _tool(name: str, title: str, description: str, properties: Mapping[str, Any], *required: str, **more: Any) -> Tool:
    schema = {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}
    return Tool(name=name, title=title, description=description, input_schema=schema, **more)


def _read_only(*, is_open_world: bool = False) -> ToolAnnotations:
    return ToolAnnotations(
        read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=is_open_world
    )


FIXED_TOOLS: Final[dict[str, Tool]] = {
    tool.name: tool
    for tool in (
        _tool(
            GET_EXECUTION,
            "Get an execution",
            "Return the status and outputs of an execution of the workflows that this server runs.",
            {
                "execution_id": _EXECUTION_ID,
                "wait_seconds": {
                    "type": "number",
                    "minimum": 0,
                    "description": "How long to wait for its end; default: 0.",
                },
            },
            "execution_id",
            output_schema=EXECUTION_SCHEMA,
            annotations=_read_only(),
        ),
        _tool(
            CANCEL_EXECUTION,
            "Cancel an execution",
            "Cancel an execution of the workflows that this server runs. What it has done is not undone.",
            {"execution_id": _EXECUTION_ID},
            "execution_id",
            output_schema=EXECUTION_SCHEMA,
            annotations=ToolAnnotations(
                read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=False
            ),
        ),
        _tool(
            VALIDATE_DEFINITION,
            "Validate a workflow definition",
            "List every fault of a workflow definition, each with its place. It is not sent to the platform.",
            {
                "definition": {
                    "type": ["object", "string"],
                    "description": "The definition as an object, or as the text of a JSON or YAML file.",
                },
                "tools": {
                    "type": "boolean",
                    "description": "Compare its tools with those of the platform, which are listed; default: false.",
                },
            },
            "definition",
            annotations=_read_only(),
        ),
        _tool(
            READ_DOCS,
            "Read the documentation",
            "Return the documentation of fibonacci-sdk: a guide, or the reference of a public name. Nothing is sent.",
            {
                "name": {
                    "type": "string",
                    "description": "Such as workflows.run or errors; default: the guide, which names the others.",
                }
            },
            annotations=_read_only(),
        ),
    )
}
"""By name, in the order in which they are listed."""
