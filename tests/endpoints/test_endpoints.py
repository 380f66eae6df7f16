"""Every call over a real socket: what is on the wire, and what comes back."""

from __future__ import annotations

import json
import re
from typing import Any

from fibonacci import __version__
from fibonacci.models import RateLimit, Tool
from tests.contract.conformance import validate_request, validate_response
from tests.contract.document import operations
from tests.endpoints.endpoint_row import NO_BODY, EndpointRow
from tests.endpoints.table import ROWS
from tests.kit.assertions import check_rows, each_row
from tests.kit.mode import Mode, both_modes
from tests.kit.peer import ReceivedRequest
from tests.kit.server import ScriptedServer

SHAPES = ("data and meta", "data alone", "bare")
HEADERS = {
    "X-Request-Id": "req_header",
    "X-RateLimit-Limit": "60",
    "X-RateLimit-Remaining": "59",
    "X-RateLimit-Reset": "1800000000",
    "Date": "Fri, 15 Jan 2027 07:59:30 GMT",
}


def in_shape(data: Any, shape: str) -> Any:
    """Return a response with that data in one of the three shapes of the documentation."""
    if shape == "data and meta":
        return {"data": data, "meta": {"request_id": "req_meta", "next_cursor": None}}
    return {"data": data} if shape == "data alone" else data


def exactly(value: Any) -> str:
    """JSON as text, in which 1, 1.0 and true differ."""
    return json.dumps(value, sort_keys=True)


def dumped(result: Any) -> Any:
    return None if result is None else result.model_dump(mode="json")


@both_modes
def test_a_call_and_its_documented_response(mode: Mode, server: ScriptedServer) -> None:
    """In asyncio every row of the table; in sync, which is derived from it, every call of the table once."""
    client = mode.client_of(server, max_retries=0, headers={"X-Team": "blue"})

    def check(row: EndpointRow) -> None:
        content = in_shape(row.data, "bare" if row.bare else "data and meta")
        body = b"" if row.status == 204 else json.dumps(content).encode()
        server.add_response(body, row.status, HEADERS)
        earlier = len(server.requests)

        result = mode.run(row.on(client))

        (sent,) = server.requests[earlier:]
        assert (sent.method, sent.target) == (row.method, f"/v1{row.target}")
        assert sent.body == b"" if row.body is NO_BODY else exactly(sent.json) == exactly(row.body)
        check_headers(sent, server)
        check_result(row, result, row.status, "req_header" if row.bare else "req_meta")
        url = server.origin + sent.target
        if mode.is_async:  # what the other mode sends is the same
            assert validate_request(sent.method, url, dict(sent.headers), sent.body).id == row.call
            if row.call not in valid:
                type_of_body = {} if row.status == 204 else {"Content-Type": "application/json"}
                validate_response(sent.method, url, row.status, {**HEADERS, **type_of_body}, body)
                valid.add(row.call)

    rows = ROWS if mode.is_async else list({row.call: row for row in ROWS}.values())
    valid = set[str]()
    check_rows(((str(row), row) for row in rows), check)

    posts = [sent for sent in server.requests if sent.method == "POST"]
    keys = [key for sent in server.requests for key in sent.all("Idempotency-Key")]
    assert len(set(keys)) == len(keys) == len(posts) > 5
    assert all(len(key) >= 32 for key in keys)


def check_headers(sent: ReceivedRequest, server: ScriptedServer) -> None:
    assert sent.one("Authorization") == f"Bearer {server.api_key}"
    assert sent.one("Content-Type") == "application/json"
    assert sent.one("Accept") == "application/json"
    assert sent.one("Host") == server.origin.removeprefix("http://")
    assert re.fullmatch(rf"fibonacci-sdk/{re.escape(__version__)} python/3\.\d+", sent.one("User-Agent"))
    assert sent.one("X-Team") == "blue"
    assert sent.all("Content-Length") == ([] if sent.method in ("GET", "DELETE") else [str(len(sent.body))])
    assert sent.all("Transfer-Encoding") == []
    assert len(sent.all("Idempotency-Key")) == (sent.method == "POST")


def check_result(row: EndpointRow, result: Any, status: int, request_id: str) -> None:
    results = result if row.is_list else [result]
    assert [type(each) for each in results] == [row.returns] * len(results)
    assert exactly([dumped(each) for each in results]) == exactly(row.data if row.is_list else [row.data])
    for each in results if row.data else []:
        info = each.response
        assert (info.status_code, info.attempts) == (status, 1)
        assert info.request_id == request_id
        assert info.headers["x-request-id"] == "req_header"
        assert info.elapsed > 0
        assert isinstance(info.rate_limit, RateLimit)
        assert (info.rate_limit.limit, info.rate_limit.remaining) == (60, 59)
        assert info.rate_limit.reset_at.timestamp() == 1_800_000_000


