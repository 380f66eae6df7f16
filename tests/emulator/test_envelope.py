from __future__ import annotations

import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fibonacci.emulator.http.messages import ServerRequest
from fibonacci.emulator.routes import ENDPOINTS
from tests.emulator.api import KEY, START, Api, segment
from tests.kit.assertions import each_row


def test_the_envelopes_of_a_success(api: Api) -> None:
    full = api("GET", "/health")
    assert set(full.json) == {"data", "meta"}
    assert full.json["meta"] == {"request_id": full.headers["X-Request-Id"]}
    assert set(api("POST", f"/workflows/{api.workflow()}/execute", {}).json) == {"data"}
    assert api("GET", "/health/secrets").json["checks"] == {"list_secrets": "ok", "get_secret": "ok"}
    listed = api("GET", "/tools")
    assert listed.json["meta"] == {"request_id": listed.headers["X-Request-Id"], "next_cursor": None}


def test_every_response_has_the_documented_headers(api: Api) -> None:
    responses = [
        api("GET", "/health"),
        api("GET", "/workflows/wf-none"),
        api("GET", "/nowhere"),
        api("POST", "/workflows", b"{"),
        api("DELETE", f"/workflows/{api.workflow()}"),
    ]
    unknown = Api(key="wrong")("GET", "/health")
    assert (unknown.status, [name for name in unknown.headers if "RateLimit" in name]) == (401, [])
    for response in responses:
        assert response.headers["Date"] == "Fri, 15 Jan 2027 08:00:00 GMT"
        assert response.headers["X-Request-Id"].startswith("req_")
        assert int(response.headers["X-RateLimit-Limit"]) >= int(response.headers["X-RateLimit-Remaining"]) >= 0
        assert int(response.headers["X-RateLimit-Reset"]) >= START + 60
        if response.status == 204:
            assert (response.body, "Content-Type" in response.headers) == (b"", False)
        else:
            assert response.headers["Content-Type"] == "application/json"
            assert int(response.headers["Content-Length"]) == len(response.body)


@each_row("authorization", [None, "", "Bearer", "Bearer ", f"Basic {KEY}", "Bearer wrong", KEY])
def test_every_endpoint_requires_the_key(api: Api, authorization: str | None) -> None:
    headers = {} if authorization is None else {"authorization": authorization}
    for endpoint in ENDPOINTS if authorization is None else ENDPOINTS[:1]:
        response = api.app.handle(ServerRequest(endpoint.method, f"/v1{endpoint.path}", headers))
        assert (str(endpoint), response.status) == (str(endpoint), 401)
        assert b'"code":"unauthorized"' in response.body
        assert ("WWW-Authenticate", "Bearer") in response.headers


def test_the_case_of_the_scheme_does_not_matter(api: Api) -> None:
    assert api("GET", "/health", authorization=f"bearer {KEY}").status == 200


@each_row(
    ("method", "path", "allowed"),
    [
        ("PATCH", "/workflows", "GET, POST"),
        ("TRACE", "/workflows/wf-1", "DELETE, GET, PUT"),
        ("OPTIONS", "/health", "GET"),
        ("HEAD", "/health", "GET"),
        ("GET", "/workflows/wf-1/execute", "POST"),
    ],
)
def test_another_method_is_refused_with_the_allowed_ones(api: Api, method: str, path: str, allowed: str) -> None:
    response = api(method, path)
    assert (response.status, response.code, response.headers["Allow"]) == (405, "method_not_allowed", allowed)


@each_row(
    "path",
    ["/nowhere", "/workflows/", "/workflows//execute", "//", "/workflows/a/b/c/d", "/memory/a/b"],
)
def test_an_unknown_path_is_404(api: Api, path: str) -> None:
    response = api("GET", path)
    assert (response.status, response.code) == (404, "not_found")


def test_an_unknown_path_names_the_closest_ones(api: Api) -> None:
    assert "POST /v1/workflows" in api("POST", "/workflow").json["error"]["message"]
    assert "/v1/workflows/{workflow_id}" in api("POST", "/workflows/1/run").json["error"]["message"]


@each_row("target", ["*", "", "v1/health", "xv1/health", "/health", "/v2/health", "/", "/v1", "/v1/"])
def test_a_target_outside_v1_is_404(target: str) -> None:
    assert Api().app.handle(ServerRequest("GET", target, {"authorization": f"Bearer {KEY}"})).status == 404


def test_a_path_that_is_not_utf8_is_400(api: Api) -> None:
    assert api("GET", "/memory/%ff").code == "bad_request"
    assert api("GET", "/tools?cursor=%ff").code == "bad_request"


@each_row(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b'{"name": NaN}',
        b'{"name": 1e999}',
        b'{"name": -Infinity}',
        b'{"name": ' + b"9" * 5000 + b"}",
        b"[" * 100_000,
        b'{"name": ' + b"[" * 200 + b"]" * 200 + b"}",
    ],
)
def test_a_body_that_is_not_json_is_400(api: Api, body: bytes) -> None:
    response = api("POST", "/workflows", body)
    assert (response.status, response.code) == (400, "bad_request")


def test_a_body_with_many_containers_that_are_not_deep_is_read(api: Api) -> None:
    assert api("PUT", "/memory/wide", {"value": [[0]] * 500}).status == 200


@each_row(
    ("body", "fields"),
    [
        ([], ["body"]),
        ({}, ["name"]),
        ({"name": 5}, ["name"]),
        ({"name": ""}, ["name"]),
        ({"name": None, "description": 5, "what": 1}, ["name", "description", "what"]),
        ({"name": "x", "definition": []}, ["definition"]),
        ({"name": "\ud800"}, ["name"]),
    ],
)
def test_an_invalid_body_is_422_naming_the_fields(api: Api, body: Any, fields: list[str]) -> None:
    response = api("POST", "/workflows", body)
    assert (response.status, response.code, response.fields) == (422, "validation_error", fields)
    assert all(detail["message"] for detail in response.json["error"]["details"])
    assert api("GET", "/workflows").data == []


def test_a_bug_of_the_emulator_is_an_internal_error(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr("fibonacci.emulator.http.router.Router.find", broken)
    with caplog.at_level(logging.ERROR):
        response = api("POST", "/workflows", {"name": "x"}, idempotency_key="k")
    assert (response.status, response.code) == (500, "internal_error")
    assert "a fault" in caplog.text
    monkeypatch.undo()
    assert api("POST", "/workflows", {"name": "x"}, idempotency_key="k").status == 201


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_a_key_of_any_characters_is_one_segment(key: str) -> None:
    api = Api()
    path = f"/memory/{segment(key)}"
    assert api("PUT", path, {"value": key}).status == 200
    assert api("GET", path).data["key"] == key
    assert api("DELETE", path).status == 204


TARGETS = st.text("/v1%2Fworkflowstools?=&.{}\\ abc%ff", max_size=40)


@given(st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "BREW"]), TARGETS, st.binary(max_size=20))
def test_no_path_breaks_the_emulator(method: str, path: str, body: bytes) -> None:
    response = Api()(method, f"/{path}", body)
    assert response.status < 500
    assert response.status == 204 or response.json
