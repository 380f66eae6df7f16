"""The documentation that is in the package: the guide for agents, and the docstrings of public names."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from importlib.resources import files
from typing import Any, Final

from fibonacci._suggestions import did_you_mean

_MODULES: Final = (
    "fibonacci",
    "fibonacci.definitions",
    "fibonacci.emulator",
    "fibonacci.errors",
    "fibonacci.models",
    "fibonacci.testing",
    "fibonacci.transports",
    "fibonacci.types",
)
_GUIDE: Final = (".agents", "skills", "fibonacci-sdk", "SKILL.md")
_PUBLIC: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z][A-Za-z0-9_]*)*")


def documentation_of(name: str = "") -> str:
    """Return the guide, or the documentation of a public name.

    Args:
        name: The name, such as `workflows.run`, `Execution` or `fibonacci.emulator`; empty for the guide.

    Returns:
        Markdown or plain text.

    Raises:
        ValueError: If there is no such public name; the text names the nearest one.
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
        raise ValueError(f"{name!r} is no public name; one is like workflows.run or Execution")
    for module in _MODULES:
        head, *rest = name.removeprefix("fibonacci.").removeprefix(f"{module.removeprefix('fibonacci.')}.").split(".")
        if head in import_module(module).__all__:
            return _member(getattr(import_module(module), head), rest, name)
    from fibonacci import Fibonacci

    return _member(Fibonacci, name.split("."), name)


def _member(found: Any, path: list[str], name: str) -> Any:
    for part in path:
        known = _members(found)
        if part not in known:
            raise ValueError(f"there is no {name!r} in the documentation{did_you_mean(part, known)}")
        found = getattr(found, part)
    return found


def _members(owner: Any) -> list[str]:
    names = getattr(owner, "__all__", None) or dir(owner)
    return [name for name in names if not name.startswith(("_", "model_", "raw_"))] if _has_members(owner) else []


def _has_members(owner: Any) -> bool:
    return inspect.isclass(owner) or inspect.ismodule(owner)


def _page(name: str, found: Any) -> str:
    lines = [f"# {name}{_signature(found)}", "", inspect.getdoc(found) or "No documentation.", ""]
    for member in _members(found):
        summary = (inspect.getdoc(getattr(found, member, None)) or "").partition("\n")[0]
        lines.append(f"- {member}: {summary}" if summary else f"- {member}")
    return "\n".join(lines).strip() + "\n"


def _signature(found: Any) -> str:
    if not callable(found):
        return ""
    try:
        return str(inspect.signature(found))
    except (TypeError, ValueError):
        return ""
