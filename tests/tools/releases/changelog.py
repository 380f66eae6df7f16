"""The changelog: an entry for each version, the newest first, with `## 1.2.0 (2026-01-01)` or `(unreleased)` above."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from tests.tools.releases.project import ROOT

UNRELEASED: Final = "unreleased"
_HEADING: Final = re.compile(rf"^## (\d\S*) \(({UNRELEASED}|\d{{4}}-\d{{2}}-\d{{2}})\)$", re.MULTILINE)


def read_changelog(root: Path = ROOT) -> str:
    """Return the text of the changelog."""
    return (root / "CHANGELOG.md").read_text("utf-8")


def release_dates(changelog: str) -> dict[str, str]:
    """Return the versions that have an entry, in its order, each with its date or `unreleased`."""
    return dict(_HEADING.findall(changelog))
