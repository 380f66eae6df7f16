"""The API of fibonacci-sdk 0.2, by raw requests over a socket, beside the documented one of the same emulator."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

import pytest

from fibonacci.emulator import Emulator
from fibonacci.emulator.routes.api_0_2 import ENDPOINTS
from tests.kit.assertions import check_rows

ECHO = {"nodes": [{"id": "echo", "type": "llm", "instruction": "Say {{input.word}}"}]}
WAIT = {"nodes": [{"id": "pause", "type": "tool", "tool": "wait", "params": {"seconds": 90}}]}
UNKNOWN = {"total_cost": None, "node_results": None, "logs": None, "retry_count": 0, "total_tokens_used": None}


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    json: Any


class TwoAPIs:
    """Sends raw requests to both APIs of an emulator; a path that does not begin with a prefix is one of 0.2."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator.start()
        address = urlsplit(emulator.base_url)
        self._connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=60)

    def __call__(self, line: str, body: object = None, key: str | None = None, **headers: str) -> Answer:
        method, path = line.split(" ", 1)
        target = path if path.startswith(("/v1/", "/api/")) else f"/api/v1{path}"
        raw = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        given = {"Authorization": f"Bearer {self.emulator.api_key if key is None else key}"}
        given |= {} if raw is None else {"Content-Type": "application/json"}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        self._connection.request(method, target, raw, given)
        response = self._connection.getresponse()
        content = response.read()
        return Answer(response.status, dict(response.headers), json.loads(content) if content else None)

    def data(self, line: str, body: object = None, status: int = 200, key: str | None = None) -> Any:
        """Return the content of a response with this status; that of the documented API out of its envelope."""
        answer = self(line, body, key)
        assert answer.status == status, answer
        assert not [name for name in answer.headers if line.split(" ")[1][:4] != "/v1/" and "RateLimit" in name]
        return answer.json["data"] if answer.json is not None and " /v1/" in line else answer.json

    def close(self) -> None:
        self._connection.close()
        self.emulator.close()


@pytest.fixture
def serve() -> Iterator[Callable[..., TwoAPIs]]:
    servers: list[TwoAPIs] = []

    def serve(**options: Any) -> TwoAPIs:
        servers.append(TwoAPIs(Emulator(**options)))
        return servers[-1]

    yield serve
    for server in servers:
        server.close()


def test_workflows_and_their_runs_in_both_apis(serve: Callable[..., TwoAPIs]) -> None:
    server = serve(time="manual")
    clock = server.emulator.clock
    body = {"name": "Echo", "description": "", "definition": ECHO, "is_active": True, "is_template": False}
    made = server.data("POST /workflows", body, 201)
    workflow = f"/workflows/{made['id']}"
    documented = server.data(f"GET /v1{workflow}")
    times = {name: documented[name] for name in ("created_at", "updated_at")}
    runs = {"total_runs": 0, "successful_runs": 0, "failed_runs": 0, "avg_duration_seconds": None}
    assert made == {**body, "id": documented["id"], "version": 1, "organization_id": "default", **runs, **times}
    assert documented == {
        **{name: made[name] for name in ("id", "name", "description", "definition", "version", "organization_id")},
        **times,
        "status": "active",
    }

    clock.advance(5)
    changed = server.data(f"PATCH {workflow}", {"is_active": False, "is_template": True})
    assert changed == {**made, "is_active": False, "is_template": True, "updated_at": changed["updated_at"]}
    assert changed["updated_at"] > made["updated_at"]
    assert server.data(f"GET /v1{workflow}/versions")[0]["created_at"] == made["updated_at"]
    shown = server.data(f"GET /v1{workflow}")
    assert (shown["status"], shown["is_template"], shown["version"]) == ("inactive", True, 1)
    renamed = server.data(f"PATCH {workflow}", {"name": "Pause", "definition": WAIT, "is_template": False})
    assert (renamed["version"], renamed["is_active"], renamed["is_template"]) == (2, False, False)
    assert server.data(f"PATCH {workflow}", {}) == server.data(f"GET {workflow}") == renamed
    assert server.data(f"PUT /v1{workflow}", {"definition": ECHO})["version"] == 3
    assert server.data(f"GET {workflow}")["definition"] == ECHO

    run = server.data(f"POST {workflow}/execute", {"input_data": {"word": "hi"}, "secrets": None, "tags": []})
    execution = server.data(f"GET /v1/executions/{run['id']}")
    assert run == {
        **UNKNOWN,
        "id": execution["execution_id"],
        "workflow_id": made["id"],
        "status": "completed",
        "started_at": execution["created_at"],
        "completed_at": execution["completed_at"],
        "duration_seconds": execution["duration_ms"] / 1000,
        "input_data": {"word": "hi"},
        "output_data": execution["outputs"],
        "error_message": None,
        "nodes_executed": 1,
        "nodes_failed": 0,
    }
    assert server.data(f"GET /runs/{run['id']}") == run

    server.data(f"PATCH {workflow}", {"definition": WAIT})
    begun = server.data(f"POST /v1{workflow}/execute", {"inputs": {"n": 1}})
    running = server.data(f"GET /runs/{begun['execution_id']}")
    assert running["status"] == "running"
    assert (running["input_data"], running["completed_at"], running["duration_seconds"]) == ({"n": 1}, None, None)
    cancelled = server.data(f"POST {workflow}/execute", {})["id"]
    clock.advance(30)
    server.data(f"POST /v1/executions/{cancelled}/cancel")
    clock.advance(61)
    ended = server.data(f"GET /runs/{begun['execution_id']}")
    assert (ended["status"], ended["duration_seconds"]) == ("completed", 90.0)
    fields = ("id", "workflow_id", "status", "started_at", "completed_at", "duration_seconds", "total_cost")
    newest_first = [server.data(f"GET /runs/{found['execution_id']}") for found in server.data("GET /v1/executions")]
    listed = [{name: found[name] for name in fields} for found in newest_first]
    assert len(listed) == 3
    assert server.data(f"GET {workflow}/runs") == listed
    assert server.data(f"GET {workflow}/runs?skip=1&limit=1") == listed[1:2]
    assert server.data(f"GET {workflow}/runs?status_filter=cancelled") == [listed[0]]
    assert server.data(f"GET {workflow}/runs?status_filter=running&skip=0") == []
    statistics = server.data(f"GET {workflow}")
    assert [statistics[name] for name in runs] == [3, 2, 0, 40.0]

    server.emulator.client().organizations.governance.update("default", category_flags={"utility": True})
    held = server.data(f"POST {workflow}/execute", {"input_data": {}})
    assert (held["status"], held["output_data"], held["completed_at"]) == ("pending", {}, None)
    assert [found["id"] for found in server.data(f"GET {workflow}/runs?status_filter=pending")] == [held["id"]]
    assert server.data(f"GET /v1/executions/{held['id']}")["status"] == "pending_approval"
    assert server.data(f"DELETE {workflow}", status=204) is None
    assert server(f"GET /v1{workflow}").status == 404


