"""Pages of lists, and their items."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fibonacci._core.decoding import next_params
from tests.contract.suite.calls import (
    NAMED,
    change_settings,
    ensure_overrides,
    first_tools,
    new_execution,
    new_policy,
    new_workflow,
)
from tests.contract.suite.check import Checks, items_of, named, require, require_equal, require_refusal
from tests.contract.suite.server import Disagreement, Server

Query = Mapping[str, str]

WHOLE: Final = 100
"""The page size for a whole list."""

CHECKS: Final = Checks("paging")


@dataclass(frozen=True, slots=True)
class ListEndpoint:
    """A list.

    Attributes:
        endpoint: The endpoint.
        fill: Creates at least two items. It returns the path of the list, and the IDs that the list must have.
        key: The field that identifies an item. Empty where none is documented.
        creates: Whether `fill` changes anything.
    """

    endpoint: str
    fill: Callable[[Server], tuple[str, list[Any]]]
    key: str
    creates: bool = True


def _workflows(server: Server) -> tuple[str, list[Any]]:
    return "/workflows", [new_workflow(server) for _ in range(3)]


def _executions(server: Server) -> tuple[str, list[Any]]:
    return "/executions", [new_execution(server) for _ in range(3)]


def _versions(server: Server) -> tuple[str, list[Any]]:
    workflow_id = new_workflow(server)
    numbers = [server.client.workflows.update(workflow_id, name=f"Step {step}").version for step in range(2)]
    return f"/workflows/{workflow_id}/versions", [number for number in numbers if number is not None]


def _registry(server: Server) -> tuple[str, list[Any]]:
    made = [new_workflow(server) for _ in range(3)]
    return "/workflow-registry", [
        server.client.registry.approve_template(workflow_id).workflow_id for workflow_id in made
    ]


def _audit(server: Server) -> tuple[str, list[Any]]:
    change_settings(server, times=3)
    return server.path("governance/audit"), []


def _policies(server: Server) -> tuple[str, list[Any]]:
    return server.path("tool-policies"), [new_policy(server) for _ in range(3)]


def _overrides(server: Server) -> tuple[str, list[Any]]:
    return server.path("role-policy-overrides"), [("owner", tool) for tool in ensure_overrides(server)]


def _tools(server: Server) -> tuple[str, list[Any]]:
    return "/tools", list(first_tools(server, 2))


LISTS: Final = [
    ListEndpoint("GET /workflows", _workflows, "id"),
    ListEndpoint("GET /executions", _executions, "execution_id"),
    ListEndpoint("GET /workflows/{id}/versions", _versions, "version"),
    ListEndpoint("GET /workflow-registry", _registry, "workflow_id"),
    ListEndpoint("GET /organizations/{organization_id}/governance/audit", _audit, ""),
    ListEndpoint("GET /organizations/{organization_id}/tool-policies", _policies, "tool_name"),
    ListEndpoint("GET /organizations/{organization_id}/role-policy-overrides", _overrides, "tool_name"),
    ListEndpoint("GET /tools", _tools, "name", creates=False),
]


def _page(server: Server, path: str, query: Query) -> tuple[list[Any], Query | None]:
    """Return the items of a page, and what to send for the next one, or None on the last."""
    response = server.raw("GET", path, query=query)
    require_equal(response.status, 200, f"the status of the page {dict(query)}")
    items: list[Any] = items_of(response)
    meta: dict[str, Any] = response.json.get("meta") or {}
    following = next_params(meta, response.headers.get("link", ""), server.wire.exchanges[-1].request.url)
    return items, None if following is None else {**query, **{name: str(value) for name, value in following.items()}}


def _pages(server: Server, path: str, limit: int, most: int, query: Query | None = None) -> list[list[Any]]:
    """Return the pages of a list, up to a maximum."""
    pages: list[list[Any]] = []
    queries: list[Query] = [{**(query or {}), "limit": str(limit)}]
    while len(pages) < most:
        items, following = _page(server, path, queries[-1])
        pages.append(items)
        if following is None:
            break
        require(following not in queries, f"a page leads back to an earlier one: {dict(following)}")
        queries.append(following)
    return pages


def _limit_check(listed: ListEndpoint) -> Callable[[Server], None]:
    def limit(server: Server) -> None:
        path, _ = listed.fill(server)
        items, following = _page(server, path, {"limit": "1"})
        require_equal(len(items), 1, "the number of items on the first page")
        require(following, "the first page names no second one, although the list has more than one item")

    return named(limit, listed.endpoint)


def _cursor_check(listed: ListEndpoint) -> Callable[[Server], None]:
    def cursor(server: Server) -> None:
        path, made = listed.fill(server)
        pages = _pages(server, path, limit=2, most=3)
        whole = [item for page in _pages(server, path, WHOLE, most=WHOLE) for item in page]
        items = [item for page in pages for item in page]
        require_equal(items, whole[: len(items)], "the content of the first pages of 2")
        require(len(items) >= min(len(whole), 2 * len(pages)), f"{len(pages)} pages of 2 hold {len(items)} items")
        ids = [_identity(item, listed.key) for item in whole]
        require_equal(len(set(map(repr, ids))), len(ids), "the number of different items")
        missing = [identity for identity in made if identity not in ids]
        require(not missing, f"the list lacks {missing}, which exists")

    return named(cursor, listed.endpoint)


def _identity(item: Mapping[str, Any], key: str) -> object:
    if key == "tool_name" and "role" in item:
        return item["role"], item.get(key)
    return item.get(key) if key else repr(item)


for _each in LISTS:
    CHECKS.choice(
        _each.endpoint,
        "`limit` is the size of a page, and every page but the last names the next",
        changes=_each.creates,
    )(_limit_check(_each))
    CHECKS.choice(
        _each.endpoint,
        "The pages have each item exactly once",
        changes=_each.creates,
    )(_cursor_check(_each))


def _require_as_read(item: Mapping[str, Any], alone: Mapping[str, Any], names: tuple[str, ...]) -> None:
    for name in names:
        require_equal(item.get(name), alone.get(name), f"{name} in the list")


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
    for page in _pages(server, path, WHOLE, most=WHOLE, query=query):
        item: dict[str, Any]
        for item in page:
            if all(item.get(name) == value for name, value in fields.items()):
                return item
    raise Disagreement(f"no item of the list has {fields}")


@CHECKS.choice("GET /workflows", "`data` is a list, or an object with one list: items, results or workflows")
def _where_items_are(server: Server) -> None:
    data: Any = server.raw("GET", "/workflows", query={"limit": 5}).json["data"]
    places: list[Any] = [data] if type(data) is list else [data.get(name) for name in ("items", "results", "workflows")]
    require_equal(sum(isinstance(place, list) for place in places), 1, "the number of lists")


@CHECKS.choice("GET /workflows", "A workflow in the list matches the single one: name, description", changes=True)
def _workflow_as_read(server: Server) -> None:
    made = new_workflow(server)
    item = find_item(server, "/workflows", id=made)
    _require_as_read(item, server.raw("GET", f"/workflows/{made}").json["data"], ("name", "description"))
    require_equal(item.get("definition", NAMED["definition"]), NAMED["definition"], "definition in the list")


@CHECKS.choice(
    "GET /executions",
    "An execution in the list matches the single one: workflow_id, status, outputs, duration, numbers of nodes",
    changes=True,
)
def _execution_as_read(server: Server) -> None:
    made = new_execution(server)
    alone = server.raw("GET", f"/executions/{made}").json["data"]
    names = "workflow_id", "status", "outputs", "duration_ms", "nodes_executed", "nodes_failed"
    _require_as_read(find_item(server, "/executions", execution_id=made), alone, names)


@CHECKS.choice(
    "GET /workflows/{id}/versions", "A version in the list matches the single one: name, description", changes=True
)
def _version_as_read(server: Server) -> None:
    path, (number, *_) = _versions(server)
    item = find_item(server, path, version=number)
    alone = server.raw("GET", f"{path}/{number}").json["data"]
    _require_as_read(item, alone, ("name", "description"))
    require_equal(item.get("definition", alone.get("definition")), alone.get("definition"), "definition in the list")


@CHECKS.choice("GET /workflow-registry", "An entry in the list has the status that it was given", changes=True)
def _entry_as_given(server: Server) -> None:
    made = new_workflow(server)
    server.client.registry.approve_template(made)
    require_equal(find_item(server, "/workflow-registry", workflow_id=made).get("status"), "approved", "status")
    server.client.registry.deprecate(made)
    require_equal(find_item(server, "/workflow-registry", workflow_id=made).get("status"), "deprecated", "status")


@CHECKS.choice(
    "GET /organizations/{organization_id}/tool-policies",
    "A policy in the list is as it was last created or changed",
    changes=True,
)
def _policy_as_given(server: Server) -> None:
    tool, path = new_policy(server), server.path("tool-policies")
    item = find_item(server, path, tool_name=tool)
    require_equal((item.get("enabled"), item.get("allowed_roles")), (True, ["owner", "admin"]), "the policy")
    server.client.organizations.tool_policies.update(
        server.organization_id, tool, enabled=False, allowed_roles=["owner"]
    )
    item = find_item(server, path, tool_name=tool)
    require_equal((item.get("enabled"), item.get("allowed_roles")), (False, ["owner"]), "the policy")


@CHECKS.choice(
    "GET /organizations/{organization_id}/role-policy-overrides",
    "An override in the list is as it was created",
    changes=True,
)
def _override_as_given(server: Server) -> None:
    tool, *_ = ensure_overrides(server)
    item = find_item(server, server.path("role-policy-overrides"), role="owner", tool_name=tool)
    require_equal(item.get("enabled"), True, "enabled")


@CHECKS.choice("GET /tools", "A tool in the list matches the single one: description")
def _tool_as_read(server: Server) -> None:
    (name,) = first_tools(server)
    alone = server.raw("GET", f"/tools/{name}").json["data"]
    _require_as_read(find_item(server, "/tools", name=name), alone, ("description",))
    require(alone.get("description"), "the description is empty")


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
