"""Build the distributions of a tag.

python -m tests.tools.releases.tagged v1.2.3 FOLDER

Refuses a tag that is not the version of the package, or whose changes the changelog does not have under that version.
It needs what `.ci/build-requirements.txt` has, and nothing else.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.tools.releases.changelog import UNRELEASED, read_changelog, release_dates
from tests.tools.releases.distributions import build
from tests.tools.releases.project import ROOT, read_version


def fault(tag: str, version: str, changelog: str) -> str | None:
    """Return what is wrong with a tag; None if nothing is.

    Args:
        tag: Its name.
        version: The version of the package.
        changelog: The text of the changelog.
    """
    if tag != f"v{version}":
        return f"the tag is {tag}, and the version in fibonacci/__init__.py is {version}"
    if release_dates(changelog).get(version, UNRELEASED) == UNRELEASED:
        return f"CHANGELOG.md has no entry of {version} with a date"
    return None


def commit_time(root: Path = ROOT) -> int:
    """Return the time of the checked-out commit in seconds since 1970: with it, others build the same bytes."""
    command = ["git", "log", "-1", "--format=%ct"]
    return int(subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    """Check the tag, and build."""
    tag, folder = sys.argv[1:]
    wrong = fault(tag, read_version(), read_changelog())
    if wrong is not None:
        raise SystemExit(wrong)
    build(ROOT, Path(folder), commit_time())


if __name__ == "__main__":
    main()
