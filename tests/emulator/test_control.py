"""The control API, as another language or process would use it."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from fibonacci.emulator import Emulator
from fibonacci.emulator.account.auth import ApiKeys
from fibonacci.emulator.http.messages import ServerRequest
from tests.emulator.api import KEY, Api, ApiResponse, tool

TABLE = [
    ("GET", "/failures"),
    ("POST", "/failures"),
    ("DELETE", "/failures"),
    ("POST", "/chaos"),
    ("POST", "/approvals/exec_none"),
    ("POST", "/clock/advance"),
    ("GET", "/requests"),
    ("DELETE", "/requests"),
    ("POST", "/reset"),
]


def control(api: Api, method: str, path: str, body: object = None, key: str = KEY) -> ApiResponse:
    """Send a request of the control API."""
    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    response = api.app.handle(ServerRequest(method, f"/_emulator{path}", {"authorization": f"Bearer {key}"}, raw))
    return ApiResponse(response.status, dict(response.headers), response.body)


def test_failures_are_injected_counted_and_removed(api: Api) -> None:
    made = control(api, "POST", "/failures", {"route": "GET /tools", "status": 503, "times": 2})
    view = {"route": "GET /tools", "kind": "status", "status": 503, "times": 2, "remaining": 2, "delivered": 0}
    assert (made.status, made.data) == (201, view)
    assert api("GET", "/tools").code == "service_unavailable"
    assert control(api, "GET", "/failures").data == [view | {"remaining": 1}]  # delivered is counted where it is sent
    assert control(api, "DELETE", "/failures").status == 204
    assert api("GET", "/tools").status == 200
    assert control(api, "GET", "/failures").data == []
    assert control(api, "POST", "/failures", {"kind": "rate_limit", "retry_after": "7"}).status == 201
    assert api("GET", "/health").headers["Retry-After"] == "7"
    assert control(api, "POST", "/failures", {"body": {"a": [1]}, "headers": {"X-A": "b"}}).status == 201
    response = api("GET", "/health")
    assert (response.status, response.json, response.headers["X-A"]) == (500, {"a": [1]}, "b")


def test_chaos(api: Api) -> None:
    (view,) = control(api, "POST", "/chaos", {"seed": 7, "rate": 1, "kinds": ["status"], "route": "GET *"}).data
    assert (view["kind"], view["times"], view["remaining"]) == ("status", None, None)
    assert [api("GET", "/health").status, api("PUT", "/memory/k", {"value": 1}).status] == [503, 200]
    assert control(api, "POST", "/chaos", {"rate": 0}).data == []
    assert api("GET", "/health").status == 200


def test_approvals(api: Api) -> None:
    api("PATCH", "/organizations/default/governance", {"require_approval_for_external_comm": True})
    path = f"/workflows/{api.workflow(tool('a', 'email_send'))}/execute"
    one, two = (api("POST", path, {}).data["execution_id"] for _ in range(2))
    assert control(api, "POST", f"/approvals/{one}", {"by": "admin"}).data["status"] == "completed"
    assert (
        control(api, "POST", f"/approvals/{two}", {"by": "admin", "decision": "reject"}).data["status"] == "cancelled"
    )
    assert control(api, "POST", f"/approvals/{two}", {"by": "admin"}).code == "conflict"
    assert control(api, "POST", "/approvals/exec_none", {"by": "admin"}).code == "not_found"
    three = api("POST", path, {}).data["execution_id"]
    own = control(api, "POST", f"/approvals/{three}", {"by": "owner"})
    assert (own.status, own.code, own.fields) == (403, "permission_denied", ["by"])


def test_the_clock(api: Api) -> None:
    api("PUT", "/memory/k", {"value": 1, "ttl": 3600})
    assert control(api, "POST", "/clock/advance", {"seconds": 3599}).data["now"].endswith("Z")
    emulator = Emulator(time="manual")
    client = emulator.client()
    client.memory.set("k", 1, ttl=3600)
    other = Api()
    other.app = emulator.app
    before = emulator.clock.now()
    assert control(other, "POST", "/clock/advance", {"seconds": 3600.5}, emulator.api_key).status == 200
    assert emulator.clock.now() - before == 3600.5


def test_requests(api: Api) -> None:
    workflow = api.workflow()
    api("POST", f"/workflows/{workflow}/execute", {"inputs": {"n": 1}})
    (got,) = control(api, "GET", "/requests?route=POST%20/workflows/%7Bid%7D/execute").data
    assert (got["template"], got["json"], got["status"]) == (
        "/workflows/{workflow_id}/execute",
        {"inputs": {"n": 1}},
        200,
    )
    assert "authorization" not in got["headers"]
    assert len(control(api, "GET", "/requests").data) == 2
    assert control(api, "GET", "/requests?route=GET%20/tool").fields == ["route"]
    control(api, "DELETE", "/requests?route=POST%20/workflows")
    assert len(control(api, "GET", "/requests").data) == 1
    control(api, "DELETE", "/requests")
    assert control(api, "GET", "/requests").data == []


def test_reset(api: Api) -> None:
    api.workflow()
    control(api, "POST", "/failures", {"route": "GET /tools"})
    assert control(api, "POST", "/reset").status == 204
    assert control(api, "GET", "/requests").data == control(api, "GET", "/failures").data == []
    assert api("GET", "/tools").status == 200
    assert api("GET", "/workflows").data == []


@pytest.mark.parametrize(("method", "path"), TABLE)
def test_it_requires_the_owners_key(api: Api, method: str, path: str) -> None:
    for key, status, code in (
        ("wrong", 401, "unauthorized"),
        (ApiKeys(KEY).of("owner", "ada"), 403, "permission_denied"),
    ):
        response = control(api, method, path, {}, key)
        assert (response.status, response.code) == (status, code)


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/failures", {"route": "GET /tool"}, "route"),
        ("/failures", {"route": ""}, "route"),
        ("/failures", {"kind": "explode"}, "kind"),
        ("/failures", {"times": "2"}, "times"),
        ("/failures", {"times": 0}, "times"),
        ("/failures", {"kind": "reset", "status": 500}, "status"),
        ("/failures", {"headers": {"a": 1}}, "headers.a"),
        ("/failures", {"what": 1}, "what"),
        ("/failures", [], "body"),
        ("/chaos", {"rate": 2}, "rate"),
        ("/chaos", {"kinds": ["x"]}, "kinds.0"),
        ("/chaos", {"route": "x"}, "route"),
        ("/approvals/exec_none", {}, "by"),
        ("/approvals/exec_none", {"by": ""}, "by"),
        ("/approvals/exec_none", {"by": "admin", "decision": "maybe"}, "decision"),
        ("/clock/advance", {}, "seconds"),
        ("/clock/advance", {"seconds": -1}, "seconds"),
    ],
)
def test_bad_bodies_change_nothing(api: Api, path: str, body: Any, field: str) -> None:
    response = control(api, "POST", path, body)
    assert (response.status, response.code, response.fields) == (422, "validation_error", [field])
    assert control(api, "GET", "/failures").data == []
    assert not api.app.faults.is_active


def test_other_bad_requests(api: Api) -> None:
    assert control(api, "POST", "/failures", b"{").code == "bad_request"
    assert control(api, "POST", "/failures", b" " * (10 * 1024 * 1024 + 1)).code == "payload_too_large"
    assert control(api, "PUT", "/failures").headers["Allow"] == "DELETE, GET, POST"
    response = control(api, "GET", "/failure")
    assert (response.status, response.code) == (404, "not_found")
    assert "GET /_emulator/failures" in response.json["error"]["message"]


def test_it_is_neither_counted_nor_recorded_and_never_fails() -> None:
    api = Api(plan="free")
    response = [control(api, "GET", "/requests") for _ in range(70)][-1]
    assert (response.status, response.data, response.headers["X-RateLimit-Remaining"]) == (200, [], "60")
    control(api, "POST", "/failures", {"kind": "reset", "times": None})
    assert control(api, "GET", "/failures").status == 200


def test_a_bug_of_it_is_an_internal_error(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.app.faults, "all", lambda: 1 / 0)
    assert control(api, "GET", "/failures").code == "internal_error"


def test_it_is_reached_over_the_socket() -> None:
    with Emulator() as emulator:
        origin = emulator.base_url.removesuffix("/v1")
        headers = {"Authorization": f"Bearer {emulator.api_key}"}
        with httpx.Client(base_url=origin, headers=headers, trust_env=False) as client:
            assert client.post("/_emulator/failures", json={"route": "GET /health", "status": 599}).status_code == 201
            assert client.get("/v1/health").status_code == 599
            assert client.get("/_emulator/failures").json()["data"][0]["delivered"] == 1