@each_row("shape", SHAPES)
def test_a_response_may_have_any_of_the_three_shapes(mode: Mode, server: ScriptedServer, shape: str) -> None:
    client = mode.client_of(server, max_retries=0)
    calls = ["workflows.get", "workflows.delete", "health.check", "memory.set"]
    if shape != "bare":  # a bare array is no documented list
        calls.append("workflows.list")
    for row in {row.call: row for row in ROWS if row.call in calls}.values():
        status = 204 if row.data is None and shape == "data and meta" else 200
        server.add_response(in_shape(row.data, shape), status, HEADERS)
        result = mode.run(row.on(client))
        check_result(row, result, 200, "req_meta" if shape == "data and meta" else "req_header")


def test_every_documented_operation_has_a_row() -> None:
    assert {row.call for row in ROWS} == {operation.id for operation in operations()}


def test_an_execution_may_have_its_id_under_another_name(mode: Mode, server: ScriptedServer, caller: Any) -> None:
    server.add_response({"data": {"id": "exec_1", "status": "running", "outputs": None}})
    server.add_response({"data": [{"id": "exec_2", "status": "running"}]})
    assert mode.run(caller.executions.get("exec_1")).id == "exec_1"
    assert [each.id for each in mode.run(caller.executions.list())] == ["exec_2"]


class TestRequest:
    """`client.request`, for any path."""

    def test_a_known_path_conforms_too(self, mode: Mode, server: ScriptedServer, caller: Any) -> None:
        server.add_response({"data": {"id": "wf-1"}, "meta": {"request_id": "req_1"}})
        assert mode.run(caller.request("get", "/workflows/wf-1")) == {"id": "wf-1"}
        sent = server.last
        operation = validate_request(sent.method, server.origin + sent.target, dict(sent.headers), sent.body)
        assert operation.id == "workflows.get"

    def test_everything_given(self, mode: Mode, server: ScriptedServer, caller: Any) -> None:
        server.add_response({"data": [1, 2]})
        call = caller.request(
            "post",
            "/new/path with space/a%2Fb",
            params={"q": "a&b", "flag": True, "none": None, "n": 1, "f": 0.5},
            json={"k": [None]},
            returns=list[int],
        )
        assert mode.run(call) == [1, 2]
        assert server.last.method == "POST"
        assert server.last.target == "/v1/new/path%20with%20space/a%2Fb?q=a%26b&flag=true&n=1&f=0.5"
        assert server.last.json == {"k": [None]}
        assert server.last.one("Idempotency-Key")

    def test_models_of_a_list_have_their_response_too(self, mode: Mode, server: ScriptedServer, caller: Any) -> None:
        server.add_response({"data": [{"name": "a"}, {"name": "b"}], "meta": {"request_id": "req_1"}})
        tools = mode.run(caller.request("GET", "/tools", returns=list[Tool]))
        assert [(tool.name, tool.response.request_id) for tool in tools] == [("a", "req_1"), ("b", "req_1")]

    def test_none_is_sent_as_null(self, mode: Mode, server: ScriptedServer, caller: Any) -> None:
        bodies: list[tuple[Any, bytes]] = [(None, b"null"), ({}, b"{}"), ([], b"[]"), (0, b"0")]
        for json_body, on_the_wire in bodies:
            server.add_response({"data": None})
            assert mode.run(caller.request("PUT", "/thing", json=json_body)) is None
            assert server.last.body == on_the_wire

    def test_a_query_in_the_path_is_kept_and_added_to(self, mode: Mode, server: ScriptedServer, caller: Any) -> None:
        server.add_response({"data": 1})
        assert mode.run(caller.request("GET", "/thing?a=1", params={"b": "2"})) == 1
        assert server.last.query == "a=1&b=2"

    def test_a_response_without_a_body_is_none(self, mode: Mode, server: ScriptedServer, caller: Any) -> None:
        server.add_response(status=204)
        assert mode.run(caller.request("DELETE", "/thing")) is None

    @each_row("method", ["OPTIONS", "REPORT"])
    def test_request_sends_any_method(self, mode: Mode, server: ScriptedServer, caller: Any, method: str) -> None:
        server.add_response({"data": {"data": 1, "more": 2}})
        assert mode.run(caller.request(method, "/thing")) == {"data": 1, "more": 2}
        assert server.last.method == method
