"""Compare the public API with that of the last release.

python -m tests.releases.breaking_changes [TAG]

Prints what breaks programs that use the release. Exits with 1 if neither the changelog nor a fragment of it has a part
on that. The last release is the newest tag of a version that this commit descends from and that is not its own;
without one there is nothing to compare.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import griffe

from tests.releases.project import ROOT
from tests.stubs import lazy_modules, public_names

MODULES: Final = ("emulator", "errors", "integrations.opentelemetry")
"""The public modules that define their public names themselves, or import them eagerly."""


def last_release(root: Path = ROOT) -> str | None:
    """Return the newest tag of a version that the checked-out commit has as an ancestor; None without one."""
    own = [f"--exclude={tag}" for tag in _git(root, "tag", "--points-at", "HEAD").split()]
    return _git(root, "describe", "--tags", "--abbrev=0", "--match=v[0-9]*", *own).strip() or None


def breaking_changes(tag: str, root: Path = ROOT) -> list[str]:
    """Return a line for each change of something public since a tag that breaks programs."""
    with TemporaryDirectory() as folder:
        archive = subprocess.run(["git", "archive", tag, "fibonacci"], cwd=root, check=True, capture_output=True)
        subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)
        before = public_objects(Path(folder))
        after = public_objects(root)
        changes = griffe.find_breaking_changes(_namespace(before), _namespace(after))
        homes = {each.path: name for found in (before, after) for name, each in found.items()}
        return sorted({_line(change, homes) for change in changes})


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


def is_announced(changelog: str, fragments: list[str], tag: str) -> bool:
    """Whether what is not released yet has a part on what breaks.

    Args:
        changelog: The text of the changelog.
        fragments: The names of the files with further entries.
        tag: The last release.
    """
    new = changelog.partition(f"\n## [{tag.removeprefix('v')}]")[0]
    in_fragments = any(re.search(r"\.(breaking|removed)\b", name) for name in fragments)
    return in_fragments or re.search(r"^### (Breaking|Removed)", new, re.MULTILINE) is not None


def _with_groups(
    package: griffe.Object | griffe.Alias, name: str, of: griffe.Object
) -> Iterator[tuple[str, griffe.Object]]:
    """Yield an object, and the classes of its groups of calls, such as that of `client.workflows`."""
    yield name, of
    for member in of.members.values():
        if isinstance(member, griffe.Function) and any(str(each.value) == "namespace" for each in member.decorators):
            home = member.returns.canonical_path if isinstance(member.returns, griffe.Expr) else ""
            group = _object(package, home)
            if group is not None:
                yield from _with_groups(package, f"{name}.{member.name}", group)


def _object(package: griffe.Object | griffe.Alias, path: str) -> griffe.Object | None:
    """Return what a package has at a path; None if nothing, or something of another package."""
    try:
        found = package[path.removeprefix("fibonacci.")]
        return found.final_target if isinstance(found, griffe.Alias) else found
    except (KeyError, griffe.AliasResolutionError):
        return None


def _namespace(objects: dict[str, griffe.Object]) -> griffe.Module:
    """Return a module with these members: griffe compares the members of two objects."""
    module = griffe.Module("public")
    module.members.update(objects)
    return module


def _line(change: griffe.Breakage, public: dict[str, str]) -> str:
    """Say what changed, with the parameter.

    Args:
        change: The change.
        public: The public name of each object by its path.
    """
    path = change.obj.path
    home = max((each for each in public if f"{path}.".startswith(f"{each}.")), key=len, default=path)
    name = public.get(home, home) + path.removeprefix(home)
    parameter = change.old_value or change.new_value
    argument = f"({parameter.name})" if isinstance(parameter, griffe.Parameter) else ""
    return f"{name}{argument}: {change.kind.value}"


def _git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True).stdout


def main() -> int:
    """Compare, and return the exit code."""
    tag = sys.argv[1] if len(sys.argv) > 1 else last_release()
    if tag is None:
        print("no release is tagged: there is nothing to compare with")
        return 0
    found = breaking_changes(tag)
    print(*found, f"{len(found)} changes since {tag} break programs", sep="\n")
    fragments = [path.name for path in (ROOT / ".changes").iterdir()]
    announced = is_announced((ROOT / "CHANGELOG.md").read_text("utf-8"), fragments, tag)
    if found and not announced:
        print("neither CHANGELOG.md nor .changes has a part on what breaks")
    return int(bool(found) and not announced)


if __name__ == "__main__":
    sys.exit(main())
