"""Build the distributions of a tag.

python .ci/release.py v1.2.3 dist

Refuses a tag that is not the version of the package, or whose changes the changelog does not have under that version.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def version() -> str:
    """Return the version of the package; `fibonacci/__init__.py` is the one place that has it."""
    found = re.search(r'^__version__ = "(.+)"$', (ROOT / "fibonacci/__init__.py").read_text("utf-8"), re.MULTILINE)
    if found is None:
        raise SystemExit("fibonacci/__init__.py has no __version__")
    return found[1]


def fault(tag: str) -> str | None:
    """Return what is wrong with a tag; None if nothing is."""
    if tag != f"v{version()}":
        return f"the tag is {tag}, and the version in fibonacci/__init__.py is {version()}"
    heading = rf"^## \[{re.escape(version())}\] - \d{{4}}-\d{{2}}-\d{{2}}$"
    if re.search(heading, (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE) is None:
        return f"CHANGELOG.md has no section of {version()} with a date"
    return None


def build(folder: Path) -> None:
    """Build wheel and sdist; the times in them are that of the commit, so that anybody builds the same bytes."""
    committed = subprocess.run(
        ["git", "log", "-1", "--format=%ct"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.strip()
    environment = {**os.environ, "SOURCE_DATE_EPOCH": committed}
    subprocess.run([sys.executable, "-m", "build", "--outdir", str(folder), str(ROOT)], check=True, env=environment)


def main() -> None:
    """Check the tag, and build."""
    tag, folder = sys.argv[1:]
    wrong = fault(tag)
    if wrong is not None:
        raise SystemExit(wrong)
    build(Path(folder))


if __name__ == "__main__":
    main()
