"""What every request gets: headers, refusals, a page of a list, the first response again, and its share of the plan."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fibonacci.emulator.account import Rate
from fibonacci.emulator.http.messages import ServerRequest
from tests.emulator.api import KEY, START, Api, segment
from tests.kit.assertions import each_row


def test_every_response_has_the_documented_headers(api: Api) -> None:
    for response in (
        api("GET", "/health"),
        api("GET", "/workflows/wf-none"),
        api("GET", "/nowhere"),
        api("POST", "/workflows", b"{"),
        api("DELETE", f"/workflows/{api.workflow()}"),
    ):
        assert response.headers["Date"] == "Fri, 15 Jan 2027 08:00:00 GMT"
        assert response.headers["X-Request-Id"].startswith("req_")
        assert int(response.headers["X-RateLimit-Limit"]) >= int(response.headers["X-RateLimit-Remaining"]) >= 0
        assert int(response.headers["X-RateLimit-Reset"]) >= START + 60
        if response.status == 204:
            assert (response.body, "Content-Type" in response.headers) == (b"", False)
        else:
            assert response.headers["Content-Type"] == "application/json"
            assert int(response.headers["Content-Length"]) == len(response.body)


@each_row("authorization", ["", "Bearer", "Bearer ", f"Basic {KEY}", "Bearer wrong", KEY])
def test_another_key_is_refused_and_told_nothing_of_the_rate_limit(api: Api, authorization: str) -> None:
    refused = api("GET", "/health", authorization=authorization)
    assert (refused.status, refused.code, refused.headers["WWW-Authenticate"]) == (401, "unauthorized", "Bearer")
    assert [name for name in refused.headers if "RateLimit" in name] == []
    assert api("GET", "/health", authorization=f"bearer {KEY}").status == 200


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


@each_row("target", ["*", "", "xv1/health", "/health", "/v2/health", "/v1"])
def test_a_target_outside_v1_is_404(target: str) -> None:
    assert Api().app.handle(ServerRequest("GET", target, {"authorization": f"Bearer {KEY}"})).status == 404


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


def test_a_body_with_many_containers_that_are_not_deep_is_read(api: Api) -> None:
    assert api("PUT", "/memory/wide", {"value": [[0]] * 500}).status == 200


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


TARGETS = st.text("/v1%2Fworkflowstools?=&.{}\\ abc%ff", max_size=40)


@given(st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "BREW"]), TARGETS, st.binary(max_size=20))
def test_no_path_breaks_the_emulator(method: str, path: str, body: bytes) -> None:
    response = Api()(method, f"/{path}", body)
    assert response.status < 500
    assert response.status == 204 or response.json


class TestPages:
    def test_newest_first_is_stable_under_changes(self, api: Api) -> None:
        workflow = api.workflow()
        ids = [api("POST", f"/workflows/{workflow}/execute", {}).data["execution_id"] for _ in range(5)]
        first = api("GET", "/executions?limit=2")
        api("POST", f"/workflows/{workflow}/execute", {})
        rest = api("GET", f"/executions?cursor={first.json['meta']['next_cursor']}")
        assert [execution["execution_id"] for execution in first.data + rest.data] == ids[::-1]

    def test_the_default_is_50(self, api: Api) -> None:
        for _ in range(51):
            api.workflow()
        listed = api("GET", "/workflows")
        assert (len(listed.data), len(api("GET", "/workflows?limit=200").data)) == (50, 51)
        assert len(api("GET", f"/workflows?cursor={listed.json['meta']['next_cursor']}").data) == 1


class TestIdempotencyKeys:
    def test_a_repeated_post_is_carried_out_once(self, api: Api) -> None:
        first = api("POST", "/workflows", {"name": "x"}, idempotency_key="key-1")
        again = api("POST", "/workflows", {"name": "x"}, idempotency_key="key-1")
        assert (again.status, again.body) == (201, first.body)
        assert again.headers["X-Request-Id"] == first.headers["X-Request-Id"] == first.json["meta"]["request_id"]
        assert int(again.headers["X-RateLimit-Remaining"]) == int(first.headers["X-RateLimit-Remaining"]) - 1
        assert len(api("GET", "/workflows").data) == 1

    @each_row(("path", "body"), [("/workflows", {"name": "y"}), ("/tools/wait/connect", {"name": "x"})])
    def test_another_request_with_the_same_key_is_409(self, api: Api, path: str, body: object) -> None:
        api("POST", "/workflows", {"name": "x"}, idempotency_key="k")
        response = api("POST", path, body, idempotency_key="k")
        assert (response.status, response.code) == (409, "idempotency_conflict")

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
    def test_the_limit_of_a_plan(self) -> None:
        assert Api(plan="pro")("GET", "/health").headers["X-RateLimit-Limit"] == "300"
        api = Api(plan="free")
        left = [api("GET", "/health").headers["X-RateLimit-Remaining"] for _ in range(60)]
        assert left == [str(number) for number in range(59, -1, -1)]
        refused = api("GET", "/health")
        assert (refused.status, refused.code) == (429, "rate_limit_exceeded")
        assert refused.headers["X-RateLimit-Remaining"] == "0"
        assert refused.headers["Retry-After"] == "60"
        assert int(refused.headers["X-RateLimit-Reset"]) == int(START) + 61

    def test_a_window_ends_at_its_reset(self) -> None:
        api = Api(rate=Rate(2, 0.25))
        assert [api("GET", "/health").status for _ in range(3)] == [200, 200, 429]
        api.clock.time += 0.2
        assert api("GET", "/health").headers["Retry-After"] == "1"
        api.clock.time += 0.05
        assert [api("GET", "/health").status for _ in range(3)] == [200, 200, 429]

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
