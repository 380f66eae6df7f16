"""Every lock of the package has its row in the page for contributors, and every row its lock."""

from __future__ import annotations

import re

from tests.tools.markdown import ROOT

_CREATED = re.compile(
    r"^ *(?:self\.)?(?P<name>\w+)(?:: [^=\n]+)? = (?:threading\.)?(?:R?Lock|Event|Condition|Semaphore)\(\)",
    re.MULTILINE,
)
_ROW = re.compile(r"^\| `(?P<name>\w+)` \| `(?P<file>[\w/.]+)` \|", re.MULTILINE)


def test_every_lock_has_a_row() -> None:
    """The sync half is derived: its locks are those of the async one, but for the files written by hand."""
    by_hand = ("_sync/_runtime.py", "_sync/batch/_workers.py", "_sync/transports/_network.py")
    created: set[tuple[str, str]] = set()
    for path in (ROOT / "fibonacci").rglob("*.py"):
        file = path.relative_to(ROOT / "fibonacci").as_posix()
        text = path.read_text(encoding="utf-8")
        if "threading" in text and (not file.startswith("_sync/") or file in by_hand):
            created |= {(match["name"], file) for match in _CREATED.finditer(text)}
    page = (ROOT / "docs" / "contributing" / "internals.md").read_text(encoding="utf-8")
    rows = {(match["name"], match["file"]) for match in _ROW.finditer(page)}
    assert rows == created
