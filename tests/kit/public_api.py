"""The public API as the sources have it: griffe reads them, and nothing is imported."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import griffe

from tests.stubs import lazy_modules, public_names

MODULES: Final = ("emulator", "errors", "integrations.opentelemetry")
"""The public modules that define their public names themselves, or import them eagerly."""


def public_objects(root: Path) -> dict[str, griffe.Object]:
    """Return the public objects of a source tree by their public names, and the groups of calls of the clients."""
    package = griffe.load("fibonacci", search_paths=[root], try_relative_path=False, allow_inspection=False)
    found: dict[str, griffe.Object] = {}
    for path in lazy_modules(root / "fibonacci"):
        module = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
        for home, names in _public_names(path.read_text("utf-8")).items():
            for name in names:
                definition = _object(package, f"{home}.{name}")
                if definition is not None:
                    found.update(_with_groups(package, f"{module}.{name}", definition))
    for name in MODULES:
        eager = _object(package, name)
        for member in () if eager is None else eager.members.values():
            definition = _object(package, member.path) if member.is_public else None
            if definition is not None and not isinstance(definition, griffe.Module):
                found[f"fibonacci.{name}.{member.name}"] = definition
    return found


def _public_names(source: str) -> dict[str, list[str]]:
    """Return the public names of a lazy module by the module that defines them.

    Version 1.0.0 computed the table; it lists the names once more as imports for type checkers.
    """
    try:
        return public_names(source)
    except ValueError:
        imports = [each for each in ast.walk(ast.parse(source)) if isinstance(each, ast.ImportFrom) and each.module]
        return {
            module: [name for each in imports if each.module == module for name in _reexported(each)]
            for module in {each.module for each in imports if each.module}
        }


def _reexported(statement: ast.ImportFrom) -> list[str]:
    return [alias.name for alias in statement.names if alias.asname == alias.name]


def is_group(member: griffe.Object) -> bool:
    """Whether a member is a group of calls, such as `client.workflows`."""
    return isinstance(member, griffe.Function) and any(str(each.value) == "namespace" for each in member.decorators)


def resolved(found: griffe.Object | griffe.Alias) -> griffe.Object | None:
    """Return what a name stands for; None for what another package defines."""
    try:
        return found.final_target if isinstance(found, griffe.Alias) else found
    except griffe.AliasResolutionError:
        return None


def _with_groups(
    package: griffe.Object | griffe.Alias, name: str, of: griffe.Object
) -> Iterator[tuple[str, griffe.Object]]:
    """Yield an object, and the classes of its groups of calls, such as that of `client.workflows`."""
    yield name, of
    for member in of.members.values():
        if isinstance(member, griffe.Function) and is_group(member):
            home = member.returns.canonical_path if isinstance(member.returns, griffe.Expr) else ""
            group = _object(package, home)
            if group is not None:
                yield from _with_groups(package, f"{name}.{member.name}", group)


def _object(package: griffe.Object | griffe.Alias, path: str) -> griffe.Object | None:
    """Return what a package has at a path; None if nothing, or something of another package."""
    try:
        return resolved(package[path.removeprefix("fibonacci.")])
    except (KeyError, griffe.AliasResolutionError):
        return None
