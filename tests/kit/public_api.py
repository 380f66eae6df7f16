"""The public API as the sources have it: griffe reads them, and nothing is imported."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import griffe

from tests.tools.stubs import lazy_modules, public_names

MODULES: Final = ("errors", "integrations.opentelemetry")
"""The public modules that define their public names themselves, or import them eagerly."""

NOT_MADE: Final = {
    "AsyncPager": "a call that lists returns it",
    "AsyncRuns": "`run_many` returns it",
    "Cassette": "`record` and `replay` return it",
    "Document": "`of`, `parse` and `load` return it",
    "EmulatorClock": "`emulator.clock` is it",
    "EmulatorWarning": "`emulator.warnings` has it",
    "InjectedFailure": "`fail` returns it",
    "InjectedFailures": "`emulator.failures` is it",
    "JournalView": "`read_journal` returns it",
    "Pager": "a call that lists returns it",
    "RecordedRequest": "`emulator.requests` has it",
    "Requests": "`emulator.requests` is it",
    "Runs": "`run_many` returns it",
    "Script": "`script` returns it",
    "Scripts": "`emulator.scripts` is it",
}
"""Classes whose objects are returned, not made: their constructors are not public."""


def public_objects(root: Path) -> dict[str, griffe.Object]:
    """Return the public objects of a source tree by their public names, and the groups of calls of the clients."""
    package = griffe.load("fibonacci", search_paths=[root], try_relative_path=False, allow_inspection=False)
    found: dict[str, griffe.Object] = {}
    for path in lazy_modules(root / "fibonacci"):
        module = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
        for home, names in public_names(path.read_text("utf-8")).items():
            for name in names:
                definition = _object(package, f"{home}.{name}")
                if definition is not None and module == "fibonacci":
                    found.update(_with_groups(package, f"{module}.{name}", definition))
                elif definition is not None:
                    found[f"{module}.{name}"] = definition
    for name in MODULES:
        eager = _object(package, name)
        for member in () if eager is None else eager.members.values():
            definition = _object(package, member.path) if member.is_public else None
            if definition is not None and not isinstance(definition, griffe.Module):
                found[f"fibonacci.{name}.{member.name}"] = definition
    return found


def is_group(member: griffe.Object) -> bool:
    """Whether a member is a group of calls, such as `client.workflows`."""
    return isinstance(member, griffe.Function) and any(str(each.value) == "namespace" for each in member.decorators)


def resolved(found: griffe.Object | griffe.Alias) -> griffe.Object | None:
    """Return what a name refers to; None if another package defines it."""
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


def constructor(target: griffe.Object) -> griffe.Function | None:
    """Return the `__init__` of a class, its own or that of a base in the package; None for what is no class."""
    found = target.all_members.get("__init__") if isinstance(target, griffe.Class) else None
    found = None if found is None else resolved(found)
    return found if isinstance(found, griffe.Function) and found.path.startswith("fibonacci.") else None


def default_of(parameter: griffe.Parameter) -> str | None:
    """Return the default of a parameter; the value of a constant of the package in place of its name."""
    default = parameter.default
    if isinstance(default, griffe.ExprName) and str(default) != "UNSET":
        constant = default.canonical_path
        found = _constant(default, constant)
        return found or str(default)
    return None if default is None else str(default)


def stars_of(parameter: griffe.Parameter) -> str:
    """Return the stars before the name of a parameter that takes further arguments; else nothing."""
    stars = {griffe.ParameterKind.var_positional: "*", griffe.ParameterKind.var_keyword: "**"}
    return stars.get(parameter.kind, "") if parameter.kind is not None else ""


def _constant(name: griffe.ExprName, path: str) -> str | None:
    """Return the value of a module's constant."""
    parent = name.parent
    package = parent.package if isinstance(parent, griffe.Object) else None
    try:
        target = package[path.partition(".")[2]] if package is not None else None
    except (KeyError, ValueError):  # a name of another package
        return None
    target = None if target is None else resolved(target)
    return str(target.value) if isinstance(target, griffe.Attribute) and target.value is not None else None


def private_names(objects: Mapping[str, griffe.Object]) -> Iterator[str]:
    """Yield the types of the package that public signatures name and that have no public name, each with its place.

    Args:
        objects: The public objects by their public names.
    """
    package = objects["fibonacci.Fibonacci"].package
    public = {found.path for found in objects.values()}
    for name, found in objects.items():
        for place, annotation in _annotations(name, found, public):
            for path in _paths_in(annotation):
                named = _object(package, path) if path.startswith("fibonacci.") else None
                if isinstance(named, griffe.Function):  # `list`, in a class that has a method of this name
                    continue
                if named is not None and named.path not in public and not _is_type_variable(named):
                    yield f"{place}: {named.name}"


def foreign_packages(objects: Mapping[str, griffe.Object]) -> Iterator[tuple[str, str]]:
    """Yield the other packages whose types public signatures name, each with its place."""
    public = {found.path for found in objects.values()}
    for name, found in objects.items():
        for place, annotation in _annotations(name, found, public):
            for path in _paths_in(annotation):
                if "." in path and not path.startswith("fibonacci."):
                    yield path.partition(".")[0], place


def _annotations(name: str, found: griffe.Object, public: Container[str]) -> Iterator[tuple[str, Any]]:
    """Yield the annotations of a public object and of its public members, each with its place."""
    if isinstance(found, griffe.Function):
        yield name, found.returns
        yield from ((name, each.annotation) for each in found.parameters if not each.name.startswith("_"))
    elif isinstance(found, griffe.Attribute):
        yield name, found.annotation
        if found.annotation is None and isinstance(found.parent, griffe.Module):  # a type alias
            yield name, found.value
    elif isinstance(found, griffe.Class):
        init = constructor(found)
        if init is not None and found.name not in NOT_MADE and not any(_is_resource(each) for each in found.mro()):
            yield from _annotations(name, init, public)
        for holder in [*(base for base in found.mro() if base.path not in public), found]:
            for member, each in holder.members.items():
                target = resolved(each)
                if not member.startswith("_") and target is not None and not isinstance(target, griffe.Class):
                    yield from _annotations(f"{name}.{member}", target, public)


def _is_resource(found: griffe.Object) -> bool:
    """Whether a class is the base of the groups of calls: no program makes an object of them."""
    return found.name in ("AsyncResource", "Resource")


def _paths_in(annotation: Any) -> Iterator[str]:
    if isinstance(annotation, griffe.Expr):
        names = [each for each in annotation.iterate(flat=True) if isinstance(each, griffe.ExprName)]
        yield from (each.canonical_path for each in names)


def _is_type_variable(found: griffe.Object) -> bool:
    return isinstance(found, griffe.Attribute) and str(found.value).startswith("TypeVar(")
