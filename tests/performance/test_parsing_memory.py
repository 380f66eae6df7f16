"""What parsing may cost: a body that is small and becomes many objects is refused before it is parsed."""

from __future__ import annotations

import gzip

import pytest

from fibonacci import APIResponseError, APIStatusError, Fibonacci
from fibonacci._core import json_bodies
from tests.kit.assertions import each_row
from tests.kit.mode import Mode
from tests.kit.server import ScriptedServer
from tests.kit.steps import deep_json, ok, respond


@pytest.fixture
def few_values(monkeypatch: pytest.MonkeyPatch) -> int:
    """Let 65,536 values be as many as are allowedin place of a million."""
    few = 65_536
    monkeypatch.setattr(json_bodies, "MAX_VALUES", few)
    monkeypatch.setattr(json_bodies, "_CHEAP_TO_PARSE", 3 * few)
    return few


def test_too_many_values_from_a_server(mode: Mode, few_values: int) -> None:
    body = gzip.compress(b'{"data":[' + b"[]," * (few_values + 999) + b"[]]}")
    assert len(body) < 1000
    bomb = respond(200, body, {"Content-Encoding": "gzip"})
    with ScriptedServer(bomb, respond(200, deep_json(50_000), {}), ok) as server:
        client = mode.client_of(server, max_response_bytes=few_values * 64)
        error = mode.end(client.request, "POST", "/x").api_error
        assert isinstance(error, APIResponseError)
        assert "the body has more than 65,536 JSON values, which take too much memory. A larger max_resp" in str(error)
        assert error.outcome_unknown
        assert len(error.body) == 64 * 1024
        assert "recursion limit" in str(mode.end(client.request, "GET", "/x").api_error)
        assert mode.run(client.request("GET", "/x")) == {"fine": True}
    assert server.delivered == 3


def test_a_larger_limit_allows_more_values(mode: Mode, few_values: int) -> None:
    number = 2 * few_values + 1
    body = b"[" + b"1," * (number - 1) + b"1]"
    with ScriptedServer(respond(200, body)) as server:
        client = mode.client_of(server, max_response_bytes=(number + 1) * 64)
        assert len(mode.run(client.request("GET", "/x"))) == number
    assert server.delivered == 1


@each_row("value", [b"[]", b"{}", b'{"":0}', b"0", b'{"":' * 150 + b"0" + b"}" * 150])
def test_values_of_each_kind_count_in_a_page_and_in_an_error(few_values: int, value: bytes) -> None:
    body = b'{"data":[' + b",".join([value] * (2 * few_values // max(value.count(b"{"), 1) + 1)) + b"]}"
    with (
        ScriptedServer(respond(200, body), respond(400, body)) as server,
        Fibonacci(server.api_key, base_url=server.base_url, max_response_bytes=few_values * 64) as client,
    ):
        with pytest.raises(APIResponseError, match="more than 65,536 JSON values"):
            client.workflows.list().first()
        with pytest.raises(APIStatusError) as caught:
            client.workflows.get("wf-1")
        assert type(caught.value.body) is str
