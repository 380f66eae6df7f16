"""Compare the public API with that of the last release.

python -m tests.releases.breaking_changes [TAG]

Prints what breaks programs that use the release. Exits with 1 if neither the changelog nor a fragment of it has a part
on that. The last release is the newest tag of a version that this commit descends from and that is not its own;
without one there is nothing to compare.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import griffe

from tests.kit.public_api import public_objects
from tests.releases.project import ROOT, git


def last_release(root: Path = ROOT) -> str | None:
    """Return the newest tag of a version that the checked-out commit has as an ancestor; None without one."""
    own = [f"--exclude={tag}" for tag in git(root, "tag", "--points-at", "HEAD").stdout.split()]
    return git(root, "describe", "--tags", "--abbrev=0", "--match=v[0-9]*", *own).stdout.strip() or None


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
