"""The tools of every server besides the workflows: the API documentation, and checking a definition."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from importlib.resources import files
from typing import Any, Final

from mcp_types import Tool

from fibonacci import models
from fibonacci._texts.suggestions import did_you_mean
from fibonacci.cli.mcp_server.workflow_tools import EXECUTION_SCHEMA
from fibonacci.definitions import Document, check_definition
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
        ValueError: If the public name doesn't exist. The message has the nearest one.
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
    if not (inspect.isclass(owner) or inspect.ismodule(owner)):
        return []
    names = getattr(owner, "__all__", None) or dir(owner)
    return [name for name in names if not name.startswith(("_", "model_", "raw_"))]


def _page(name: str, documented: Any) -> str:
    signature = ""
    if callable(documented):
        with suppress(TypeError, ValueError):
            signature = str(inspect.signature(documented))
    lines = [f"# {name}{signature}", "", inspect.getdoc(documented) or "No documentation.", ""]
    for member in _members(documented):
        summary = (inspect.getdoc(getattr(documented, member, None)) or "").partition("\n")[0]
        lines.append(f"- {member}: {summary}" if summary else f"- {member}")
    return "\n".join(lines).strip() + "\n"


def validate(definition: dict[str, Any] | str, tools: Sequence[models.Tool] | None) -> dict[str, Any]:
    """Check a definition.

    Args:
        definition: The definition, or the text of a JSON or YAML file.
        tools: The tools of the platform. With None, tools aren't checked.

    Returns:
        `valid` (whether it has no errors) and `problems` (errors and warnings). If those are too many, also `count`.

    Raises:
        ImportError: If the text is YAML, and PyYAML is not installed.
    """
    try:
        document = Document.parse(definition, name="definition") if isinstance(definition, str) else definition
        problems = check_definition(document, tools=tools)
    except DefinitionError as error:
        problems = error.problems
    names = ("severity", "code", "message", "location", "source")
    shown = [
        {name: value for name in names if (value := getattr(problem, name))} for problem in problems[:_MOST_PROBLEMS]
    ]
    count = {"count": len(problems)} if len(problems) > _MOST_PROBLEMS else {}
    return {"valid": not problems.errors, "problems": shown, **count}


def fixed_tools(wait: float, *, can_cancel: bool = True) -> dict[str, Tool]:
    """Return the tools of a server by name, in the order in which they are listed.

    Args:
        wait: How many seconds a call waits at most.
        can_cancel: Whether the API of the platform has a call that cancels an execution.
    """
    text = (
        files("fibonacci.cli.mcp_server").joinpath("fixed_tools.json").read_text("utf-8").replace("{wait}", f"{wait:g}")
    )
    tools = [Tool.model_validate(each) for each in json.loads(text)]
    for tool in tools:
        if tool.name in ("get_execution", "cancel_execution"):
            tool.output_schema = EXECUTION_SCHEMA
    return {tool.name: tool for tool in tools if can_cancel or tool.name != "cancel_execution"}
