"""Compare the public API with that of the last release.

python -m tests.releases.breaking_changes [TAG]

Prints what breaks programs that use the release. Exits with 1 if neither the changelog nor a fragment of it has a part
on that. The last release is the newest tag of a version that this commit descends from and that is not its own. In a
clone without tags it is the commit that gave the changelog the part of the version, which is the one that is tagged.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import griffe

from tests.kit.public_api import public_objects
from tests.releases.project import ROOT, git


class Release(NamedTuple):
    """A version that was released."""

    version: str
    """Such as `1.2.0`."""

    revision: str
    """What git knows it by: a tag or a commit."""


def last_release(root: Path = ROOT) -> Release | None:
    """Return the newest release that the checked-out commit has as an ancestor; None without one."""
    own = [f"--exclude={tag}" for tag in git(root, "tag", "--points-at", "HEAD").stdout.split()]
    tag = git(root, "describe", "--tags", "--abbrev=0", "--match=v[0-9]*", *own).stdout.strip()
    return _tagged(tag) if tag else _in_changelog(root)


def _tagged(tag: str) -> Release:
    return Release(tag.removeprefix("v"), tag)


def _in_changelog(root: Path) -> Release | None:
    """Return the newest release by the commits that gave the changelog its parts."""
    file = "CHANGELOG.md"
    head = git(root, "rev-parse", "HEAD").stdout.strip()
    for version in re.findall(r"^## \[(\d.*?)\]", git(root, "show", f"HEAD:{file}").stdout, re.MULTILINE):
        commit = git(root, "log", "-1", "--format=%H", f"-S## [{version}]", "--", file).stdout.strip()
        if commit not in ("", head):
            return Release(version, commit)
    return None


def breaking_changes(revision: str, root: Path = ROOT) -> list[str]:
    """Return a line for each change of something public since a tag or commit that breaks programs."""
    with TemporaryDirectory() as folder:
        archive = subprocess.run(["git", "archive", revision, "fibonacci"], cwd=root, check=True, capture_output=True)
        subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)
        before = public_objects(Path(folder))
        after = public_objects(root)
        changes = griffe.find_breaking_changes(_namespace(before), _namespace(after))
        homes = {each.path: name for found in (before, after) for name, each in found.items()}
        return sorted({_line(change, homes) for change in changes})


def is_announced(changelog: str, fragments: list[str], version: str) -> bool:
    """Whether what is not released yet has a part on what breaks.

    Args:
        changelog: The text of the changelog.
        fragments: The names of the files with further entries.
        version: That of the last release.
    """
    new = changelog.partition(f"\n## [{version}]")[0]
    in_fragments = any(re.search(r"\.(breaking|removed)\b", name) for name in fragments)
    return in_fragments or re.search(r"^### (Breaking|Removed)", new, re.MULTILINE) is not None


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


def main() -> int:
    """Compare, and return the exit code."""
    release = _tagged(sys.argv[1]) if len(sys.argv) > 1 else last_release()
    if release is None:
        print("nothing is released: there is nothing to compare with")
        return 0
    found = breaking_changes(release.revision)
    print(*found, f"{len(found)} changes since {release.version} ({release.revision}) break programs", sep="\n")
    fragments = [path.name for path in (ROOT / ".changes").iterdir()]
    announced = is_announced((ROOT / "CHANGELOG.md").read_text("utf-8"), fragments, release.version)
    if found and not announced:
        print("neither CHANGELOG.md nor .changes has a part on what breaks")
    return int(bool(found) and not announced)


if __name__ == "__main__":
    sys.exit(main())
