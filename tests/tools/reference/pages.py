"""The derived pages, by path."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from tests.tools.derived_files import outdated, write_derived
from tests.tools.reference.api_versions import API_VERSIONS, api_versions_page
from tests.tools.reference.call_groups import CALLS, calls_page
from tests.tools.reference.command_line import command_line_pages
from tests.tools.reference.definition_schema import SCHEMA, definition_schema
from tests.tools.reference.error_table import ERRORS, errors_page
from tests.tools.reference.github_actions import GUIDE, github_actions_guide
from tests.tools.reference.public_api import LISTING, listing

PAGES: Final[Mapping[Path, Callable[[], str]]] = {
    API_VERSIONS: api_versions_page,
    CALLS: calls_page,
    **command_line_pages(),
    ERRORS: errors_page,
    GUIDE: github_actions_guide,
    LISTING: listing,
    SCHEMA: definition_schema,
}
"""What derives the text of each page."""


def derive_all() -> dict[Path, str]:
    """Return the text of each page by its path."""
    return {path: derive() for path, derive in PAGES.items()}


def differences() -> dict[Path, str]:
    """Return a diff of each page that is missing or outdated."""
    return outdated(derive_all(), filter(Path.exists, PAGES))


def write() -> None:
    """Write the pages."""
    write_derived(derive_all(), ())
