"""What every request gets: headers, refusals, a page of a list, the first response again, and its share of the plan."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fibonacci.emulator.account import Rate
from tests.emulator.api import START, Api, segment
from tests.kit.assertions import each_row


@each_row(
    ("method", "path", "allowed"),
    [
        ("PATCH", "/workflows", "GET, POST"),
        ("OPTIONS", "/health", "GET"),
        ("GET", "/workflows/wf-1/execute", "POST"),
    ],
)
def test_another_method_is_refused_with_the_allowed_ones(api: Api, method: str, path: str, allowed: str) -> None:
    response = api(method, path)
    assert (response.status, response.code, response.headers["Allow"]) == (405, "method_not_allowed", allowed)


def test_an_unknown_path_is_404_and_names_the_closest_ones(api: Api) -> None:
    for path in ("/workflows/", "/workflows//execute", "//", "/memory/a/b"):
        assert api("GET", path).code == "not_found"
    assert "/v1/workflows/{workflow_id}" in api("POST", "/workflows/1/run").json["error"]["message"]


@each_row(
    "body",
    [
        *(b"", b"{", b"\xff", b'{"name": NaN}', b'{"name": 1e999}', b'{"name": ' + b"9" * 5000 + b"}"),
        *(b"[" * 100_000, b'{"name": ' + b"[" * 200 + b"]" * 200 + b"}"),
    ],
)
def test_a_body_that_is_not_json_is_400(api: Api, body: bytes) -> None:
    response = api("POST", "/workflows", body)
    assert (response.status, response.code) == (400, "bad_request")


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


class TestIdempotencyKeys:
    def test_a_repeated_post_is_carried_out_once(self, api: Api) -> None:
        first = api("POST", "/workflows", {"name": "x"}, idempotency_key="key-1")
        again = api("POST", "/workflows", {"name": "x"}, idempotency_key="key-1")
        assert (again.status, again.body) == (201, first.body)
        assert again.headers["X-Request-Id"] == first.headers["X-Request-Id"] == first.json["meta"]["request_id"]
        assert int(again.headers["X-RateLimit-Remaining"]) == int(first.headers["X-RateLimit-Remaining"]) - 1
        assert len(api("GET", "/workflows").data) == 1

    def test_a_response_is_kept_for_a_day(self, api: Api) -> None:
        for key in ("a", "b"):
            api("POST", "/workflows", {"name": "x"}, idempotency_key=key)
            api.clock.time += 80_000
        assert api("POST", "/workflows", {"name": "y"}, idempotency_key="a").status == 201
        assert api("POST", "/workflows", {"name": "y"}, idempotency_key="b").status == 409

    @each_row("key", ["", "a b", "ä", "x" * 256])
    def test_a_malformed_key_is_400(self, api: Api, key: str) -> None:
        assert api("POST", "/workflows", {"name": "x"}, idempotency_key=key).code == "bad_request"


class TestRateLimits:
    def test_a_refused_request_has_no_effect_and_one_with_a_wrong_key_does_not_count(self) -> None:
        api = Api(rate=Rate(1, 60))
        for _ in range(3):
            assert api("GET", "/health", authorization="Bearer wrong").status == 401
        assert api("GET", "/health").status == 200
        assert api("POST", "/workflows", {"name": "x"}, idempotency_key="k").status == 429
        api.clock.time += 60
        assert api("GET", "/workflows").data == []
        api.clock.time += 60
        assert api("POST", "/workflows", {"name": "x"}, idempotency_key="k").status == 201

    def test_the_daily_quota_has_a_code_of_its_own(self) -> None:
        api = Api(plan="free", rate=Rate(2_000, 60))
        for _ in range(999):
            api.app.account.limits.take(api.clock.now())
        assert api("GET", "/health").status == 200
        refused = api("GET", "/health")
        assert (refused.status, refused.code) == (429, "quota_exceeded")
        assert (refused.headers["X-RateLimit-Limit"], refused.headers["X-RateLimit-Remaining"]) == ("1000", "0")
        assert int(refused.headers["X-RateLimit-Reset"]) >= START + 86_400
        assert refused.headers["Retry-After"] == "86400"
        api.clock.time += 86_400
        assert api("GET", "/health").status == 200
