from __future__ import annotations

import re

from tests.emulator.api import Api
from tests.kit.assertions import each_row
from tests.kit.nodes import llm

NEVER = "/workflows/wf-none"


def test_create_and_get(api: Api) -> None:
    definition = {"nodes": [llm("a")], "labels": ["kept"]}
    created = api("POST", "/workflows", {"name": "triage", "description": "d", "definition": definition})
    assert created.status == 201
    assert re.fullmatch(r"wf-[0-9a-f]{6,}", created.data["id"])
    assert created.data == {
        "id": created.data["id"],
        "name": "triage",
        "description": "d",
        "definition": definition,
        "version": 1,
        "organization_id": "default",
        "status": "active",
        "created_at": "2027-01-15T08:00:00.500Z",
        "updated_at": "2027-01-15T08:00:00.500Z",
    }
    assert api("GET", f"/workflows/{created.data['id']}").data == created.data
    assert api("GET", "/workflows").data == [created.data]


def test_a_definition_with_warnings_is_accepted(api: Api) -> None:
    definition = {"nodes": [llm("a", temprature=1)], "labels": ["x"]}
    created = api("POST", "/workflows", {"name": "x", "definition": definition})
    assert created.status == 201
    assert created.data["definition"] == definition
    refused = api("POST", "/workflows", {"name": "x", "definition": definition | {"name": 5}})
    assert refused.fields == ["definition.name"]


def test_an_invalid_definition_is_refused_with_all_faults(api: Api) -> None:
    definition = {"nodes": [llm("a", "{{b}}"), llm("a", dependencies=["c"])]}
    for method, path in (("POST", "/workflows"), ("PUT", f"/workflows/{api.workflow()}")):
        response = api(method, path, {"name": "x", "definition": definition})
        assert response.status == 422
        assert response.fields == [
            "definition.nodes[0].instruction",
            "definition.nodes[1].id",
            "definition.nodes[1].dependencies[0]",
        ]
        assert "(duplicate_id)" in response.json["error"]["details"][1]["message"]
    assert [workflow["version"] for workflow in api("GET", "/workflows").data] == [1]


def test_update_changes_the_given_fields(api: Api) -> None:
    path = f"/workflows/{api.workflow(llm('a'))}"
    api.clock.time += 5
    changed = api("PUT", path, {"description": "new"}).data
    assert (changed["name"], changed["description"], changed["version"]) == ("test", "new", 2)
    assert changed["definition"] == {"nodes": [llm("a")]}
    assert changed["updated_at"] > changed["created_at"]
    cleared = api("PUT", path, {"definition": None, "description": None, "name": "n"}).data
    assert (cleared["name"], cleared["description"], cleared["definition"], cleared["version"]) == ("n", None, None, 3)
    assert api("PUT", path, {}).data == cleared
    assert api("GET", path).data == cleared


def test_delete_removes_versions_and_registry_and_keeps_executions(api: Api) -> None:
    workflow = api.workflow()
    path = f"/workflows/{workflow}"
    execution = api("POST", f"{path}/execute", {}).data["execution_id"]
    api("POST", f"/workflow-registry/{workflow}/approve-template")
    response = api("DELETE", path)
    assert (response.status, response.body) == (204, b"")
    for method, gone in (("GET", path), ("GET", f"{path}/versions"), ("DELETE", path), ("POST", f"{path}/execute")):
        assert api(method, gone, {}).status == 404
    assert api("GET", "/workflows").data == []
    assert api("GET", "/workflow-registry").data == []
    assert api("GET", f"/executions/{execution}").status == 200


@each_row(
    ("method", "path"),
    [
        ("GET", NEVER),
        ("PUT", NEVER),
        ("DELETE", NEVER),
        ("POST", f"{NEVER}/execute"),
        ("GET", f"{NEVER}/versions"),
        ("GET", f"{NEVER}/versions/1"),
        ("POST", f"{NEVER}/versions/1/rollback"),
        ("POST", "/workflow-registry/wf-none/approve-template"),
        ("POST", "/workflow-registry/wf-none/deprecate"),
        ("POST", "/workflow-registry/wf-none/archive"),
    ],
)
def test_an_unknown_workflow_is_named(api: Api, method: str, path: str) -> None:
    response = api(method, path, {})
    assert (response.status, response.code) == (404, "not_found")
    assert "'wf-none'" in response.json["error"]["message"]


