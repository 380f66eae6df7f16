"""Derive the stubs of the modules whose names are imported lazily, so that each public name is written down once.

    python -m tests.tools.stubs             write the stubs
    python -m tests.tools.stubs --check     print what differs, and exit with 1 if anything does

A lazy module has a table of its public names in its call of `lazy_names`. A type checker cannot follow that, so the
stub beside the module imports the same names.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

from tests.tools.derived_files import outdated, write_derived, write_or_check
from tests.tools.mirror import formatted

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(__file__).parents[2] / "fibonacci"


def lazy_modules(package: Path = PACKAGE) -> Iterator[Path]:
    """Yield the modules that call `lazy_names`."""
    for path in sorted(package.rglob("*.py")):
        if path.name != "lazy.py" and "lazy_names(" in path.read_text("utf-8"):
            yield path


def public_names(source: str) -> dict[str, list[str]]:
    """Return the table of a lazy module: the public names of each module that they are defined in."""
    table: dict[str, list[str]] = ast.literal_eval(_call(source).args[1])
    return table


def public_modules(source: str) -> list[str]:
    """Return the public modules in a lazy module."""
    found = [each.value for each in _call(source).keywords if each.arg == "modules"]
    modules: list[str] = ast.literal_eval(found[0]) if found else []
    return modules


def _call(source: str) -> ast.Call:
    """Return the call of `lazy_names`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "lazy_names":
            return node
    raise ValueError("the module does not call lazy_names")


def derive(source: str, name: str) -> str:
    """Return the stub of a lazy module, named from the package's parent."""
    table = public_names(source)
    lines = [f"# Derived from {name} by tests/tools/stubs.py; change that file, not this one."]
    lines += [f"from . import {each} as {each}" for each in public_modules(source)]
    lines += [f"from {home} import {', '.join(names)}" for home, names in table.items()]
    names = [each for names in table.values() for each in names]
    if "\n__version__ = " in source:
        lines.append("\n__version__: str")
        names.append("__version__")
    return "\n".join([*lines, f"\n__all__{'' if names else ': list[str]'} = {names}", ""])


def derive_all(package: Path = PACKAGE) -> dict[Path, str]:
    """Return the text of each stub by its path."""
    names = {path: path.relative_to(package.parent).as_posix() for path in lazy_modules(package)}
    texts = formatted({f"{name}i": derive(path.read_text("utf-8"), name) for path, name in names.items()})
    return {package.parent / name: text for name, text in texts.items()}


def differences(package: Path = PACKAGE) -> dict[Path, str]:
    """Return a diff of each stub that is missing, outdated, or derived from nothing."""
    return outdated(derive_all(package), package.rglob("*.pyi"))


def write(package: Path = PACKAGE) -> None:
    """Write the stubs, and remove those that are derived from nothing."""
    write_derived(derive_all(package), package.rglob("*.pyi"))


if __name__ == "__main__":
    write_or_check(write, differences, name="stubs", command="python -m tests.tools.stubs")
