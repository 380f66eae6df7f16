"""A session with the emulator, driven by hand: every request and every response is what the document says.

`tests/endpoints/test_against_emulator.py` does the same with each row of the endpoint table. The second half of this
file shows that the check can fail: it breaks good exchanges one by one, and each is refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import pytest

from fibonacci.emulator import Emulator
from tests.contract.conformance import ConformanceError, validate_exchange, validate_response

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
        answer: dict[str, Any] = response.json()
        return answer.get("data", answer)

    def exchange(self, method: str, path: str, body: object = None, **query: str | int) -> httpx.Response:
        """Send a request that the document allows, whatever the answer is."""
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


@dataclass(frozen=True)
class Exchange:
    """A good exchange, to be broken with `replace`."""

    method: str = "GET"
    url: str = "http://127.0.0.1:8000/v1/memory/key"
    request_headers: Mapping[str, str] = field(
        default_factory=lambda: {"authorization": "Bearer secret", "content-type": "application/json"}
    )
    request_body: bytes | None = None
    status: int = 200
    response_headers: Mapping[str, str] = field(
        default_factory=lambda: {
            "Content-Type": "application/json; charset=utf-8",
            "X-RateLimit-Limit": "60",
            "X-RateLimit-Remaining": "59",
            "X-RateLimit-Reset": "1764000000",
        }
    )
    response_body: bytes = b'{"data": {"key": "key", "value": 1}, "meta": {"request_id": "req_abc123"}}'

    def check(self) -> str:
        return validate_exchange(
            self.method,
            self.url,
            self.request_headers,
            self.request_body,
            self.status,
            self.response_headers,
            self.response_body,
        )


READ = Exchange()
WRITE = replace(READ, method="PUT", request_body=b'{"value": 1}')
DELETE = replace(READ, method="DELETE", status=204, response_body=b"")
FAILED = replace(READ, status=404, response_body=b'{"error": {"code": "not_found", "message": "No such key"}}')
EXECUTED = replace(
    READ,
    method="POST",
    url="http://127.0.0.1:8000/v1/workflows/wf-abc123/execute",
    request_body=b"{}",
    response_body=b'{"data": {"execution_id": "exec_abc123", "status": "completed"}}',
)
QUOTA = replace(
    READ,
    url="https://api.fibonacci.dev/v1/organizations/org/quota",
    response_body=b'{"plan": "pro", "limits": {"memory_mb": 512}, "overrides": {}, "effective": {"memory_mb": 512}}',
)
LIST = replace(
    READ,
    url="https://api.fibonacci.dev/v1/workflow-registry?include_archived=true&limit=5",
    response_body=b'{"data": [{"workflow_id": "wf-abc123", "status": "approved"}], "meta": {"request_id": "req_abc123"}}',
)


@pytest.mark.parametrize(
    ("exchange", "operation"),
    [
        (READ, "memory.get"),
        (replace(READ, url=f"{READ.url}%2Fwith%2Fslashes?scope=user&user_id=ada"), "memory.get"),
        (WRITE, "memory.set"),
        (DELETE, "memory.delete"),
        (FAILED, "memory.get"),
        (replace(FAILED, status=502), "memory.get"),
        (EXECUTED, "workflows.execute"),
        (QUOTA, "organizations.quota.get"),
        (LIST, "registry.list"),
        (
            replace(READ, response_body=READ.response_body.replace(b'"value"', b'"new_field": {}, "value"')),
            "memory.get",
        ),
    ],
)
def test_a_good_exchange_passes(exchange: Exchange, operation: str) -> None:
    assert exchange.check() == operation


def without(headers: Mapping[str, str], name: str) -> dict[str, str]:
    return {key: value for key, value in headers.items() if key.lower() != name}


@pytest.mark.parametrize(
    ("exchange", "complaint"),
    [
        (replace(READ, url="http://127.0.0.1:8000/v1/memory/a/b"), "not an operation"),
        (replace(READ, url="http://127.0.0.1:8000/v1/memory/"), "not an operation"),
        (replace(READ, url="http://127.0.0.1:8000/memory/key"), "does not begin with '/v1'"),
        (replace(READ, method="POST"), "not an operation"),
        (replace(READ, url=f"{READ.url}?scope=galaxy"), "'galaxy' is not one of"),
        (replace(READ, url=f"{READ.url}?scop=user"), "'scop' is not declared"),
        (replace(READ, url=f"{READ.url}?scope=user&scope=user"), "more than once"),
        (replace(LIST, url=LIST.url.replace("5", "201")), "201 is greater than the maximum"),
        (replace(LIST, url=LIST.url.replace("true", "True")), "'include_archived' is spelt 'True'"),
        (replace(LIST, url=LIST.url.replace("5", "1_0")), "'limit' is spelt '1_0'"),
        (replace(READ, request_headers=without(READ.request_headers, "authorization")), "Security"),
        (replace(READ, request_headers=without(READ.request_headers, "content-type")), "the content type is ''"),
        (replace(READ, request_body=b"{}"), "there is a body, and none is declared"),
        (replace(WRITE, request_body=None), "[Mm]issing required request body"),
        (replace(WRITE, request_body=b'{"value": 1, "expires": 2}'), "'expires' was unexpected"),
        (replace(WRITE, request_body=b'{"value": 1, "scope": "user"}'), "'user_id' is a required property"),
        (replace(WRITE, request_body=b"{"), "[Ff]ailed to deserialize"),
        (replace(READ, status=201), "status 201 is not declared"),
        (replace(READ, status=204, response_body=b""), "status 204 is not declared"),
        (replace(DELETE, status=200), "status 200 is not declared"),
        (replace(DELETE, response_body=b"{}"), "an answer without content has a body"),
        (replace(READ, response_body=b""), "Missing response data"),
        (replace(READ, response_body=b"<html>"), "[Ff]ailed to deserialize"),
        (replace(READ, response_headers={**READ.response_headers, "Content-Type": "text/html"}), "text/html"),
        (replace(READ, response_headers=without(READ.response_headers, "x-ratelimit-reset")), "X-RateLimit-Reset"),
        (replace(READ, response_headers={**READ.response_headers, "X-RateLimit-Limit": "many"}), "many"),
        (replace(READ, response_body=b'{"key": "key", "value": 1}'), "'data' is a required property"),
        (
            replace(READ, response_body=READ.response_body.replace(b'"meta"', b'"more": 1, "meta"')),
            "'more' was unexpected",
        ),
        (replace(READ, response_body=b'{"data": {}, "meta": {}}'), "'request_id' is a required property"),
        (replace(READ, response_body=READ.response_body.replace(b'"key": "key"', b'"key": 1')), "1 is not of type"),
        (replace(READ, status=404), "'error' is a required property"),
        (replace(FAILED, status=200), "'data' is a required property"),
        (replace(FAILED, response_body=b'{"error": "no such key"}'), "is not of type 'object'"),
        (replace(EXECUTED, response_body=b'{"data": {"status": "completed"}}'), "'execution_id' is a required"),
        (replace(QUOTA, response_body=b'{"data": ' + QUOTA.response_body + b"}"), "'plan' is a required property"),
        (replace(LIST, response_body=LIST.response_body.replace(b"[{", b"{").replace(b"}]", b"}")), "'array'"),
    ],
)
def test_a_broken_exchange_is_refused(exchange: Exchange, complaint: str) -> None:
    with pytest.raises(ConformanceError, match=complaint):
        exchange.check()
