"""The tools of every server, besides those of workflows: the documentation of the API, the check of a definition."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.resources import files
from typing import Any, Final

from mcp_types import Tool, ToolAnnotations

from fibonacci import models
from fibonacci._texts.suggestions import did_you_mean
from fibonacci.cli.mcp_server.long_outputs import LONGEST
from fibonacci.cli.mcp_server.workflow_tools import EXECUTION_SCHEMA
from fibonacci.definitions import Document, Problem, check_definition
from fibonacci.errors import DefinitionError

_MODULES: Final = (
    "fibonacci",
    "fibonacci.definitions",
    "fibonacci.emulator",
    "fibonacci.errors",
    "fibonacci.integrations",
    "fibonacci.models",
    "fibonacci.testing",
    "fibonacci.transports",
    "fibonacci.types",
    "fibonacci.integrations.opentelemetry",
)
_GUIDE: Final = (".agents", "skills", "fibonacci-sdk", "SKILL.md")
_MOST_PROBLEMS: Final = 100
_PUBLIC: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z][A-Za-z0-9_]*)*")


def documentation_of(name: str = "") -> str:
    """Return the guide, or the documentation of a public name.

    Args:
        name: The name, such as `workflows.run`, `Execution` or `fibonacci.emulator`. Empty for the guide.

    Returns:
        Markdown or plain text.

    Raises:
        ValueError: If the public name doesn't exist. The text has the nearest one.
    """
    if not name:
        names = ", ".join(_MODULES)
        return f"{guide()}\nFurther names for this tool: calls such as workflows.run, and the modules {names}.\n"
    shown = name.removesuffix("()").removeprefix("client.")
    return _page(shown, _find(shown))


def guide() -> str:
    """Return the guide for agents, without its front matter."""
    text = files("fibonacci").joinpath(*_GUIDE).read_text("utf-8")
    return text.split("---\n", 2)[2].lstrip()


def _find(name: str) -> Any:
    if name in _MODULES or f"fibonacci.{name}" in _MODULES:
        return import_module(name if name in _MODULES else f"fibonacci.{name}")
    if not _PUBLIC.fullmatch(name):
        raise ValueError(f"{name!r} is not a public name, such as workflows.run or Execution")
    for module in _MODULES:
        head, *rest = name.removeprefix("fibonacci.").removeprefix(f"{module.removeprefix('fibonacci.')}.").split(".")
        if head in _names_of(module):
            return _member(getattr(import_module(module), head), rest, name)
    from fibonacci import Fibonacci

    return _member(Fibonacci, name.split("."), name)


def _names_of(module: str) -> list[str]:
    try:
        names: list[str] = import_module(module).__all__
    except ImportError:  # its extra is not installed
        return []
    return names


def _member(owner: Any, path: list[str], name: str) -> Any:
    for part in path:
        known = _members(owner)
        if part not in known:
            raise ValueError(f"there is no {name!r} in the documentation{did_you_mean(part, known)}")
        owner = getattr(owner, part)
    return owner


def _members(owner: Any) -> list[str]:
    names = getattr(owner, "__all__", None) or dir(owner)
    return [name for name in names if not name.startswith(("_", "model_", "raw_"))] if _has_members(owner) else []


def _has_members(owner: Any) -> bool:
    return inspect.isclass(owner) or inspect.ismodule(owner)


def _page(name: str, documented: Any) -> str:
    lines = [f"# {name}{_signature(documented)}", "", inspect.getdoc(documented) or "No documentation.", ""]
    for member in _members(documented):
        summary = (inspect.getdoc(getattr(documented, member, None)) or "").partition("\n")[0]
        lines.append(f"- {member}: {summary}" if summary else f"- {member}")
    return "\n".join(lines).strip() + "\n"


def _signature(documented: Any) -> str:
    if not callable(documented):
        return ""
    try:
        return str(inspect.signature(documented))
    except (TypeError, ValueError):
        return ""


def validate(definition: dict[str, Any] | str, tools: Sequence[models.Tool] | None) -> dict[str, Any]:
    """Check a definition.

    Args:
        definition: The definition, or the text of a JSON or YAML file.
        tools: The tools of the platform. None does not check those of the definition.

    Returns:
        `valid`, whether it has no error, and `problems`, its errors and warnings. `count` of all where it has too many.

    Raises:
        ImportError: If the text is YAML, and PyYAML is not installed.
    """
    try:
        document = Document.parse(definition, name="definition") if isinstance(definition, str) else definition
        problems = check_definition(document, tools=tools)
    except DefinitionError as error:
        problems = error.problems
    result: dict[str, Any] = {
        "valid": not problems.errors,
        "problems": [_fields(problem) for problem in problems[:_MOST_PROBLEMS]],
    }
    return result if len(problems) <= _MOST_PROBLEMS else result | {"count": len(problems)}


def _fields(problem: Problem) -> dict[str, Any]:
    fields = {
        "severity": problem.severity,
        "code": problem.code,
        "message": problem.message,
        "location": problem.location,
        "source": problem.source,
    }
    return {name: value for name, value in fields.items() if value}


LIST_EXECUTIONS: Final = "list_executions"
GET_EXECUTION: Final = "get_execution"
READ_OUTPUT: Final = "read_output"
CANCEL_EXECUTION: Final = "cancel_execution"
VALIDATE_DEFINITION: Final = "validate_definition"
READ_DOCS: Final = "read_docs"

_EXECUTION_ID: Final = {"type": "string", "minLength": 1, "maxLength": 200, "description": "Such as exec_abc123."}
_READ_ONLY: Final = ToolAnnotations(
    read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
)


def _tool(name: str, title: str, description: str, properties: Mapping[str, Any], *required: str, **more: Any) -> Tool:
    schema = {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}
    return Tool(name=name, title=title, description=description, input_schema=schema, **more)


def fixed_tools(wait: float, *, can_cancel: bool = True) -> dict[str, Tool]:
    """Return the tools of a server by name, in the order in which they are listed.

    Args:
        wait: The seconds that a call waits at most.
        can_cancel: Whether the API of the platform has a call that cancels an execution.
    """
    return {tool.name: tool for tool in _fixed_tools(wait) if can_cancel or tool.name != CANCEL_EXECUTION}


def _fixed_tools(wait: float) -> tuple[Tool, ...]:
    return (
        _tool(
            LIST_EXECUTIONS,
            "List executions",
            "List the latest executions of the workflows that this server runs, the newest first.",
            {
                "workflow": {"type": "string", "description": "The tool of a workflow, or its ID; default: all."},
                "status": {"type": "string", "description": "Such as running or failed; default: any."},
                "limit": {"type": "integer", "minimum": 1, "maximum": 50, "description": "How many; default: 10."},
            },
            annotations=_READ_ONLY,
        ),
        _tool(
            GET_EXECUTION,
            "Get an execution",
            "Return the status and outputs of an execution of the workflows that this server runs.",
            {
                "execution_id": _EXECUTION_ID,
                "wait_seconds": {
                    "type": "number",
                    "minimum": 0,
                    "description": f"How many seconds to wait for its end; default: 0. More than {wait:g} is {wait:g}.",
                },
            },
            "execution_id",
            output_schema=EXECUTION_SCHEMA,
            annotations=_READ_ONLY,
        ),
        _tool(
            READ_OUTPUT,
            "Read an output",
            "Return the next part of an output that was too long for the result of a tool, as plain text.",
            {
                "execution_id": _EXECUTION_ID,
                "output": {"type": "string", "description": "Its name, one of those in cut."},
                "offset": {
                    "type": "integer",
                    "minimum": 0,
                    "description": f"How many characters to skip. A part has at most {LONGEST}. Default: 0.",
                },
            },
            "execution_id",
            "output",
            annotations=_READ_ONLY,
        ),
        _tool(
            CANCEL_EXECUTION,
            "Cancel an execution",
            "Cancel an execution of the workflows that this server runs. This does not undo what it has done.",
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
            "List every problem of a workflow definition, each with its place. Does not send it to the platform.",
            {
                "definition": {
                    "type": ["object", "string"],
                    "description": "The definition as an object, or as the text of a JSON or YAML file.",
                },
                "tools": {
                    "type": "boolean",
                    "description": "Get the platform's tools, and compare its tools with them; default: false.",
                },
            },
            "definition",
            annotations=_READ_ONLY,
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
            annotations=_READ_ONLY,
        ),
    )
