"""Files that are derived from others, and committed: written, or compared with what is there."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path


def outdated(derived: Mapping[Path, str], present: Iterable[Path]) -> list[Path]:
    """Return the files that are missing, not as they are derived, or derived from nothing."""
    texts = {path: path.read_text("utf-8") for path in present}
    return sorted(path for path in derived.keys() | texts.keys() if derived.get(path) != texts.get(path))


def write_derived(derived: Mapping[Path, str], present: Iterable[Path]) -> None:
    """Write the files, and remove those that are derived from nothing."""
    for path in {*present} - derived.keys():
        path.unlink()
    for path, text in derived.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")


def write_or_check(write: Callable[[], None], differences: Callable[[], list[str]], *, name: str, command: str) -> None:
    """Write; with `--check` on the command line, exit with what differs.

    Args:
        write: Writes the files.
        differences: Returns the names of those that are outdated.
        name: What the files are.
        command: The command that writes them.
    """
    if "--check" not in sys.argv:
        write()
    elif found := differences():
        sys.exit(f"outdated {name}: {', '.join(found)}; run `{command}`")
