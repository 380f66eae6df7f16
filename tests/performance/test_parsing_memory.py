"""What parsing may cost: a body that is small and becomes many objects is refused before it is parsed."""

from __future__ import annotations

import gzip
import subprocess
import sys

import pytest

from fibonacci import APIResponseError
from fibonacci._core import json_bodies
from tests.kit.mode import Mode
from tests.kit.server import ScriptedServer
from tests.kit.steps import deep_json, ok, respond
from tests.kit.systems import linux_only

MB = 1024 * 1024
TOO_MANY = "too many values"
ENDS = {
    "bare arrays, untyped": TOO_MANY,
    "bare arrays, typed": TOO_MANY,
    "bare arrays, list of numbers": TOO_MANY,
    "bare arrays, page": TOO_MANY,
    **{f"{name}, page": TOO_MANY for name in ("arrays", "objects", "members", "numbers", "nested")},
    **{f"{name}, error": "status 400, body of str" for name in ("arrays", "objects", "members", "numbers", "nested")},
    "fewer arrays": "list of 500000",
    "fewer nested": "list of 2996",
    "a text": f"str of {60 * MB}",
    "commas": f"str of {48 * MB}",
    "half of a pair": "list of 196609",
    "page": "list of 10000",
}


@pytest.mark.slow
@linux_only
def test_no_body_takes_much_memory() -> None:
    command = [sys.executable, "-W", "error", "-m", "tests.performance.parse_bodies"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert run.returncode == 0, run.stderr
    assert dict(line.split(": ", 1) for line in run.stdout.splitlines()) == ENDS


@pytest.fixture
def few_values(monkeypatch: pytest.MonkeyPatch) -> int:
    """Let 65,536 values be as many as are allowed; the program above has a million of them."""
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
