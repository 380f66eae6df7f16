"""Call an emulator's application as a client would, with a clock that the test moves."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from fibonacci.emulator.account import Account, Rate
from fibonacci.emulator.app import App, new_app
from fibonacci.emulator.engine.environment import Environment
from fibonacci.emulator.engine.variables import Secrets, Variables
from fibonacci.emulator.http.messages import JSON_BODY, ServerRequest
from fibonacci.emulator.option_values import PlanName
from fibonacci.emulator.state.clock import VirtualClock
from fibonacci.emulator.state.store import Store

KEY = "fib-test"
START = 1_800_000_000.5


class StoppedClock(VirtualClock):
    def __init__(self) -> None:
        super().__init__("manual")
        self.time = START

    def now(self) -> float:
        return self.time


@dataclass
class ApiResponse:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def data(self) -> Any:
        return self.json["data"]

    @property
    def code(self) -> str:
        return str(self.json["error"]["code"])

    @property
    def fields(self) -> list[str]:
        return [detail["field"] for detail in self.json["error"]["details"]]


@dataclass
class Api:
    plan: PlanName = "enterprise"
    rate: Rate | None = None
    key: str = KEY
    clock: StoppedClock = field(default_factory=StoppedClock)
    app: App = field(init=False)

    def __post_init__(self) -> None:
        store = Store()
        environment = Environment(store, Variables("env", {"TEAM": "blue"}), Secrets("secrets", {"TOKEN": "s3cret"}))
        self.app = new_app(KEY, Account(self.plan, self.rate), self.clock, environment)

    def __call__(self, method: str, path: str, body: object = None, **headers: str) -> ApiResponse:
        """Send a request under /v1; a body that is not bytes is written as JSON."""
        raw = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {"authorization": f"Bearer {self.key}", **(JSON_BODY if raw else {})} | {
            k.replace("_", "-"): v for k, v in headers.items()
        }
        response = self.app.handle(ServerRequest(method, f"/v1{path}", given, raw))
        return ApiResponse(response.status, dict(response.headers), response.body)

    def workflow(self, *nodes: dict[str, Any], **definition: Any) -> str:
        """Create a workflow and return its id; without nodes it has no definition."""
        content = {"nodes": list(nodes), **definition} if nodes else None
        response = self("POST", "/workflows", {"name": "test", "definition": content})
        assert response.status == 201, response.body
        return str(response.data["id"])

    def run(self, *nodes: dict[str, Any], inputs: dict[str, Any] | None = None, **definition: Any) -> Any:
        """Create a workflow, execute it and return the whole execution."""
        path = f"/workflows/{self.workflow(*nodes, **definition)}/execute"
        execution_id = self("POST", path, {"inputs": inputs or {}}).data["execution_id"]
        return self("GET", f"/executions/{execution_id}").data


def segment(text: str) -> str:
    """Percent-encode a text as one segment of a path."""
    return quote(text, safe="")
