"""A session with the emulator, driven by hand: every request and every response is what the document says.

`tests/endpoints/test_against_emulator.py` does the same with each row of the endpoint table.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from fibonacci.emulator import Emulator
from tests.contract.conformance import validate_exchange, validate_response

DEFINITION = {
    "name": "greeting",
    "nodes": [
        {"id": "greet", "type": "llm", "model": "small", "instruction": "Greet {{input.name}}", "max_tokens": 20},
        {
            "id": "is_long",
            "type": "conditional",
            "dependencies": ["greet"],
            "left_value": "{{greet}}",
            "operator": "is_not_empty",
            "true_branch": ["judge"],
        },
        {"id": "judge", "type": "critic", "dependencies": ["is_long"], "target_node": "greet", "criteria": ["polite"]},
    ],
    "outputs": {"greeting": "{{greet}}"},
}


class Session:
    """Sends requests as the client does, and checks each exchange against the document."""

    def __init__(self, emulator: Emulator, http: httpx.Client) -> None:
        self.base_url = emulator.base_url
        self.headers = {"Authorization": f"Bearer {emulator.api_key}", "Content-Type": "application/json"}
        self.http = http

    def send(self, method: str, path: str, body: object = None, **query: str | int) -> Any:
        """Return the object of a success: what stands in the envelope, or the bare object."""
        response = self.exchange(method, path, body, **query)
        assert response.is_success, response.text
        if not response.content:
            return None
        content: dict[str, Any] = response.json()
        return content.get("data", content)

    def exchange(self, method: str, path: str, body: object = None, **query: str | int) -> httpx.Response:
        """Send a request that the document allows, whatever the response is."""
        content = None if body is None else json.dumps(body).encode()
        response = self.http.request(
            method, self.base_url + path, params=query or None, content=content, headers=self.headers
        )
        validate_exchange(
            method,
            str(response.request.url),
            response.request.headers,
            response.request.content,
            response.status_code,
            response.headers,
            response.content,
        )
        return response

    def refused(self, method: str, path: str, status: int, body: object = None, **query: str | int) -> str:
        """Send a request that need not be allowed, check that it is refused as documented, and return the code."""
        content = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        response = self.http.request(
            method, self.base_url + path, params=query or None, content=content, headers=self.headers
        )
        url = str(response.request.url)
        validate_response(method, url, response.status_code, response.headers, response.content)
        assert response.status_code == status, response.text
        return str(response.json()["error"]["code"])


@pytest.fixture
def session() -> Iterator[Session]:
    with Emulator() as emulator, httpx.Client() as http:
        yield Session(emulator, http)


def test_a_session_is_as_documented(session: Session) -> None:
    send = session.send

    assert send("GET", "/health")["status"]
    assert send("GET", "/health/secrets")["checks"]

    tools = send("GET", "/tools", limit=200)
    tool = tools[0]["name"]
    assert send("GET", f"/tools/{tool}")["name"] == tool
    send("POST", f"/tools/{tool}/connect", {})

    workflow = send("POST", "/workflows", {"name": "greeting", "description": None, "definition": DEFINITION})["id"]
    send("POST", "/workflows", {"name": "other", "definition": DEFINITION})
    assert len(send("GET", "/workflows")) == 2
    page = session.exchange("GET", "/workflows", limit=1).json()
    assert len(page["data"]) == 1
    assert len(send("GET", "/workflows", limit=1, cursor=page["meta"]["next_cursor"])) == 1
    assert send("PUT", f"/workflows/{workflow}", {"description": "says hello"})["description"] == "says hello"
    assert send("GET", f"/workflows/{workflow}")["name"] == "greeting"

    versions = send("GET", f"/workflows/{workflow}/versions", limit=10)
    version = versions[-1]["version"]
    assert send("GET", f"/workflows/{workflow}/versions/{version}")["version"] == version
    assert send("POST", f"/workflows/{workflow}/versions/{version}/rollback")["version"] != version

    execution = send("POST", f"/workflows/{workflow}/execute", {"inputs": {"name": "Ada"}})["execution_id"]
    assert send("GET", f"/executions/{execution}")["status"]
    assert len(send("GET", "/executions", workflow_id=workflow, limit=5)) == 1
    assert send("GET", "/executions", status="no-such-status") == []
    session.exchange("POST", f"/executions/{execution}/cancel")

    for step in ("approve-template", "deprecate", "archive"):
        send("POST", f"/workflow-registry/{workflow}/{step}")
    assert send("GET", "/workflow-registry", include_archived="false") == []
    assert len(send("GET", "/workflow-registry", include_archived="true", limit=5)) == 1

    org = "/organizations/org-abc123"
    flags = {"financial": True, "pii": False}
    send("PATCH", f"{org}/governance", {"approval_threshold": 2, "category_flags": flags})
    assert send("GET", f"{org}/governance")["category_flags"] == flags
    send("GET", f"{org}/governance/report")
    send("GET", f"{org}/governance/audit", limit=1)
    send("GET", f"{org}/governance/approvals")

    assert send("PATCH", f"{org}/quota", {"memory_mb": 1})["effective"]["memory_mb"] == 1
    assert send("PATCH", f"{org}/quota", {"memory_mb": None})["effective"]["memory_mb"] != 1
    send("GET", f"{org}/quota")

    send("POST", f"{org}/tool-policies", {"tool_name": tool, "enabled": True, "allowed_roles": ["owner", "admin"]})
    assert send("PATCH", f"{org}/tool-policies/{tool}", {"enabled": False})["enabled"] is False
    assert len(send("GET", f"{org}/tool-policies", limit=5)) == 1
    send("POST", f"{org}/role-policy-overrides", {"role": "member", "tool_name": tool, "enabled": True})
    assert len(send("GET", f"{org}/role-policy-overrides")) == 1
    assert send("DELETE", f"{org}/tool-policies/{tool}") is None

    value = {"theme": ["dark", None, 1.5]}
    of_user: dict[str, Any] = {"scope": "user", "user_id": "ada"}
    send("PUT", "/memory/user%2Fprefs", {"value": value, "ttl": 60, **of_user})
    assert send("GET", "/memory/user%2Fprefs", **of_user)["value"] == value
    assert send("DELETE", "/memory/user%2Fprefs", **of_user) is None

    assert send("DELETE", f"/workflows/{workflow}") is None


def test_refusals_are_as_documented(session: Session) -> None:
    refused = session.refused
    assert refused("GET", "/workflows/no-such", 404)
    assert refused("GET", "/executions/no-such", 404)
    assert refused("GET", "/tools/no-such", 404)
    assert refused("GET", "/memory/no-such", 404)
    assert refused("GET", "/workflows", 422, limit=0) == "validation_error"
    assert refused("GET", "/memory/key", 422, scope="galaxy") == "validation_error"
    assert refused("GET", "/memory/key", 422, scope="user") == "validation_error"
    assert refused("POST", "/workflows", 422, {"name": "x", "nodes": []}) == "validation_error"
    assert (
        refused("POST", "/workflows", 422, {"name": "x", "definition": {"nodes": [{"id": "x"}]}}) == "validation_error"
    )
    assert refused("POST", "/workflows", 400, b"{")
    assert refused("POST", "/organizations/org-abc123/tool-policies", 422, {"tool_name": "no-such"})
    session.headers["Authorization"] = "Bearer not-the-key"
    assert refused("GET", "/health", 401)
    del session.headers["Authorization"]
    assert refused("GET", "/health/secrets", 401)
