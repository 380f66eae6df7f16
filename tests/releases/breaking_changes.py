"""Compare the public API with that of the last release.

python -m tests.releases.breaking_changes [TAG]

Prints what breaks programs that use the release. Exits with 1 if the changelog has no section on it. The last release
is the newest tag of a version that this commit descends from; without one there is nothing to compare.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import griffe

from tests.stubs import lazy_modules, public_names

ROOT = Path(__file__).parents[2]


def last_release(root: Path = ROOT) -> str | None:
    """Return the newest tag of a version that the checked-out commit descends from; None without one."""
    command = ["git", "describe", "--tags", "--abbrev=0", "--match", "v[0-9]*"]
    return subprocess.run(command, cwd=root, capture_output=True, text=True).stdout.strip() or None


def breaking_changes(tag: str, root: Path = ROOT) -> list[str]:
    """Return a line for each change of something public since a tag that breaks programs."""
    with TemporaryDirectory() as folder:
        archive = subprocess.run(["git", "archive", tag, "fibonacci"], cwd=root, check=True, capture_output=True)
        subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)
        before, after = public_objects(Path(folder)), public_objects(root)
    lines = [f"{name} was removed" for name in before.keys() - after.keys()]
    for name in before.keys() & after.keys():
        for change in griffe.find_breaking_changes(before[name], after[name]):
            lines.append(f"{name}: {change.obj.name}: {change.kind.value}")
    return sorted({*lines})


def public_objects(root: Path) -> Mapping[str, griffe.Object]:
    """Return the public objects of a source tree by their public names, and the groups of calls of the clients."""
    package = griffe.load("fibonacci", search_paths=[root], try_relative_path=False, allow_inspection=False)
    found: dict[str, griffe.Object] = {}
    for path in lazy_modules(root / "fibonacci"):
        module = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
        for home, names in public_names(path.read_text("utf-8")).items():
            for name in names:
                definition = _object(package, f"{home}.{name}")
                if definition is not None:
                    found.update(_with_groups(package, f"{module}.{name}", definition))
    return found


def _with_groups(
    package: griffe.Object | griffe.Alias, name: str, of: griffe.Object
) -> Iterator[tuple[str, griffe.Object]]:
    """Yield an object, and the classes of its groups of calls, such as `client.workflows`, which have no public name."""
    yield name, of
    for member in of.members.values():
        if isinstance(member, griffe.Function) and any(str(each.value) == "namespace" for each in member.decorators):
            home = member.returns.canonical_path if isinstance(member.returns, griffe.Expr) else ""
            group = _object(package, home)
            if group is not None:
                yield from _with_groups(package, f"{name}.{member.name}", group)


def _object(package: griffe.Object | griffe.Alias, path: str) -> griffe.Object | None:
    """Return what a package has at a path; None if nothing."""
    try:
        found = package[path.removeprefix("fibonacci.")]
    except KeyError:
        return None
    return found.final_target if isinstance(found, griffe.Alias) else found


def is_in_changelog(text: str) -> bool:
    """Whether the section of what is not released yet has a part on what breaks."""
    unreleased = text.partition("## [Unreleased]")[2].partition("\n## ")[0]
    return re.search(r"^### (Breaking|Removed)", unreleased, re.MULTILINE) is not None


def main() -> int:
    """Compare, and return the exit code."""
    tag = sys.argv[1] if len(sys.argv) > 1 else last_release()
    if tag is None:
        print("no release is tagged: there is nothing to compare with")
        return 0
    found = breaking_changes(tag)
    print(*found, f"{len(found)} changes since {tag} break programs", sep="\n")
    return int(bool(found) and not is_in_changelog((ROOT / "CHANGELOG.md").read_text("utf-8")))


if __name__ == "__main__":
    sys.exit(main())