def test_a_definition_of_0_2_is_kept_in_todays_words(serve: Callable[..., TwoAPIs]) -> None:
    server = serve(strict=True)
    more: dict[str, Any] = {"dependencies": ["say"]}
    gate = {"left_value": "{{find.tool}}", "right_value": "x", "true_branch": ["end"], "false_branch": []}
    nodes: list[dict[str, Any]] = [
        {"id": "say", "name": "Say", "type": "llm", "instruction": "Hi"},
        {
            "id": "find",
            "name": "Find",
            "type": "tool",
            "tool_name": "web_search",
            "tool_params": {"query": "x"},
            **more,
        },
        {"id": "judge", "name": "Judge", "type": "critic", "evaluation_criteria": ["tone"], **more},
        {"id": "gate", "name": "Gate", "type": "condition", "operator": "!=", **gate, **more},
        {"id": "end", "name": "End", "type": "llm", "instruction": "Bye", "dependencies": ["gate"]},
    ]
    edges = [{"from": "say", "to": to} for to in ("find", "judge", "gate")] + [{"from": "gate", "to": "end"}]
    sent = {"name": "x", "version": 1, "nodes": nodes, "edges": edges}
    made = server.data("POST /workflows", {"name": "x", "description": "", "definition": sent}, 201)
    _, find, judge, gate_now, _ = made["definition"]["nodes"]
    assert made["definition"].keys() == {"name", "version", "nodes"}
    assert (find["tool"], find["params"], judge["criteria"]) == ("web_search", {"query": "x"}, ["tone"])
    assert (judge["target_node"], gate_now["type"], gate_now["operator"]) == ("say", "conditional", "not_equals")
    workflow = f"/workflows/{made['id']}"
    assert server.data(f"GET /v1{workflow}")["definition"] == made["definition"]
    assert server.data(f"POST {workflow}/execute", {})["nodes_executed"] == 5
    assert server.data(f"PATCH {workflow}", {"definition": sent})["definition"] == made["definition"]
    nodes[3]["operator"] = ">="
    refused = server(f"PATCH {workflow}", {"definition": sent})
    assert (refused.status, refused.json["detail"][0]["loc"][-2:]) == (422, ["nodes[3]", "operator"])
    faulty: list[Any] = [{"nodes": [1], "edges": []}, {"nodes": 5, "edges": 1}, {"nodes": [{}], "edges": [[]]}]
    for malformed in faulty:
        assert server("POST /workflows", {"name": "x", "definition": malformed}).status == 422


