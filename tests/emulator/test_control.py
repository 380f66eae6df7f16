"""The control API, as another language or process would use it."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

from fibonacci.emulator import Emulator
from fibonacci.emulator.account import ApiKeys
from fibonacci.emulator.context import Endpoint
from fibonacci.emulator.facade import app_of
from fibonacci.emulator.http.messages import ServerRequest
from fibonacci.emulator.routes.control import ENDPOINTS as CONTROL_ENDPOINTS
from fibonacci.emulator.state.clock import iso
from tests.emulator.api import KEY, Api, ApiResponse
from tests.kit.assertions import each_row
from tests.kit.nodes import llm, tool
from tests.kit.programs import find
from tests.tools.markdown import SHELL, blocks_of


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


def test_random_failures_begin_and_end_by_their_rate(api: Api) -> None:
    (view,) = control(api, "POST", "/chaos", {"random_seed": 7, "rate": 1, "kinds": ["status"], "route": "GET *"}).data
    assert (view["kind"], view["times"], view["remaining"]) == ("status", None, None)
    assert [api("GET", "/health").status, api("PUT", "/memory/k", {"value": 1}).status] == [503, 200]
    assert control(api, "POST", "/chaos", {"rate": 0}).data == []
    assert api("GET", "/health").status == 200


def test_waiting_runs_are_decided_over_http(api: Api) -> None:
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


def test_the_clock_is_moved_over_http(api: Api) -> None:
    emulator = Emulator(time="manual", api_key=KEY)
    api.app = app_of(emulator)
    before = emulator.clock.now()
    assert control(api, "GET", "/clock").data == {"now": iso(before), "mode": "manual", "skipped": 0.0}
    moved = control(api, "POST", "/clock/advance", {"seconds": 3600.5})
    assert (moved.status, moved.data["now"]) == (200, iso(before + 3600.5))
    assert emulator.clock.now() - before == 3600.5


def test_a_key_of_a_role_and_a_name_is_made(api: Api) -> None:
    made = control(api, "POST", "/keys", {"role": "admin", "name": "ada"})
    key = ApiKeys(KEY).of("admin", "ada")
    assert (made.status, made.data) == (201, {"role": "admin", "name": "ada", "key": key})
    assert control(api, "POST", "/keys", {}).data["key"] == ApiKeys(KEY).of("member")
    assert api.app.keys.role_of("ada") == "admin"  # who may approve from now on
    assert api("GET", "/health", authorization=f"Bearer {key}").status == 200


def test_a_model_of_ones_own_is_added_once(api: Api) -> None:
    before = [model["name"] for model in control(api, "GET", "/models").data]
    for _ in range(2):
        assert control(api, "POST", "/models", {"name": "own/model"}).data == {"name": "own/model"}
    assert [model["name"] for model in control(api, "GET", "/models").data] == [*before, "own/model"]
    api.run(llm("a", model="own/model"))
    assert control(api, "GET", "/warnings").data == []
    assert control(api, "DELETE", "/models/own%2Fmodel").status == 204
    assert control(api, "DELETE", "/models/own%2Fmodel").code == "not_found"
    api.run(llm("a", model="own/model"))
    assert [warning["code"] for warning in control(api, "GET", "/warnings").data] == ["unknown_model"]


def test_env_and_secrets(api: Api) -> None:
    assert control(api, "GET", "/env").data == [{"name": "TEAM", "value": "blue"}]
    assert control(api, "PUT", "/env/TEAM", {"value": "red"}).data == {"name": "TEAM", "value": "red"}
    assert control(api, "PUT", "/secrets/NEW", {"value": "new-s3cret"}).data == {"name": "NEW"}
    assert control(api, "GET", "/secrets").data == [{"name": "TOKEN"}, {"name": "NEW"}]
    run = api.run(llm("a", "{{env.TEAM}} {{secrets.NEW}}"))
    assert run["outputs"] == {"a": "[default model] red new-s3cret"}
    for path in ("/env/TEAM", "/secrets/NEW"):
        assert control(api, "DELETE", path).status == 204
        assert (control(api, "DELETE", path).code, control(api, "DELETE", path).fields) == ("not_found", ["name"])
    assert api.run(llm("a", "{{secrets.NEW}}"))["status"] == "failed"
    for path in ("/env/A.B", "/secrets/A%20B", "/env/%7BA"):
        assert control(api, "PUT", path, {"value": "x"}).fields == ["name"]


def test_settings_are_read_and_changed(api: Api) -> None:
    assert control(api, "GET", "/settings").data == {
        "organization_id": "default",
        "strict": False,
        "plan": "enterprise",
        "rate_limit": {"requests": 1_000_000, "seconds": 60.0},
        "keep": 10_000,
    }
    changed = control(api, "PATCH", "/settings", {"plan": "free", "keep": 3}).data
    assert (changed["plan"], changed["rate_limit"]["requests"], changed["keep"]) == ("free", 60, 3)
    assert api("GET", "/organizations/default/quota").json["plan"] == "free"
    assert api("GET", "/health").headers["X-RateLimit-Remaining"] == "58"
    for seconds in (0.5, 2):
        control(api, "PATCH", "/settings", {"rate_limit": {"requests": 1, "seconds": seconds}})
        assert [api("GET", "/health").status for _ in range(2)] == [200, 429]
    restored = control(api, "PATCH", "/settings", {"rate_limit": None, "keep": None}).data
    assert (restored["rate_limit"], restored["keep"]) == ({"requests": 60, "seconds": 60.0}, None)
    assert api("GET", "/health").headers["X-RateLimit-Limit"] == "60"


def test_snapshot_and_restore(api: Api) -> None:
    workflow = api.workflow()
    snapshot = control(api, "GET", "/snapshot")
    assert snapshot.headers["Content-Type"] == "application/json"
    assert snapshot.body == api.app.store.snapshot()
    api("DELETE", f"/workflows/{workflow}")
    assert control(api, "POST", "/restore", snapshot.body).status == 204
    assert api("GET", f"/workflows/{workflow}").status == 200


def test_recorded_requests_are_filtered_by_their_route(api: Api) -> None:
    workflow = api.workflow()
    api("POST", f"/workflows/{workflow}/execute", {"inputs": {"n": 1}})
    (got,) = control(api, "GET", "/requests?route=POST%20/workflows/%7Bid%7D/execute").data
    shown = "/workflows/{workflow_id}/execute", {"inputs": {"n": 1}}, 200
    assert (got["template"], got["json"], got["status"]) == shown
    assert "authorization" not in got["headers"]
    assert len(control(api, "GET", "/requests").data) == 2
    assert control(api, "GET", "/requests?route=GET%20/tool").fields == ["route"]
    control(api, "DELETE", "/requests?route=POST%20/workflows")
    assert len(control(api, "GET", "/requests").data) == 1
    control(api, "DELETE", "/requests")
    assert control(api, "GET", "/requests").data == []


@each_row("endpoint", CONTROL_ENDPOINTS)
def test_it_requires_the_owners_key(api: Api, endpoint: Endpoint) -> None:
    path = endpoint.path.format(execution_id="exec_none", name="x")
    for key, code in (("wrong", "unauthorized"), (ApiKeys(KEY).of("owner", "ada"), "permission_denied")):
        assert control(api, endpoint.method, path, {}, key).code == code


@each_row(
    ("path", "body", "field"),
    [
        ("/failures", {"route": "GET /tool"}, "route"),
        ("/failures", {"times": "2"}, "times"),
        ("/failures", {"kind": "reset", "status": 500}, "status"),
        ("/failures", {"headers": {"a": 1}}, "headers.a"),
        ("/failures", {"what": 1}, "what"),
        ("/failures", [], "body"),
        ("/chaos", {"rate": 2}, "rate"),
        ("/chaos", {"kinds": ["x"]}, "kinds.0"),
        ("/approvals/exec_none", {"by": ""}, "by"),
        ("/approvals/exec_none", {"by": "admin", "decision": "maybe"}, "decision"),
        ("/clock/advance", {"seconds": -1}, "seconds"),
        ("/keys", {"role": "king"}, "role"),
        ("/keys", {"name": "a b"}, "name"),
        ("/models", {"name": ""}, "name"),
        ("/scripts", {"answers": [1]}, "name"),
        ("/scripts", {"name": "a", "answers": [1, {"$failure": "x"}]}, "answers[1].$failure"),
        ("/scripts", {"name": "a", "answers": [1], "repeat": "yes"}, "repeat"),
    ],
)
def test_bad_bodies_change_nothing(api: Api, path: str, body: Any, field: str) -> None:
    response = control(api, "POST", path, body)
    assert (response.status, response.code, response.fields) == (422, "validation_error", [field])
    assert control(api, "GET", "/failures").data == []
    assert not api.app.faults.is_active


@each_row(
    ("method", "path", "body", "fields"),
    [
        ("PATCH", "/settings", {}, ["body"]),
        ("PATCH", "/settings", {"plan": "gold"}, ["plan"]),
        ("PATCH", "/settings", {"plan": "free", "keep": 0}, ["keep"]),
        ("PATCH", "/settings", {"plan": "free", "rate_limit": {"requests": 0, "seconds": 1}}, ["rate_limit.requests"]),
        ("PATCH", "/settings", {"organization_id": "acme"}, ["organization_id"]),
        ("PUT", "/env/A", {"value": 1}, ["value"]),
        ("PUT", "/secrets/A", {"value": None}, ["value"]),
    ],
)
def test_bad_settings_change_nothing(api: Api, method: str, path: str, body: Any, fields: list[str]) -> None:
    def state() -> list[Any]:
        return [control(api, "GET", path).data for path in ("/settings", "/env", "/secrets")]

    before = state()
    refused = control(api, method, path, body)
    assert (refused.status, refused.fields) == (422, fields)
    assert state() == before


def test_it_is_neither_counted_nor_recorded_and_never_fails() -> None:
    api = Api(plan="free")
    response = [control(api, "GET", "/requests") for _ in range(70)][-1]
    assert (response.status, response.data, response.headers["X-RateLimit-Remaining"]) == (200, [], "60")
    control(api, "POST", "/failures", {"kind": "reset", "times": None})
    assert control(api, "GET", "/failures").status == 200


PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "use-the-emulator-from-other-languages.md"


def test_the_documentation_lists_every_endpoint() -> None:
    rows = re.findall(r"^\| `([A-Z]+) /_emulator(/\S*)` \|", PAGE.read_text("utf-8"), re.MULTILINE)
    assert sorted(f"{method} {path}" for method, path in rows) == sorted(map(str, CONTROL_ENDPOINTS))


def test_the_example_with_curl_runs(tmp_path: Path) -> None:
    find("curl")
    (example,) = (block.code for block in blocks_of(PAGE) if block.language in SHELL and "/snapshot" in block.code)
    with Emulator(api_key="local-key", allow_unused=True) as emulator:
        client = emulator.client(max_retries=0)
        workflow = client.workflows.create(name="Kept")
        environment = {
            "PATH": os.environ["PATH"],
            "FIBONACCI_BASE_URL": emulator.base_url,
            "FIBONACCI_API_KEY": "local-key",
            "NO_PROXY": "*",
        }
        run = subprocess.run(
            ["sh", "-eu", "-c", example], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, run.stderr
        assert [failure.route for failure in emulator.failures] == ["GET /tools"]
        assert client.workflows.get(workflow.id).name == "Kept"
        assert (tmp_path / "before.json").read_bytes() == emulator.snapshot()
