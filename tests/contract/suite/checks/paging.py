"""Pages of lists, and their items."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from fibonacci._core.decoding import next_params
from tests.contract.suite.calls import LISTS, changes, new_workflow
from tests.contract.suite.check import CheckRun, Checks, items_of, named, require, require_equal, require_refusal
from tests.contract.suite.server import Disagreement, Server

Query = Mapping[str, str]

WHOLE: Final = 100
"""The page size for a whole list."""

CHECKS: Final = Checks("paging")


def _page(server: Server, path: str, query: Query) -> tuple[list[Any], Query | None]:
    """Return the items of a page, and what to send for the next one, or None on the last."""
    response = server.raw("GET", path, query=query)
    require_equal(response.status, 200, f"the status of the page {dict(query)}")
    items: list[Any] = items_of(response)
    meta: dict[str, Any] = response.json.get("meta") or {}
    following = next_params(meta)
    return items, None if following is None else {**query, **{name: str(value) for name, value in following.items()}}


def pages(server: Server, path: str, limit: int = WHOLE, most: int = WHOLE, query: Query | None = None) -> list[Any]:
    """Return the items of the first pages of a list.

    Args:
        server: The server.
        path: The path of the list.
        limit: The size of a page.
        most: How many pages at most.
        query: What to send besides the size.
    """
    found: list[Any] = []
    queries: list[Query] = [{**(query or {}), "limit": str(limit)}]
    for number in range(1, most + 1):
        items, following = _page(server, path, queries[-1])
        found += items
        if following is None:
            break
        require(len(found) >= number * limit, f"{number} pages of {limit} hold {len(found)} items")
        require(following not in queries, f"a page leads back to an earlier one: {dict(following)}")
        queries.append(following)
    return found


def _list_check(endpoint: str, key: str, fill: Callable[[Server], tuple[str, list[Any]]]) -> CheckRun:
    def pages_of(server: Server) -> None:
        path, made = fill(server)
        items, following = _page(server, path, {"limit": "1"})
        require_equal(len(items), 1, "the number of items on the first page")
        require(following, "the first page names no second one, although the list has more than one item")
        first, whole = pages(server, path, limit=2, most=3), pages(server, path)
        require(len(first) <= 6, f"3 pages of 2 hold {len(first)} items")
        require_equal(first, whole[: len(first)], "the content of the first pages of 2")
        ids = [_identity(item, key) for item in whole]
        require_equal(len(set(map(repr, ids))), len(ids), "the number of different items")
        missing = [identity for identity in made if identity not in ids]
        require(not missing, f"the list lacks {missing}, which exists")

    return named(pages_of, endpoint)


def _identity(item: Mapping[str, Any], key: str) -> object:
    if key == "tool_name" and "role" in item:
        return item["role"], item.get(key)
    return item.get(key) if key else repr(item)


for _endpoint, (_key, _fill) in LISTS.items():
    CHECKS.choice(
        _endpoint,
        "`limit` is the size of a page, every page but the last names the next, and they have each item exactly once",
        changes=changes(_endpoint),
    )(_list_check(_endpoint, _key, _fill))


def find_item(server: Server, path: str, query: Query | None = None, **fields: object) -> dict[str, Any]:
    """Return the item of a list that has some fields.

    Args:
        server: The server.
        path: The path of the list.
        query: What to send besides the size of a page.
        fields: The fields.

    Raises:
        Disagreement: When there is none.
    """
    for item in pages(server, path, query=query):
        if all(item.get(name) == value for name, value in fields.items()):
            return dict(item)
    raise Disagreement(f"no item of the list has {fields}")


@CHECKS.documented("GET /workflows", "A limit of 0, over 200 or that is not a number is refused with 422")
def _limits(server: Server) -> None:
    for path in ("/workflows", "/executions", "/tools", "/workflow-registry", server.path("governance/audit")):
        for limit in ("0", "-1", "201", "many", "1.5"):
            require_refusal(server.raw("GET", path, query={"limit": limit}), 422)
        require_equal(server.raw("GET", path, query={"limit": 200}).status, 200, f"the status of {path} with 200")


@CHECKS.choice(
    "GET /workflows", "A text that is not a cursor, or the cursor of another list, is refused with 422", changes=True
)
def _cursors(server: Server) -> None:
    for path in ("/workflows", "/executions", "/tools"):
        require_refusal(server.raw("GET", path, query={"cursor": "contract-suite"}), 422)
    first_of_two = [new_workflow(server) for _ in range(2)]
    cursor = server.raw("GET", "/workflows", query={"limit": 1}).json["meta"].get("next_cursor")
    require(cursor, f"no cursor leads from {first_of_two[0]} to {first_of_two[1]}")
    for path in ("/executions", "/tools", f"/workflows/{first_of_two[0]}/versions"):
        require_refusal(server.raw("GET", path, query={"cursor": cursor}), 422)
