from __future__ import annotations

from fibonacci.emulator.account import Rate
from tests.emulator.api import START, Api


def test_the_rate_limit_of_a_plan() -> None:
    assert Api(plan="pro")("GET", "/health").headers["X-RateLimit-Limit"] == "300"
    api, limit = Api(plan="free"), "60"
    left = [api("GET", "/health").headers["X-RateLimit-Remaining"] for _ in range(int(limit))]
    assert left == [str(number) for number in range(int(limit) - 1, -1, -1)]
    refused = api("GET", "/health")
    assert (refused.status, refused.code) == (429, "rate_limit_exceeded")
    assert refused.headers["X-RateLimit-Limit"] == limit
    assert refused.headers["X-RateLimit-Remaining"] == "0"
    assert refused.headers["Retry-After"] == "60"
    assert int(refused.headers["X-RateLimit-Reset"]) == int(START) + 61


def test_a_window_ends_at_its_reset() -> None:
    api = Api(rate=Rate(2, 0.25))
    assert [api("GET", "/health").status for _ in range(3)] == [200, 200, 429]
    api.clock.time += 0.2
    assert api("GET", "/health").headers["Retry-After"] == "1"
    api.clock.time += 0.05
    assert [api("GET", "/health").status for _ in range(3)] == [200, 200, 429]


def test_a_refused_request_has_no_effect() -> None:
    api = Api(rate=Rate(1, 60))
    api("GET", "/health")
    assert api("POST", "/workflows", {"name": "x"}, idempotency_key="k").status == 429
    api.clock.time += 60
    assert api("GET", "/workflows").data == []
    api.clock.time += 60
    assert api("POST", "/workflows", {"name": "x"}, idempotency_key="k").status == 201


def test_a_wrong_key_is_not_counted() -> None:
    api = Api(rate=Rate(1, 60))
    for _ in range(3):
        refused = api("GET", "/health", authorization="Bearer wrong")
        assert (refused.status, "X-RateLimit-Remaining" in refused.headers) == (401, False)
    assert api("GET", "/health").status == 200


def test_enterprise_is_practically_unlimited() -> None:
    assert int(Api()("GET", "/health").headers["X-RateLimit-Remaining"]) > 100_000


def test_all_keys_share_the_limit_of_the_plan() -> None:
    api = Api(rate=Rate(3, 60))
    own = api.app.keys
    keys = [own.owner, own.of("viewer"), own.of("member", "ada"), own.of("admin")]
    responses = [api("GET", "/health", authorization=f"Bearer {key}") for key in keys]
    assert [response.status for response in responses] == [200, 200, 200, 429]
    assert [response.headers["X-RateLimit-Remaining"] for response in responses] == ["2", "1", "0", "0"]


def test_the_daily_quota_has_a_code_of_its_own_and_shows_that_nothing_remains() -> None:
    api = Api(plan="free", rate=Rate(2_000, 60))
    limits = api.app.account.limits
    for _ in range(999):
        limits.take(api.clock.now())
    assert api("GET", "/health").status == 200
    refused = api("GET", "/health")
    assert (refused.status, refused.code) == (429, "quota_exceeded")
    assert (refused.headers["X-RateLimit-Limit"], refused.headers["X-RateLimit-Remaining"]) == ("1000", "0")
    assert int(refused.headers["X-RateLimit-Reset"]) >= START + 86_400
    assert refused.headers["Retry-After"] == "86400"
    api.clock.time += 86_400
    assert api("GET", "/health").status == 200


def test_how_much_is_used_can_be_read_without_counting() -> None:
    api = Api(plan="free")

    def usage() -> list[tuple[int, int, float | None]]:
        windows = api.app.account.limits.usage(api.clock.now(), api.clock.skipped)
        return [(each.rate.limit, each.used, each.ends) for each in windows]

    assert usage() == usage() == [(60, 0, None), (1000, 0, None)]
    for _ in range(3):
        api("GET", "/health")
    assert usage() == [(60, 3, START + 60), (1000, 3, START + 86_400)]
    api.clock.time += 61
    assert usage() == [(60, 0, None), (1000, 3, START + 86_400)]