def test_the_documentation_lists_what_is_served() -> None:
    page = (Path(__file__).parents[2] / "docs/reference/emulator-behavior.md").read_text("utf-8")
    listed = re.findall(r"^\| `([A-Z]+) (/\S+)` \|", page.partition("## The API of 0.2")[2], re.MULTILINE)
    served = [(each.method, each.path.removeprefix("/api/v1")) for each in ENDPOINTS]
    assert listed == served


def test_a_list_is_read_by_skip_to_its_end(serve: Callable[..., TwoAPIs]) -> None:
    server = serve()
    for number in range(16):
        server.data(
            "POST /workflows", {"name": f"w{number}", "is_active": number % 5 > 0, "is_template": number == 7}, 201
        )
    for number in range(16, 130):
        server.emulator.client().workflows.create(name=f"w{number}")
    pages = [server.data(f"GET /workflows?skip={skip}&limit=1000") for skip in (0, 100, 200)]
    assert [len(page) for page in pages] == [100, 30, 0]
    assert [found["name"] for page in pages for found in page] == [f"w{number}" for number in range(130)]
    assert len(server.data("GET /workflows")) == 100
    off = server.data("GET /workflows?is_active=false&skip=1&limit=3")
    assert [found["name"] for found in off] == ["w5", "w10", "w15"]
    assert [found["name"] for found in server.data("GET /workflows?is_active=true&is_template=true")] == ["w7"]


def test_memory_in_both_apis(serve: Callable[..., TwoAPIs]) -> None:
    server = serve(time="manual")
    ada = server.emulator.key("member", name="ada")
    workflow = server.data("POST /workflows", {"name": "x"}, 201)["id"]
    places: list[tuple[str, dict[str, str], str]] = [
        ("workflow", {}, ""),
        ("workflow", {"workflow_id": workflow}, f"&workflow_id={workflow}"),
        ("user", {}, "&user_id=ada"),
        ("user", {"user_id": "bob"}, "&user_id=bob"),
        ("organization", {"organization_id": "default"}, ""),
        ("global", {}, ""),
    ]
    for scope, ids, place in places:
        about = {"scope": scope, **ids}
        query = "&".join(f"{name}={value}" for name, value in about.items())
        body = {"key": "a/b", "value": {"of": place}, "description": "Colors", "tags": ["t", "u"], **about}
        entry = server.data("POST /memory", {**body, "expires_in_days": 1, "expires_in_hours": 1}, 201, ada)
        documented = server.data(f"GET /v1/memory/a%2Fb?scope={scope}{place}")
        assert documented["ttl"] == 25 * 3600
        owner = {
            "workflow_id": ids.get("workflow_id"),
            "user_id": "ada" if place == "&user_id=ada" else ids.get("user_id"),
        }
        times = {name: documented[name] for name in ("created_at", "updated_at", "expires_at")}
        assert entry == {**body, **owner, **times, "organization_id": "default"}
        assert {**entry, "ttl": documented["ttl"]} == {**documented, "organization_id": "default"}
        assert server.data(f"GET /memory/a%2Fb?{query}", key=ada) == entry
        assert server.data("POST /memory/list", {**about, "prefix": "a/", "tags": ["u"], "limit": 999}, key=ada) == [
            entry
        ]
        assert server.data("POST /memory/search", {**about, "query": "COLOR"}, key=ada) == [entry]
        for miss in ({"prefix": "b"}, {"tags": ["u", "v"]}):
            assert server.data("POST /memory/list", {**about, **miss}, key=ada) == []
        assert server.data("POST /memory/search", {**about, "query": "nothing"}, key=ada) == []
        server.data(f"DELETE /memory/a%2Fb?hard_delete=false&{query}", status=204, key=ada)
        assert server(f"GET /v1/memory/a%2Fb?scope={scope}{place}").status == 404
    server.data("PUT /v1/memory/k", {"value": ["Möwe"], "ttl": 60})
    (entry,) = server.data("POST /memory/search", {"query": "möwe"})
    assert (entry["description"], entry["tags"]) == (None, [])
    viewer = server.emulator.key("viewer")
    assert server.data("POST /memory/list", {}, key=viewer) == [entry]
    server.emulator.clock.advance(60)
    assert server.data("POST /memory/list", {}) == []


def test_tools_have_a_price_and_an_input_schema(serve: Callable[..., TwoAPIs]) -> None:
    server = serve()
    server.emulator.tool("my_tool")(lambda call: None)
    tools = server.data("GET /tools")
    added = [{**tool, "cost_per_use": 0.0, "input_schema": tool["parameters"]} for tool in server.data("GET /v1/tools")]
    assert tools == added
    assert server.data("GET /tools/my.tool") == tools[-1]
    web = [tool for tool in tools if tool["category"] == "web"]
    assert server.data("GET /tools?category=web") == web
    assert {"name": "web", "count": len(web), "tools": [tool["name"] for tool in web]} in server.data(
        "GET /tools/categories"
    )
    found = server.data(f"GET /tools/search/{quote('I need to search the web')}")
    assert found[0] == {**server.data("GET /tools/web_search"), "relevance": found[0]["relevance"]}
    relevance = [tool["relevance"] for tool in found]
    assert relevance == sorted(relevance, reverse=True)
    assert relevance[-1] > 0
    assert server.data("GET /tools/search/zz") == []