def test_versions_and_rollback(api: Api) -> None:
    workflow = api.workflow(llm("a"))
    path = f"/workflows/{workflow}"
    api("PUT", path, {"name": "second", "definition": {"nodes": [llm("b")]}})
    newest, oldest = api("GET", f"{path}/versions").data
    assert (newest["version"], newest["name"], newest["workflow_id"]) == (2, "second", workflow)
    assert api("GET", f"{path}/versions/1").data == oldest

    new = api("POST", f"{path}/versions/1/rollback")
    assert new.status == 200
    assert (new.data["version"], new.data["name"], new.data["rolled_back_from"]) == (3, "test", 1)
    assert new.data["definition"] == oldest["definition"]
    current = api("GET", path).data
    assert (current["version"], current["name"], current["definition"]) == (3, "test", oldest["definition"])
    assert [version["version"] for version in api("GET", f"{path}/versions").data] == [3, 2, 1]


@each_row("version", ["2", "0", "01", "one", "-1", "1.0", "%D9%A1"])
def test_an_unknown_version_is_404(api: Api, version: str) -> None:
    path = f"/workflows/{api.workflow()}/versions/{version}"
    assert api("GET", path).status == 404
    assert api("POST", f"{path}/rollback").status == 404


def test_the_registry(api: Api) -> None:
    one, two = api.workflow(), api.workflow()
    assert api("GET", "/workflow-registry").data == []
    entry = api("POST", f"/workflow-registry/{one}/approve-template").data
    assert (entry["workflow_id"], entry["name"], entry["status"]) == (one, "test", "approved")
    api.clock.time += 5
    api("POST", f"/workflow-registry/{two}/approve-template")
    assert api("POST", f"/workflow-registry/{two}/deprecate").data["status"] == "deprecated"
    archived = api("POST", f"/workflow-registry/{one}/archive").data
    assert (archived["status"], archived["created_at"]) == ("archived", entry["created_at"])
    assert archived["updated_at"] > entry["updated_at"]
    for query, expected in (("", [two]), ("?include_archived=false", [two]), ("?include_archived=true", [one, two])):
        listed = api("GET", f"/workflow-registry{query}").data
        assert [entry["workflow_id"] for entry in listed] == expected
    assert api("GET", "/workflow-registry?include_archived=1").fields == ["include_archived"]


def test_the_transitions_of_the_registry_and_their_audit(api: Api) -> None:
    workflow = api.workflow()
    done: list[tuple[str, int]] = []
    for step in ("deprecate", "archive", "approve-template", "approve-template", "deprecate", "approve-template",
                 "deprecate", "archive", "archive", "approve-template", "deprecate"):  # fmt: skip
        response = api("POST", f"/workflow-registry/{workflow}/{step}")
        done.append((step, response.status))
        if response.status == 409:
            assert (response.code, response.fields) == ("conflict", ["status"])
    assert [step for step, status in done if status == 200] == ["approve-template", "deprecate", "archive"]
    entries = api("GET", "/organizations/default/governance/audit").data
    assert [(entry["action"], entry["changes"]["status"]) for entry in reversed(entries)] == [
        ("registry.approved", {"from": None, "to": "approved"}),
        ("registry.deprecated", {"from": "approved", "to": "deprecated"}),
        ("registry.archived", {"from": "deprecated", "to": "archived"}),
    ]
    assert {entry["target"] for entry in entries} == {f"workflow-registry/{workflow}"}


def test_an_approved_template_can_be_archived_at_once(api: Api) -> None:
    workflow = api.workflow()
    api("POST", f"/workflow-registry/{workflow}/approve-template")
    assert api("POST", f"/workflow-registry/{workflow}/archive").status == 200


def test_a_boolean_is_refused_with_the_value_that_it_wants(api: Api) -> None:
    for value in ("1", "True", ""):
        response = api("GET", f"/workflow-registry?include_archived={value}")
        assert (response.status, response.fields) == (422, ["include_archived"])
        assert f"must be true or false, not {value!r}" in response.json["error"]["message"]
