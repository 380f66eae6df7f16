"""The table on the page of calls: those of the OpenAPI document, and those that are no endpoint of their own."""

from __future__ import annotations

import re
from typing import Final

from tests.contract.document import operations
from tests.endpoints.table import NOT_ENDPOINTS
from tests.tools.markdown import ROOT
from tests.tools.reference.tables import code, table

CALLS: Final = ROOT / "docs" / "reference" / "calls.md"
_TABLE: Final = re.compile(r"^\| Group \|.+?\n(?=\n)", re.MULTILINE | re.DOTALL)


def calls_page() -> str:
    """Return the page: what is written by hand, with the table."""
    groups: dict[str, list[str]] = {}
    for call in (*(operation.id for operation in operations()), *filter(re.compile(r"\.").search, NOT_ENDPOINTS)):
        group, _, name = call.rpartition(".")
        groups.setdefault(group, []).append(code(name))
    rows = [[code(f"client.{group}"), " ".join(names)] for group, names in groups.items()]
    rows.append(["`client`", "`request`, for any other path"])
    return _TABLE.sub(lambda _: f"{table(['Group', 'Calls'], rows)}\n", CALLS.read_text("utf-8"))
