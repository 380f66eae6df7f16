"""Files that are derived from others, and committed: written, or compared with what is there."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path


def outdated(derived: Mapping[Path, str], present: Iterable[Path]) -> dict[Path, str]:
    """Return a unified diff of each file that is missing, not as it is derived, or derived from nothing."""
    texts = {path: path.read_text("utf-8") for path in present}
    paths = sorted(path for path in derived.keys() | texts.keys() if derived.get(path) != texts.get(path))
    return {path: _diff(path, texts.get(path, ""), derived.get(path, "")) for path in paths}


def write_derived(derived: Mapping[Path, str], present: Iterable[Path]) -> None:
    """Write the files, and remove those that are derived from nothing."""
    for path in {*present} - derived.keys():
        path.unlink()
    for path, text in derived.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")


def write_or_check(
    write: Callable[[], None], differences: Callable[[], Mapping[Path, str]], *, name: str, command: str
) -> None:
    """Write; with `--check` on the command line, exit with what differs.

    Args:
        write: Writes the files.
        differences: Returns a diff of each that is outdated.
        name: What the files are.
        command: The command that writes them.
    """
    if "--check" not in sys.argv:
        write()
    elif found := differences():
        names = ", ".join(path.name for path in found)
        sys.exit(f"{''.join(found.values())}\noutdated {name}: {names}; run `{command}` and commit what it changes")


def _diff(path: Path, committed: str, derived: str) -> str:
    before, after = committed.splitlines(keepends=True), derived.splitlines(keepends=True)
    return "".join(difflib.unified_diff(before, after, f"committed/{path.name}", f"derived/{path.name}"))
