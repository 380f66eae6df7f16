"""Names of definition files: which files are read, and a safe name for a new one."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from pathlib import Path
from typing import Final

from fibonacci.definitions.files.reading import FORMATS

_LONGEST: Final = 100
# Names that Windows keeps for devices, with any suffix.
_RESERVED: Final = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}


def is_definition_file(path: Path) -> bool:
    """Tell whether a path of a folder is read as a definition: not when it is hidden, or a folder itself."""
    return path.suffix.lower() in FORMATS and not path.name.startswith(".") and not path.is_dir()


def safe_file_name(name: str, taken: Collection[str]) -> str:
    """Return a file name for a workflow that every file system takes, and that leads to no other folder.

    Args:
        name: The name of the workflow, any text.
        taken: The names of files that exist already, in any case.
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii").lower()
    stem = re.sub(r"[^a-z0-9_]+", "-", plain)[:_LONGEST].strip("-") or "workflow"
    if stem in _RESERVED:
        stem = f"{stem}-workflow"
    used = {each.lower() for each in taken}
    names = (f"{stem}{suffix}.yaml" for suffix in ("", *(f"-{number}" for number in range(2, len(used) + 3))))
    return next(each for each in names if each not in used)
