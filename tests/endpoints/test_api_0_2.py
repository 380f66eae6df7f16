"""`api_version="0.2"`: what is on the wire for each call, what comes back of it, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fibonacci import (
    APIResponseError,
    APIStatusError,
    AuthenticationError,
    ConfigurationError,
    Fibonacci,
    NotFoundError,
    PaginationError,
    ServerError,
    UnsupportedCallError,
    ValidationError,
    WorkflowBuilder,
)
from fibonacci._core.api_0_2 import CALLS, Missing
from fibonacci._core.error_mapping import other_api
from fibonacci.models import Execution
from fibonacci.transports import Deadline, HTTPRequest, HTTPResponse
from tests.contract.document import operations
from tests.endpoints.endpoint_row import EndpointRow
from tests.endpoints.table import ROWS
from tests.kit.assertions import check_rows
from tests.kit.mode import Mode, both_modes
from tests.kit.server import ScriptedServer
from tests.kit.transport import ScriptedTransport, http_response

RUN: dict[str, Any] = {
    "id": "run-1",
    "workflow_id": "wf-1",
    "status": "completed",
    "started_at": "2026-11-25T01:02:03Z",
    "completed_at": "2026-11-25T01:02:05Z",
    "duration_seconds": 2.012,
    "input_data": {"name": "Ada"},
    "output_data": {"greet": "hello"},
    "error_message": None,
    "total_cost": 0.0021,
    "nodes_executed": 1,
    "nodes_failed": 0,
    "node_results": {"greet": {"status": "completed"}},
    "logs": [],
    "retry_count": 0,
    "total_tokens_used": 40,
}
WORKFLOW: dict[str, Any] = {
    "id": "wf-1",
    "name": "Greeter",
    "definition": {"nodes": []},
    "version": 3,
    "is_active": True,
    "is_template": False,
    "total_runs": 12,
    "avg_duration_seconds": 1.0,
}
ENTRY: dict[str, Any] = {"key": "a/b", "value": [1.0], "scope": "workflow", "tags": ["x"], "expires_at": None}
NEW = {"is_active": True, "is_template": False}

Call = Callable[[Any], Any]
SENT: list[tuple[Call, str, Any, Any, dict[str, Any]]] = [
    (lambda client: client.workflows.create(name="Greeter", definition={"nodes": []}),
     "POST /api/v1/workflows", {"name": "Greeter", "definition": {"nodes": [], "edges": []}, **NEW}, WORKFLOW,
     {"version": 3}),
    (lambda client: client.workflows.get("a/b"), "GET /api/v1/workflows/a%2Fb", None, WORKFLOW | {"id": "a/b"},
     {"name": "Greeter", "is_active": True, "total_runs": 12}),
    (lambda client: client.workflows.update("wf-1", description=None), "PATCH /api/v1/workflows/wf-1",
     {"description": None}, WORKFLOW, {"id": "wf-1"}),
    (lambda client: client.workflows.execute("wf-1", inputs={"name": "Ada"}), "POST /api/v1/workflows/wf-1/execute",
     {"input_data": {"name": "Ada"}}, RUN, {"id": "run-1", "outputs": {"greet": "hello"}, "succeeded": True}),
    (lambda client: client.workflows.execute("wf-1"), "POST /api/v1/workflows/wf-1/execute", {"input_data": {}},
     {**RUN, "status": "failed", "error_message": "no such city"}, {"failure_reason": "no such city"}),
    (lambda client: client.executions.get("run-1"), "GET /api/v1/runs/run-1", None, RUN,
     {"inputs": {"name": "Ada"}, "duration_ms": 2012, "total_cost": 0.0021, "node_results": RUN["node_results"],
      "duration_seconds": 2.012}),
    (lambda client: client.memory.get("a/b"), "GET /api/v1/memory/a%2Fb?scope=workflow", None, ENTRY,
     {"key": "a/b", "value": [1.0], "tags": ["x"], "expires_at": None}),
    (lambda client: client.memory.set("a/b é", None, scope="user", user_id="ada", ttl=7200), "POST /api/v1/memory",
     {"value": None, "user_id": "ada", "key": "a/b é", "scope": "user", "expires_in_hours": 2}, ENTRY, {"ttl": None}),
    (lambda client: client.memory.set("k", 1), "POST /api/v1/memory", {"value": 1, "key": "k", "scope": "workflow"},
     ENTRY, {}),
    (lambda client: client.tools.get("web_search"), "GET /api/v1/tools/web_search", None,
     {"name": "web_search", "category": "web"}, {"category": "web"}),
    (lambda client: client.request("GET", "/stats", returns=dict), "GET /api/v1/stats", None, {"data": 1}, {}),
    (lambda client: client.request("GET", "/runs/run-1", returns=Execution), "GET /api/v1/runs/run-1", None, RUN,
     {"outputs": {"greet": "hello"}}),
]  # fmt: skip
"""A call, what it sends, the response, and what the result has, beside each field of the response."""


def client_of(server: ScriptedServer) -> Fibonacci:
    return Fibonacci(server.api_key, base_url=server.origin, api_version="0.2")


@both_modes
def test_what_each_call_sends_and_reads(mode: Mode, server: ScriptedServer) -> None:
    client = mode.client_of(server, base_url=server.origin, api_version="0.2")
    for call, request, body, response, expected in SENT:
        server.add_response(json.dumps(response).encode(), 200, {"Content-Type": "application/json"})
        result: Any = mode.run(call(client))
        sent = server.requests[-1]
        assert f"{sent.method} {sent.target}" == request
        assert (sent.json if sent.body else None) == body
        assert sent.one("Authorization") == f"Bearer {server.api_key}"
        assert bool(sent.all("Idempotency-Key")) == (sent.method == "POST")
        dump: Any = result.model_dump(mode="json") if hasattr(result, "model_dump") else result
        assert {name: dump[name] for name in response} == response
        assert {name: getattr(result, name) for name in expected} == expected
    server.add_response(b"", 204, {})
    mode.run(client.memory.delete("k", scope="global"))
    server.add_response(b"", 204, {})
    mode.run(client.workflows.delete("wf-1"))
    assert [f"{each.method} {each.target}" for each in server.requests[-2:]] == [
        "DELETE /api/v1/memory/k?scope=global&hard_delete=false",
        "DELETE /api/v1/workflows/wf-1",
    ]


def test_a_call_that_the_server_does_not_have_is_refused_before_anything_is_sent() -> None:
    transport = ScriptedTransport(http_response({"data": []}))
    client = Fibonacci("key", api_version="0.2", transport=transport)
    names = {f"{each.method} {each.path}": each.id for each in operations()}
    assert names.keys() == CALLS.keys()

    def check(row: EndpointRow) -> None:
        (endpoint,) = (each for each, name in names.items() if name == row.call)
        entry = CALLS[endpoint]
        if not isinstance(entry, Missing):
            return
        assert entry.call == row.call
        with pytest.raises(UnsupportedCallError, match="Nothing was sent") as caught:
            list(row.on(client))
        error = caught.value
        assert (error.call, error.endpoint, error.api_version) == (row.call, endpoint, "0.2")
        assert str(error).endswith(entry.instead)

    check_rows(((str(row), row) for row in ROWS), check)
    for call in (
        lambda: client.executions.list().first(),
        lambda: client.executions.cancel_all(workflow_id="wf-1"),
        lambda: client.workflows.run("wf-1", cancel_on_exit=True),
    ):
        with pytest.raises(UnsupportedCallError, match=r"workflow_id=|executions\.wait"):
            call()
    assert not transport.requests


def test_a_definition_is_sent_in_the_words_of_0_2_4(server: ScriptedServer) -> None:
    flow = WorkflowBuilder("Support")
    ask = flow.llm("ask", "Is {{input.mail}} urgent?", model="m", retries=2)
    with flow.when("urgent", ask, "equals", "yes"):
        flow.tool("page", "slack_send_message", {"message": ask}, timeout=5)
    flow.critic("judge", ask, criteria=["clear"])
    client = client_of(server)
    for _ in range(2):
        server.add_response({"id": "wf-1"})
    client.workflows.create(flow)
    client.workflows.update("wf-1", definition=flow.definition)
    for request in server.requests:
        llm, condition, tool, critic = request.json["definition"]["nodes"]
        assert llm["config"] == {"model": "m", "max_retries": 2}
        assert not {"model", "enable_retry", "max_retries"} & llm.keys()
        assert condition["type"] == "condition"
        assert (tool["tool_name"], tool["tool_params"]["message"]) == ("slack_send_message", "{{ask}}")
        assert tool["config"] == {"timeout": 5}
        assert critic["evaluation_criteria"] == ["clear"]
    deep: Any = "x"
    for _ in range(300):
        deep = [deep]
    definition: Any
    for definition in ({"nodes": [{"id": "a", "type": "llm", "context": deep}], "edges": []}, {"nodes": ["a"]}, {}):
        server.add_response({"id": "wf-1"})
        client.workflows.update("wf-1", definition=definition)
        assert server.requests[-1].json == {"definition": definition}


class Lists:
    """A server with a list of workflows, which has at most so many on a page."""

    def __init__(self, items: int, most: int) -> None:
        self.items, self.most = items, most
        self.queries: list[dict[str, str]] = []

    def send(self, request: HTTPRequest, deadline: Deadline) -> HTTPResponse:
        query = dict(parse_qsl(urlsplit(request.target).query))
        self.queries.append(query)
        skip, limit = int(query["skip"]), min(int(query["limit"]), self.most)
        found = range(skip, min(skip + limit, self.items))
        return http_response([{"id": f"wf-{number}"} for number in found])

    def close(self) -> None:
        """Nothing is open."""


@example(items=5, most=3, size=None, taken=4)
@given(items=st.integers(0, 40), most=st.integers(1, 45), size=st.none() | st.integers(1, 45), taken=st.integers(0, 45))
def test_a_list_is_read_to_its_end_however_many_the_server_has_on_a_page(
    items: int, most: int, size: int | None, taken: int
) -> None:
    expected = [f"wf-{number}" for number in range(items)]
    server = Lists(items, most)
    client = Fibonacci("key", api_version="0.2", transport=server, rate_limiter="off")
    assert [each.id for each in client.workflows.list(page_size=size)] == expected
    pages = -(-items // min(most, size or 100))
    assert len(server.queries) <= pages + 1
    assert {query["limit"] for query in server.queries} == {str(size or 100)}
    assert [each.id for each in client.workflows.list(page_size=size).take(taken)] == expected[:taken]
    first = next(client.workflows.list(page_size=size).pages())
    if first.next_cursor is not None:
        rest = client.workflows.list(page_size=3, cursor=first.next_cursor)  # another size than before
        assert [each.id for each in [*first.items, *rest]] == expected


def test_a_list_of_a_server_that_ignores_skip_ends() -> None:
    transport = ScriptedTransport(http_response([{"id": f"wf-{number}", "name": "a"} for number in range(3)]))
    client = Fibonacci("key", api_version="0.2", transport=transport, rate_limiter="off")
    pager, seen = iter(client.workflows.list()), list[str]()
    with pytest.raises(PaginationError, match="the same items a second time"):
        seen.extend(workflow.id for workflow in pager)
    assert (seen, len(transport.requests)) == (["wf-0", "wf-1", "wf-2"], 2)
    with pytest.raises(PaginationError):
        client.workflows.find("b")


def test_the_runs_of_a_workflow_are_listed_and_tools_are_one_page(server: ScriptedServer) -> None:
    client = client_of(server)
    server.add_response([{"id": "run-1", "workflow_id": "wf/1", "status": "failed", "duration_seconds": None}])
    server.add_response([])
    (run,) = client.executions.list(workflow_id="wf/1", status="failed", page_size=7)
    assert (run.id, run.duration_ms, run.outputs) == ("run-1", None, {})
    where = "/api/v1/workflows/wf%2F1/runs?status_filter=failed"
    assert [each.target for each in server.requests] == [f"{where}&skip=0&limit=7", f"{where}&skip=1&limit=7"]
    server.add_response([{"name": "a"}, {"name": "b"}])
    assert [each.name for each in client.tools.list(page_size=1)] == ["a", "b"]
    assert server.requests[-1].target == "/api/v1/tools"
    for call in (client.tools.list, client.workflows.list):
        with pytest.raises(ValueError, match=r"^cursor"):
            call(cursor="a").first()


@pytest.mark.parametrize(
    ("status", "detail", "kind", "message", "details"),
    [
        (401, "Invalid credentials", AuthenticationError, "Invalid credentials", []),
        (404, "Workflow not found", NotFoundError, "Workflow not found", []),
        (500, None, ServerError, "null", [("", "null")]),
        (
            422,
            [
                {"loc": ["body", "nodes", 0, "id"], "msg": "field required", "type": "value_error.missing"},
                {"loc": ["query", "skip"], "msg": "not an integer"},
                "no object",
            ],
            ValidationError,
            'nodes.0.id: field required; skip: not an integer; "no object"',
            [("nodes.0.id", "field required"), ("skip", "not an integer"), ("", '"no object"')],
        ),
    ],
)
def test_an_error_of_0_2_4_has_its_class_and_its_text(
    server: ScriptedServer, status: int, detail: Any, kind: type[APIStatusError], message: str, details: list[Any]
) -> None:
    server.add_response({"detail": detail}, status, {"Retry-After": "7"})
    with pytest.raises(kind) as caught:
        client_of(server).with_options(max_retries=0).workflows.get("wf-1")
    error: Any = caught.value
    assert type(error) is kind
    assert (error.message, error.code, error.path) == (message, None, "/api/v1/workflows/wf-1")
    assert [(each["field"], each["message"]) for each in error.details] == details
    assert error.body["detail"] == detail
    assert error.retry_after == 7


def test_what_has_the_form_of_the_documented_api_says_so(server: ScriptedServer) -> None:
    client = client_of(server)
    entry = {"data": {"key": "k", "value": 1, "scope": "workflow"}, "meta": {}}
    for call in (lambda: client.memory.get("k"), client.tools.list().first, lambda: client.executions.get("run-1")):
        server.add_response(entry)
        with pytest.raises(APIResponseError, match=r"^GET /api/v1/.*envelope of data and meta: ") as caught:
            call()
        assert caught.value.message.endswith(other_api("0.2"))
    for status, hint in ((404, other_api("0.2")), (405, other_api("0.2")), (403, "")):
        server.add_response({"error": {"code": "not_found", "message": "There is no GET /api"}}, status)
        with pytest.raises(APIStatusError) as refused:
            client.workflows.get("wf-1")
        assert refused.value.message == f"There is no GET /api{hint}"
    server.add_response(entry)
    assert client.request("GET", "/of/the/user") == entry


def test_what_the_server_does_not_send_twice_is_not_repeated(server: ScriptedServer) -> None:
    """An update is a PATCH there, and a memory write a POST: the documented PUTs would be sent again."""
    client = client_of(server)
    for call in (
        lambda: client.workflows.update("wf-1", name="a"),
        lambda: client.memory.set("k", 1),
        lambda: client.workflows.execute("wf-1"),
    ):
        server.add_response({"detail": "later"}, 503)
        earlier = len(server.requests)
        with pytest.raises(ServerError, match="later") as caught:
            call()
        assert caught.value.outcome_unknown
        assert len(server.requests) == earlier + 1


@pytest.mark.parametrize(
    ("ttl", "problem"),
    [
        (5000, "3600, not 5000"),
        (0, "3600, not 0"),
        (9001, "10800, not 9001"),
        (True, "not bool"),
        (3600.0, "not float"),
    ],
)
def test_a_time_to_live_is_whole_hours(ttl: Any, problem: str) -> None:
    transport = ScriptedTransport(http_response(ENTRY))
    client = Fibonacci("key", api_version="0.2", transport=transport)
    with pytest.raises((ValueError, TypeError), match=f"^ttl must be .*{problem}"):
        client.memory.set("k", 1, ttl=ttl)
    assert not transport.requests


class TestConfiguration:
    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            (None, "https://api.fibonacci.today"),
            ("https://gate.example/fib/", "https://gate.example/fib"),
            ("https://gate.example/api/v1/", "https://gate.example"),
        ],
    )
    def test_the_base_url_is_the_root_of_the_server(
        self, monkeypatch: pytest.MonkeyPatch, given: str | None, expected: str
    ) -> None:
        monkeypatch.delenv("FIBONACCI_BASE_URL", raising=False)
        assert Fibonacci("key", api_version="0.2", base_url=given).base_url == expected
        monkeypatch.setenv("FIBONACCI_API_VERSION", "0.2")
        client = Fibonacci("key", base_url=given)
        assert client.base_url == expected
        assert client.with_options(base_url="https://b.example/api/v1").base_url == "https://b.example"

    def test_what_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(ConfigurationError, match=r"base_url ends in /v1, .* pass the root of a server"):
            Fibonacci("key", api_version="0.2", base_url="https://api.fibonacci.dev/v1")
        for version, kind in (("v2", ConfigurationError), (0.2, TypeError)):
            with pytest.raises(kind, match=r"^api_version must be"):
                Fibonacci("key", api_version=version)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        monkeypatch.setenv("FIBONACCI_API_VERSION", "1")
        with pytest.raises(ConfigurationError, match=r"variable FIBONACCI_API_VERSION must be .v1"):
            Fibonacci("key")
