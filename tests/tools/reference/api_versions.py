"""The tables of all calls on the page of the two APIs, from the dialect and the OpenAPI document."""

from __future__ import annotations

import re
from typing import Final

from fibonacci._core.api_0_2 import CALLS, Missing, request_of
from fibonacci._core.request import Request
from fibonacci._core.urls import FilledPath, path
from tests.contract.document import Operation, operations
from tests.tools.markdown import ROOT
from tests.tools.reference.tables import code, plain, table

API_VERSIONS: Final = ROOT / "docs" / "reference" / "api-versions.md"
_HEADING: Final = "## All calls\n"


def api_versions_page() -> str:
    """Return the page: what is written by hand, and then the tables."""
    both: list[list[str]] = []
    documented: dict[str, list[str]] = {}  # the calls with the same remedy
    for operation in operations():
        endpoint = f"{operation.method} {operation.path}"
        entry = CALLS[endpoint]
        cells = [code(operation.id), code(endpoint)]
        if isinstance(entry, Missing):
            documented.setdefault(plain(entry.instead), []).append(cells[0])
        else:
            both.append([*cells, code(_endpoint_of_0_2(operation))])
    parts = [
        API_VERSIONS.read_text("utf-8").partition(_HEADING)[0] + _HEADING,
        "Both APIs have these calls. The client sends:\n",
        table(["Call", '`"v1"`', '`"0.2"`'], both),
        "\nOnly the documented API has these:\n",
        table(["Calls", 'Instead, with `"0.2"`'], ([", ".join(calls), text] for text, calls in documented.items())),
    ]
    return "\n".join(parts) + "\n"


def _endpoint_of_0_2(operation: Operation) -> str:
    names = dict.fromkeys(re.findall(r"\{(\w+)\}", operation.path), "x")
    # The runs of one workflow are all that can be listed there.
    documented = Request(operation.method, path(operation.path, **names), object, {"workflow_id": "x"}, {})
    request = request_of(documented)
    assert isinstance(request.path, FilledPath)
    return f"{request.method} {request.path.template}"