def test_each_error_has_the_form_of_0_2(serve: Callable[..., TwoAPIs]) -> None:
    server = serve(secrets={"TOKEN": "s3cret"})
    workflow = server.data("POST /workflows", {"name": "x", "definition": ECHO}, 201)["id"]
    viewer = server.emulator.key("viewer")
    large = b'{"name": "' + b"x" * 10 * 1024 * 1024 + b'"}'

    def check(row: tuple[str, dict[str, Any], int, Any]) -> None:
        line, options, status, expected = row
        answer = server(line, **options)
        assert answer.status == status, answer
        assert answer.json.keys() == {"detail"}
        assert not [name for name in answer.headers if "RateLimit" in name]
        detail = answer.json["detail"]
        if isinstance(expected, str):
            assert expected in detail
        else:
            assert all(each.keys() == {"loc", "msg", "type"} and each["type"] == "value_error" for each in detail)
            assert [each["loc"] for each in detail] == expected

    broken = {"name": "x", "definition": {"nodes": [{"id": "a", "type": "llm"}]}}
    secrets = {"secrets": {"TOKEN": "x"}}
    rows: list[tuple[str, dict[str, Any], int, Any]] = [
        ("GET /workflows", {"key": "wrong"}, 401, "does not know the API key"),
        ("POST /workflows", {"key": viewer, "body": {"name": "x"}}, 403, "workflows requires the role member"),
        ("GET /workflows", {"Host": "evil.example"}, 403, "evil.example"),
        ("GET /runs/run-none", {}, 404, "'run-none'"),
        ("GET /memory/none?scope=user", {}, 404, "'none'"),
        ("GET /memory/none?organization_id=other", {}, 404, "'other'"),
        ("POST /memory/list", {"body": {"organization_id": "other"}}, 404, "'other'"),
        ("GET /tool", {}, 404, "GET /api/v1/tool. Similar ones are: GET /api/v1/tools"),
        ("GET /0123456789", {}, 404, "Every path begins with /api/v1."),
        ("POST /auth/login", {"body": {"password": "s3cret"}}, 404, "the emulator has workflows, runs, memory and"),
        ("PUT /workflows", {"body": {}}, 405, "only GET, POST"),
        ("POST /workflows", {"body": large}, 413, "larger than"),
        ("POST /workflows", {"body": b"{"}, 400, "not JSON"),
        ("POST /workflows", {"body": {"name": "", "is_active": 1}}, 422, [["body", "name"], ["body", "is_active"]]),
        ("POST /workflows", {"body": []}, 422, [["body"]]),
        ("POST /workflows", {"body": broken}, 422, [["body", "definition", "nodes[0]", "instruction"]]),
        ("POST /memory/list", {"body": {"tags": ["a", 1]}}, 422, [["body", "tags", 1]]),
        ("POST /memory", {"body": {"key": "k", "value": 1, "expires_in_days": 0}}, 422, [["body", "expires_in_days"]]),
        ("POST /memory", {"body": {"key": "k", "value": 1, "9" * 5000: 0}}, 422, [["body", "9" * 5000]]),
        ("GET /workflows?skip=-1", {}, 422, [["query", "skip"]]),
        ("GET /workflows?is_active=yes", {}, 422, [["query", "is_active"]]),
        (f"GET /workflows/{workflow}/runs?status_filter=done", {}, 422, [["query", "status_filter"]]),
        (f"POST /workflows/{workflow}/execute", {"body": secrets}, 422, [["body", "secrets", "TOKEN"]]),
    ]
    check_rows(((row[0], row) for row in rows), check)
    assert [entry for entry in server.emulator.requests if "s3cret" in str(entry)] == []


def test_a_strict_emulator_refuses_what_has_no_effect(serve: Callable[..., TwoAPIs]) -> None:
    server = serve(strict=True)
    workflow = server.data("POST /workflows", {"name": "x", "definition": ECHO}, 201)["id"]
    server.data(f"POST /workflows/{workflow}/execute", {"tags": []})
    assert server(f"POST /workflows/{workflow}/execute", {"tags": ["x"]}).status == 422
    assert server("GET /workflows?page=2").status == 422
    assert (
        server("DELETE /memory/k?scope=workflow&hard_delete=true&workflow_id=w&organization_id=default").status == 404
    )
