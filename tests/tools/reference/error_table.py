"""The table on the page of the errors: which failure becomes which error, from the rules that choose and retry them."""

from __future__ import annotations

import re
from typing import Final

from tests.tools.markdown import ROOT
from tests.tools.reference.retried import failures
from tests.tools.reference.tables import code, table

ERRORS: Final = ROOT / "docs" / "reference" / "errors.md"
_TABLE: Final = re.compile(r"^\| What happened \|.+?\n(?=\n)", re.MULTILINE | re.DOTALL)


def errors_page() -> str:
    """Return the page: what is written by hand, with the table."""
    header = ["What happened", "Error", "GET, PUT, DELETE", "POST, PATCH"]
    rows = [[failure.what, code(failure.error), failure.get, failure.post] for failure in failures()]
    return _TABLE.sub(lambda _: f"{table(header, rows)}\n", ERRORS.read_text("utf-8"))
