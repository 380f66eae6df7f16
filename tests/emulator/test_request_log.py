from __future__ import annotations

import json

import pytest

from fibonacci.emulator import Emulator, Requests, request_log
from fibonacci.emulator.http.messages import JSON_BODY
from tests.emulator.api import START, Api
from tests.kit.assertions import each_row


@pytest.fixture
def requests(api: Api) -> Requests:
    return Requests(api.app.log)


def test_a_record_has_the_complete_request(api: Api, requests: Requests) -> None:
    api("PUT", "/memory/a%2Fb?x=1&x=2&y=", {"value": 1}, x_team="blue", cookie="session=secret")
    (got,) = requests
    assert (got.method, got.path, got.template) == ("PUT", "/memory/a%2Fb", "/memory/{key}")
    assert (got.query, got.headers, got.json) == ({"x": "2", "y": ""}, {"x-team": "blue", **JSON_BODY}, {"value": 1})
    assert (got.status, got.time) == (200, START)


def test_refused_requests_are_recorded_too(api: Api, requests: Requests) -> None:
    api("GET", "/health", authorization="Bearer wrong")
    api("POST", "/nowhere", b"{")
    api("GET", "/memory/%ff", b"[" * 100_000)
    api("PUT", "/memory/k", b'{"value": NaN}')
    assert [(got.status, got.template, got.json) for got in requests] == [
        (401, "/health", None),
        (404, None, None),
        (400, None, None),
        (400, "/memory/{key}", None),
    ]
    assert requests.to("*").count == requests.to("* *").count == 4
    assert requests.to("* /memory/{key}").count == 1  # a path that cannot be decoded is no endpoint's


def test_requests_to_one_endpoint(api: Api, requests: Requests) -> None:
    workflow, other = api.workflow(), api.workflow()
    for inputs in ({"n": 1}, {"n": 2}):
        api("POST", f"/workflows/{workflow}/execute", {"inputs": inputs})
    runs = requests.to("POST /workflows/{id}/execute")
    assert (runs.count, len(runs), len(list(runs))) == (2, 2, 2)
    assert [runs[0].json, runs.last.json] == [{"inputs": {"n": 1}}, {"inputs": {"n": 2}}]
    assert requests.to("post /v1/workflows").count == 2
    assert requests.to(f"POST /workflows/{workflow}/execute").count == 2
    assert requests.to(f"POST /workflows/{other}/execute").count == 0
    assert requests.to("* /workflows/{anything}/execute").count == 2
    assert requests.to("GET *").count == 0
    api("GET", "/memory/a%2Fb")
    assert requests.to("GET /memory/a%2Fb").count == 1
    runs.clear()
    assert (runs.count, requests.count) == (0, 3)
    requests.clear()
    assert requests.count == 0


@each_row(
    ("route", "complaint"),
    [
        ("POST /workflow/{id}/execute", "Similar ones are: .*POST /v1/workflows/{workflow_id}/execute"),
        ("PATCH /workflows", "There is no PATCH /workflows. Similar ones are: GET /v1/workflows"),
        ("/workflows", "a route must be"),
        ("", "a route must be"),
        ("GET workflows", "a route must be"),
        ("GET /", "There is no GET"),
        ("GET /{x}", "There is no GET"),
        ("GET /memory/%ff", "not percent-encoded"),
    ],
)
def test_a_route_that_matches_no_endpoint_is_an_error(requests: Requests, route: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        requests.to(route)


def test_a_missing_request_names_those_received(api: Api, requests: Requests) -> None:
    runs = requests.to("POST /workflows/{id}/execute")
    assert repr(runs) == "<0 requests to POST /workflows/{id}/execute. No request was received>"
    api("GET", "/tools?limit=1")
    with pytest.raises(LookupError, match=r"The last requests of all: GET /v1/tools\?limit=1"):
        _ = runs.last
    assert repr(requests) == "<1 requests>"


def test_the_limits_of_the_record(api: Api, requests: Requests, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_log, "KEPT_REQUESTS", 3)
    for number in range(5):
        api("GET", f"/memory/{number}")
    assert [got.path for got in requests] == ["/memory/2", "/memory/3", "/memory/4"]
    monkeypatch.setattr(request_log, "KEPT_BYTES", 250)
    for number in range(2):
        api("PUT", f"/memory/{number}", json.dumps({"value": "x" * 100}).encode())
    assert [got.path for got in requests] == ["/memory/4", "/memory/0", "/memory/1"]
    api("PUT", "/memory/2", json.dumps({"value": "x" * 150}).encode())
    assert [got.path for got in requests] == ["/memory/2"]


def test_the_key_is_in_no_record() -> None:
    with Emulator() as emulator:
        emulator.client().health.check()
        (got,) = emulator.requests
        assert emulator.api_key not in repr(got)
        assert got.headers["content-type"] == "application/json"
        assert emulator.requests.to("GET /health").last == got
