"""The lives of objects, with generated values: created, read, changed, listed, deleted, and gone."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from fibonacci import NotFoundError
from tests.contract.suite.calls import first_tools, free_tool
from tests.contract.suite.check import (
    UNKNOWN,
    Checks,
    newest_entry,
    require,
    require_among,
    require_equal,
    require_field,
    require_refusal,
    require_type,
)
from tests.contract.suite.checks.paging import find_item, pages
from tests.contract.suite.server import CHEAP, Disagreement, RawResponse, Server, Skipped
from tests.contract.suite.values import BODIES

CHECKS: Final = Checks("lives")

Fields = Mapping[str, Any]

_TICK: Final = 1.1
"""Seconds after which a time is later, also where times are whole seconds."""


def data_of(response: RawResponse, *statuses: int) -> dict[str, Any]:
    """Return the object of a response.

    Args:
        response: The response.
        statuses: Those that it may have. 200 by default.
    """
    require_among(response.status, statuses or (200,), "the status")
    data: Any = response.json["data"]
    require_type(data, dict, "data")
    return dict(data)


def time_of(fields: Fields, name: str) -> datetime:
    """Return a time of an object.

    Args:
        fields: The object.
        name: The field.
    """
    require_type(fields.get(name), str, name)
    time = datetime.fromisoformat(fields[name])
    require(time.tzinfo is not None, f"{name} is {fields[name]!r}, without a time zone")
    return time


def require_new(made: Fields, sent: Fields, what: str) -> None:
    """Raise `Disagreement` unless a new object has what was sent, and its times.

    Args:
        made: The object.
        sent: What was sent.
        what: Its name, for the message.
    """
    require_equal({name: made.get(name) for name in sent}, dict(sent), what)
    require(time_of(made, "created_at") <= time_of(made, "updated_at"), f"{what} was changed before it was created")


def require_changed(changed: Fields, before: Fields, changes: Fields, what: str) -> None:
    """Raise `Disagreement` unless an object has some changes, a later `updated_at`, and else what it had before.

    Args:
        changed: The object.
        before: The object before.
        changes: What was changed.
        what: Its name, for the message.
    """
    later = changed.get("updated_at")
    require_equal(dict(changed), {**before, **changes, "updated_at": later}, what)
    require(time_of(changed, "updated_at") > time_of(before, "updated_at"), f"updated_at of {what} stays {later}")


def require_listed(item: Fields, alone: Fields, *left_out: str) -> None:
    """Raise `Disagreement` unless an item of a list is as it is alone.

    Args:
        item: The item.
        alone: The object.
        left_out: The fields that lists may leave out.
    """
    expected = {name: value for name, value in alone.items() if name in item or name not in left_out}
    require_equal(dict(item), expected, "the item of the list")


def require_gone(server: Server, *calls: tuple[str, str, Any]) -> None:
    """Raise `Disagreement` unless calls are refused with 404.

    Args:
        server: The server.
        calls: The method, the path and the body of each.
    """
    for method, path, body in calls:
        require_refusal(server.raw(method, path, json_body=body), 404)


@CHECKS.choice(
    "DELETE /workflows/{workflow_id}",
    "A workflow is as it was created, and then as it was changed, both alone and in the list. After its deletion, "
    "it and its versions are gone, but its runs remain",
    changes=True,
)
def _workflow(server: Server) -> None:
    sent = {"name": server.values.text(), "description": server.values.text(), "definition": _described(server)}
    made = data_of(server.raw("POST", "/workflows", json_body=sent), 200, 201)
    path = f"/workflows/{made['id']}"
    server.add_cleanup(server.client.workflows.delete, made["id"])
    require_new(made, sent, "the new workflow")
    require_type(made.get("status"), str, "status")
    require_equal(made.get("organization_id"), server.organization_id, "organization_id")
    require_equal(data_of(server.raw("GET", path)), made, "the workflow that is read")
    first = made["version"]
    numbers = [first]
    for change in (
        {"name": server.values.text()},
        {"description": server.values.text()},
        {"definition": {**CHEAP, "description": server.values.text()}},
        {"name": server.values.text(), "description": None, "definition": _described(server)},
    ):
        server.sleep(_TICK)
        changed = data_of(server.raw("PUT", path, json_body=change))
        require(changed.get("version") != made.get("version"), f"the version stays {made.get('version')}")
        require_changed(changed, made, {**change, "version": changed.get("version")}, "the changed workflow")
        version = data_of(server.raw("GET", f"{path}/versions/{changed['version']}"))
        for name in ("version", "name", "description", "definition"):
            require_equal(version.get(name), changed.get(name), f"{name} of the new version")
        require_equal(version.get("workflow_id"), made["id"], "workflow_id of the new version")
        require_equal(version.get("created_at"), changed["updated_at"], "created_at of the new version")
        require_listed(find_item(server, f"{path}/versions", version=changed["version"]), version, "definition")
        numbers.insert(0, changed["version"])
        made = changed
    require_equal(data_of(server.raw("GET", path)), made, "the changed workflow that is read")
    require_listed(find_item(server, "/workflows", id=made["id"]), made, "definition")
    server.sleep(_TICK)
    require_equal(data_of(server.raw("PUT", path, json_body={})), made, "the workflow after an empty change")
    for method, rest in (("GET", ""), ("POST", "/rollback")):
        require_field(require_refusal(server.raw(method, f"{path}/versions/4000000{rest}"), 404), "version")
    back = data_of(server.raw("POST", f"{path}/versions/{first}/rollback"), 200, 201)
    listed = [version["version"] for version in pages(server, f"{path}/versions")]
    require_equal(listed, [back["version"], *numbers], "the versions, the newest first")
    require_equal({name: back.get(name) for name in sent}, sent, "the version that was rolled back to")
    again = data_of(server.raw("GET", path))
    require_changed(again, made, {**sent, "version": back["version"]}, "the workflow that was rolled back")
    run = server.client.workflows.run(made["id"], inputs={"word": "yes"}, timeout=180)
    server.client.registry.approve_template(made["id"])
    other = server.create_workflow(definition=CHEAP)
    require_equal(server.raw("DELETE", path).status, 204, "the status of the deletion")
    require(pages(server, f"/workflows/{other.id}/versions"), "the versions of another workflow are gone, too")
    calls: list[tuple[str, str, Any]] = [
        *(("GET", path, None), ("PUT", path, {"name": "Changed"}), ("DELETE", path, None)),
        *(("POST", f"{path}/execute", {}), ("GET", f"{path}/versions", None)),
        *(("GET", f"{path}/versions/{first}", None), ("POST", f"{path}/versions/{first}/rollback", None)),
    ]
    require_gone(server, *calls)
    registry = [entry.workflow_id for entry in server.client.registry.list(include_archived=True)]
    require(made["id"] not in registry, "the deleted workflow is in the registry")
    require(made["id"] not in [item.id for item in server.client.workflows.list()], "the deleted workflow is listed")
    require_equal(data_of(server.raw("GET", f"/executions/{run.id}"))["status"], "completed", "the status of its run")
    left = [item.id for item in server.client.executions.list(workflow_id=made["id"])]
    require_equal(left, [run.id], "the executions of the deleted workflow")


def _described(server: Server) -> dict[str, Any]:
    return {**CHEAP, "name": server.values.text(), "description": server.values.text()}


@CHECKS.choice(
    "GET /memory/{key}",
    "A value of any JSON, under a key in any case, is read unchanged: numbers, emoji, long lists",
    changes=True,
)
def _memory_values(server: Server) -> None:
    key = server.values.key()
    path = f"/memory/{quote(key, safe='')}"
    server.add_cleanup(server.client.memory.delete, key)
    for value in (server.values.json(), server.values.text(), 2**53 + 1, 1, 0.1):
        written = data_of(server.raw("PUT", path, json_body={"value": value}))
        require_equal((written.get("key"), written["value"]), (key, value), "key and value in the response")
        require_equal(data_of(server.raw("GET", path)), written, "what is read")
    require_gone(server, ("GET", f"/memory/{quote(key.swapcase(), safe='')}", None))


@CHECKS.choice(
    "DELETE /memory/{key}",
    "In each scope, a value is as it was set, with its owner and its times. It keeps created_at when it is set "
    "again, and is gone when it is deleted",
    changes=True,
)
def _memory(server: Server) -> None:
    workflow = server.create_workflow().id
    for place in (
        {},
        {"scope": "workflow", "workflow_id": workflow},
        {"scope": "user", "user_id": server.values.text()},
        {"scope": "organization"},
        {"scope": "global"},
    ):
        key = server.values.key()
        path = f"/memory/{quote(key, safe='')}"
        require_gone(server, ("DELETE", path, None))
        owners = {"scope": "workflow", "user_id": None, "workflow_id": None, **place}
        server.add_cleanup(server.client.memory.delete, key, **place)
        before: dict[str, Any] = {}
        for ttl in (600, None):
            sent = {"value": server.values.json(), **place, "ttl": ttl}
            entry = data_of(server.raw("PUT", path, json_body=sent))
            require_new(entry, {"key": key, **sent, **owners}, "the entry")
            if ttl is not None:
                seconds = (time_of(entry, "expires_at") - time_of(entry, "updated_at")).total_seconds()
                require(math.isclose(seconds, ttl, abs_tol=1), f"expires_at is after {seconds} seconds, not {ttl}")
            else:
                require_equal(entry.get("expires_at"), None, "expires_at")
                later = {"value": sent["value"], "ttl": None, "expires_at": None}
                require_changed(entry, before, later, "the entry that was set again")
            for query in (place, {"scope": "workflow", **place}):
                require_equal(data_of(server.raw("GET", path, query=query)), entry, "the entry that is read")
            before = entry
            server.sleep(_TICK)
        require_equal(server.raw("DELETE", path, query=place).status, 204, "the status of the deletion")
        for method in ("GET", "DELETE"):
            require_refusal(server.raw(method, path, query=place), 404)


@CHECKS.choice(
    "PUT /memory/{key}",
    "A value that has expired is gone. Setting it creates a new one: created_at is the new time",
    changes=True,
)
def _expired(server: Server) -> None:
    path = f"/memory/{server.memory_key('expired')}"
    for ttl in (1, 600):
        require_gone(server, ("GET", path, None))
        entry = data_of(server.raw("PUT", path, json_body={"value": ttl, "ttl": ttl}))
        require_equal(entry.get("created_at"), entry.get("updated_at"), "created_at")
        server.sleep(1.5)


@CHECKS.documented(
    "DELETE /memory/{key}",
    "Each scope, user and workflow has its own value. Deleting one keeps the others",
    changes=True,
)
def _memory_apart(server: Server) -> None:
    places: list[dict[str, Any]] = [
        {},
        {"scope": "user", "user_id": "contract-suite-1"},
        {"scope": "user", "user_id": "contract-suite-2"},
        {"workflow_id": server.create_workflow().id},
        {"workflow_id": server.create_workflow().id},
        {"scope": "organization"},
        {"scope": "global"},
    ]
    for number, place in enumerate(places):
        server.client.memory.set(server.memory_key("apart", **place), number, **place)
    for number, place in enumerate(places):
        require_equal(server.client.memory.get("contract-suite-apart", **place).value, number, f"the value of {place}")
        server.client.memory.delete("contract-suite-apart", **place)
        try:
            server.client.memory.get("contract-suite-apart", **place)
        except NotFoundError:
            continue
        raise Disagreement(f"the deleted value of {place} can be read")


@CHECKS.choice(
    "GET /memory/{key}",
    "An unknown scope, and a user's value without a user, are refused with 422. The values of an unknown workflow "
    "are refused with 404",
    changes=True,
)
def _memory_places(server: Server) -> None:
    path = f"/memory/{UNKNOWN}"
    places: list[tuple[dict[str, str], int]] = [
        *(({"scope": "planet"}, 422), ({"scope": "user"}, 422), ({"scope": "user", "user_id": ""}, 422)),
        ({"workflow_id": UNKNOWN}, 404),
    ]
    for place, status in places:
        for method, body, query in (("PUT", {"value": 1, **place}, {}), ("GET", None, place), ("DELETE", None, place)):
            error = require_refusal(server.raw(method, path, json_body=body, query=query), status)
            if status == 404:
                require_field(error, "workflow_id")


@CHECKS.choice(
    "GET /executions", "The list has the inputs of each run. For large inputs, it may need include=inputs",
    changes=True,
)  # fmt: skip
def _large_inputs(server: Server) -> None:
    inputs = {"word": "yes", "text": server.values.text() * 10_000}
    workflow_id = server.create_workflow(definition=CHEAP).id
    data_of(server.raw("POST", f"/workflows/{workflow_id}/execute", json_body={"inputs": inputs}))
    for query in ({}, {"include": "inputs"}):
        item = find_item(server, "/executions", {"workflow_id": workflow_id, **query}, workflow_id=workflow_id)
        if query or "inputs" in item:
            require_equal(item.get("inputs"), inputs, f"inputs in the list with {query or 'no further parameter'}")


@CHECKS.choice(
    "POST /tools/{tool_name}/connect",
    "The response has the name of the tool and a status. If a tool says whether it is connected, it then says that "
    "it is",
    changes=True,
)
def _connection(server: Server) -> None:
    (tool,) = first_tools(server)
    response = server.raw("POST", f"/tools/{tool}/connect", json_body={})
    if response.status in (400, 422):
        raise Skipped(f"the tool {tool} needs parameters")
    connection = data_of(response, 200, 201)
    require_equal(connection.get("name"), tool, "name")
    require_type(connection.get("status"), str, "status")
    alone = data_of(server.raw("GET", f"/tools/{tool}"))
    require_equal(alone.get("connected", True), True, "connected")
    require_listed(find_item(server, "/tools", name=tool), alone)


@CHECKS.choice(
    "DELETE /organizations/{organization_id}/tool-policies/{tool_name}",
    "A policy is as it was created, and then as it was changed, by either spelling of its tool. Each change makes "
    "an entry in the audit log. A second policy is refused with 409. After its deletion, the policy is gone",
    changes=True,
)
def _policy(server: Server) -> None:
    policies, tool = server.path("tool-policies"), free_tool(server)
    path, dotted = f"{policies}/{tool}", tool.replace("_", ".", 1)
    properties = BODIES["POST /organizations/{organization_id}/tool-policies"]
    sent = {name: server.values.valid(properties[name]) for name in ("enabled", "allowed_roles")}
    made = data_of(server.raw("POST", policies, json_body={"tool_name": tool, **sent}), 200, 201)
    require_new(made, {"tool_name": tool, **sent}, "the new policy")
    require_field(require_refusal(server.raw("POST", policies, json_body={"tool_name": dotted}), 409), "tool_name")
    entries = [newest_entry(server)]
    changes: list[dict[str, Any]] = [
        {"enabled": not sent["enabled"]},
        {"allowed_roles": ["viewer", "owner"]},
        {"enabled": sent["enabled"], "allowed_roles": []},
    ]
    for change in changes:
        server.sleep(_TICK)
        changed = data_of(server.raw("PATCH", f"{policies}/{dotted}", json_body=change))
        require_changed(changed, made, change, "the changed policy")
        entries.append(newest_entry(server))
        require_listed(find_item(server, policies, tool_name=tool), changed)
        made = changed
    server.sleep(_TICK)
    require_equal(data_of(server.raw("PATCH", path, json_body={})), made, "the policy after an empty change")
    require_equal(newest_entry(server), entries[-1], "the newest entry after an empty change")
    require_equal(server.raw("DELETE", f"{policies}/{dotted}").status, 204, "the status of the deletion")
    left = [policy["tool_name"] for policy in pages(server, policies)]
    require(tool not in left, "the deleted policy is in the list")
    entries.append(newest_entry(server))
    for before, after in itertools.pairwise(entries):
        require(before != after, f"a change made no entry: the newest is {after}")
    require_gone(server, ("PATCH", path, {"enabled": True}), ("DELETE", path, None))
    made = data_of(server.raw("POST", policies, json_body={"tool_name": tool}), 200, 201)
    require_equal(made.get("enabled"), True, "enabled by default")
    require_equal(sorted(made.get("allowed_roles") or ()), ["admin", "member", "owner", "viewer"], "allowed_roles")


_STATUSES: Final[Mapping[str, tuple[str, Sequence[str]]]] = {
    "": ("", ("deprecate", "archive")),
    "approve-template": ("approved", ("approve-template",)),
    "deprecate": ("deprecated", ("approve-template", "deprecate")),
    "archive": ("archived", ("approve-template", "deprecate", "archive")),
}
"""The status after each action of the registry, and the actions that are then refused."""


@CHECKS.choice(
    "GET /workflow-registry",
    "An entry has the workflow's name and its times, both alone and in the list, which hides an archived one unless "
    "include_archived is true. A transition has a later time and makes an entry in the audit log. One that the status "
    "does not permit is refused with 409, and changes nothing",
    changes=True,
)
def _registry(server: Server) -> None:
    name = server.values.text()
    for actions in (("approve-template", "deprecate", "archive"), ("approve-template", "archive")):
        made = server.create_workflow(name)
        path, before = f"/workflow-registry/{made.id}", dict[str, Any]()
        for action in ("", *actions):
            status, refused = _STATUSES[action]
            if action:
                audited = newest_entry(server)
                entry = data_of(server.raw("POST", f"{path}/{action}"))
                require(newest_entry(server) != audited, f"{action} made no entry in the audit log")
                require_new(entry, {"workflow_id": made.id, "name": name, "status": status}, "the entry")
                if before:
                    require_changed(entry, before, {"status": status}, "the entry")
                before = entry
            for other in refused:
                require_field(require_refusal(server.raw("POST", f"{path}/{other}"), 409), "status")
            for text in ("true", "1", "True", "false"):
                query = {"include_archived": text}
                if text in ("1", "True") and server.raw("GET", "/workflow-registry", query=query).status == 422:
                    continue
                entries = pages(server, "/workflow-registry", query=query)
                listed = [item for item in entries if item["workflow_id"] == made.id]
                is_listed = bool(before) and (action != "archive" or text != "false")
                require_equal(len(listed), int(is_listed), f"how often it is listed with include_archived={text}")
                if listed:
                    require_listed(listed[0], before)
            server.sleep(_TICK)


@CHECKS.choice(
    "PATCH /organizations/{organization_id}/governance", "Flags of categories can have any name, and stay as they are",
    changes=True,
)  # fmt: skip
def _category_flags(server: Server) -> None:
    path, properties = server.path("governance"), BODIES["PATCH /organizations/{organization_id}/governance"]
    settings = server.raw("GET", path).json
    server.add_cleanup(server.raw, "PATCH", path, json_body={"category_flags": settings["category_flags"] or {}})
    given: list[dict[str, bool]] = [server.values.valid(properties["category_flags"]), {}]
    for flags in given:
        changed = server.raw("PATCH", path, json_body={"category_flags": flags}).json
        require_equal(changed["category_flags"], flags, "category_flags in the response")
        require_equal(server.raw("GET", path).json, changed, "the settings that are read")
