from __future__ import annotations

import pytest

from tests.emulator.api import Api
from tests.kit.assertions import each_row


def test_a_repeated_post_is_carried_out_once(api: Api) -> None:
    first = api("POST", "/workflows", {"name": "x"}, idempotency_key="key-1")
    again = api("POST", "/workflows", {"name": "x"}, idempotency_key="key-1")
    assert (again.status, again.body) == (201, first.body)
    assert again.headers["X-Request-Id"] == first.headers["X-Request-Id"] == first.json["meta"]["request_id"]
    assert int(again.headers["X-RateLimit-Remaining"]) == int(first.headers["X-RateLimit-Remaining"]) - 1
    assert len(api("GET", "/workflows").data) == 1
    assert api("POST", "/workflows", {"name": "x"}, idempotency_key="key-2").data["id"] != first.data["id"]


@pytest.mark.parametrize(("path", "body"), [("/workflows", {"name": "y"}), ("/tools/wait/connect", {"name": "x"})])
def test_another_request_with_the_same_key_is_409(api: Api, path: str, body: object) -> None:
    api("POST", "/workflows", {"name": "x"}, idempotency_key="k")
    response = api("POST", path, body, idempotency_key="k")
    assert (response.status, response.code) == (409, "idempotency_conflict")


def test_an_error_is_repeated_too(api: Api) -> None:
    first = api("POST", "/workflows", {"name": ""}, idempotency_key="k")
    assert first.status == 422
    assert api("POST", "/workflows", {"name": ""}, idempotency_key="k").body == first.body


def test_a_response_is_kept_for_a_day(api: Api) -> None:
    for key in ("a", "b"):
        api("POST", "/workflows", {"name": "x"}, idempotency_key=key)
        api.clock.time += 80_000
    assert api("POST", "/workflows", {"name": "y"}, idempotency_key="a").status == 201
    assert api("POST", "/workflows", {"name": "y"}, idempotency_key="b").status == 409
    api.clock.time += 80_000
    assert api("POST", "/workflows", {"name": "z"}, idempotency_key="c").status == 201
    assert api("POST", "/workflows", {"name": "y"}, idempotency_key="b").status == 201


def test_it_is_for_posts_only(api: Api) -> None:
    path = f"/workflows/{api.workflow()}"
    assert api("PUT", path, {"name": "a"}, idempotency_key="k").status == 200
    assert api("PUT", path, {"name": "b"}, idempotency_key="k").data["name"] == "b"


@each_row("key", ["", "a b", "ä", "x" * 256])
def test_a_malformed_key_is_400(api: Api, key: str) -> None:
    assert api("POST", "/workflows", {"name": "x"}, idempotency_key=key).code == "bad_request"
