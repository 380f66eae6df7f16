"""Pages of a list."""

from __future__ import annotations

from itertools import islice
from typing import Any, Final

from fibonacci.testing.contract.check import Checks, require, require_equal
from fibonacci.testing.contract.server import Server

CHECKS: Final = Checks()


@CHECKS.choice("GET /workflows", "`data` is a list, or an object with one list: items, results or workflows")
def _where_items_are(server: Server) -> None:
    data: Any = server.raw("GET", "/workflows", query={"limit": 5}).json["data"]
    places: list[Any] = [data] if type(data) is list else [data.get(name) for name in ("items", "results", "workflows")]
    require_equal(sum(isinstance(place, list) for place in places), 1, "the number of lists")


@CHECKS.choice("GET /workflows", "`limit` is the size of a page", changes=True)
def _limit(server: Server) -> None:
    server.create_workflow()
    server.create_workflow()
    require_equal(len(next(iter(server.client.workflows.list(limit=1).pages()))), 1, "the size of the first page")


@CHECKS.choice(
    "GET /workflows", "`next_cursor`, given as `cursor`, brings the next page: each item comes once", changes=True
)
def _cursor(server: Server) -> None:
    made = {server.create_workflow().id for _ in range(3)}
    found = [each.id for each in islice(server.client.workflows.list(limit=2), 1000)]
    require_equal(len(found), len(set(found)), "the number of items")
    require(made <= set(found), "a workflow is on no page")
