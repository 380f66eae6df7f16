"""The derived pages, by path."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tests.docs.markdown import ROOT
from tests.kit.derived_files import outdated, write_derived
from tests.reference.command_line import command_line_page
from tests.reference.error_table import error_table_page

FOLDER: Final = ROOT / "docs" / "reference"


def derive_all() -> dict[Path, str]:
    """Return the text of each page by its path."""
    return {
        FOLDER / "command-line.md": command_line_page(),
        FOLDER / "error-table.md": error_table_page(),
    }


def differences() -> list[str]:
    """Return the names of pages that are missing or outdated."""
    derived = derive_all()
    return [path.name for path in outdated(derived, filter(Path.exists, derived))]


def write() -> None:
    """Write the pages."""
    write_derived(derive_all(), ())
