"""Which attempts are repeated, after what delay, at what cost."""

from __future__ import annotations

import random
from typing import Any

import pytest

from fibonacci import APIConnectionError, APIResponseError
from fibonacci._core.error_mapping import status_error
from fibonacci._core.response import APIResponse, AttemptResult
from fibonacci._core.retry import Attempt, Retry, decide, is_final
from fibonacci._core.transport_errors import TransportError
from tests.core.responses import api_response
from tests.kit.assertions import each_row
from tests.kit.clock import START


def refusal(retry_after: str | None = None, *, status: int = 429, reset: object = None) -> APIResponse:
    """Return a response that states a wait, or that no request is left until a reset."""
    headers = {} if retry_after is None else {"retry-after": retry_after}
    if reset is not None:
        headers |= {"x-ratelimit-limit": "60", "x-ratelimit-remaining": "0", "x-ratelimit-reset": str(reset)}
    return api_response(b"{}", status, headers)


AFTER_UNKNOWN: dict[str, Any] = {"number": 2, "idempotency_key_trusted": True, "had_unknown_outcome": True}


def decided(result: AttemptResult, **options: Any) -> Retry | None:
    defaults: dict[str, Any] = {"method": "POST", "number": 1, "remaining": 60.0, "max_retries": 2}
    return decide(Attempt(result, succeeded=False, **{**defaults, **options}))


def test_the_random_numbers_of_the_program_are_left_alone() -> None:
    random.seed(1)
    expected = random.Random(1).random()
    assert decided(refusal()) is not None
    assert random.random() == expected


@pytest.fixture
def longest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let chance be at its upper bound."""
    monkeypatch.setattr("fibonacci._core.retry.uniform", max)


@pytest.mark.usefixtures("longest")
@each_row(
    ("result", "options", "expected"),
    [
        # There was no connection: another attempt costs as much as after any failure that isn't a refusal.
        (TransportError("never_sent"), {}, Retry(0.05, 14)),
        # The server states a wait: it costs nothing and does not count.
        (refusal("30"), {}, Retry(31.0, 0, True)),
        (refusal("30"), {"number": 50, "refusals": 49}, Retry(31.0, 0, True)),
        (refusal(reset=START + 20), {}, Retry(21.0, 0, True)),
        (refusal(reset=START + 1), {}, Retry(1.11, 0, True)),
        # It states none that makes sense: the backoff.
        (refusal(), {}, Retry(1.0, 5, True)),
        (refusal(), {"number": 3, "refusals": 2}, Retry(4.0, 5, True)),
        (refusal(), {"number": 50, "refusals": 49}, Retry(20.0, 5, True)),
        (refusal(reset=START - 60), {}, Retry(1.0, 5, True)),
        (refusal(reset="0"), {}, Retry(1.0, 5, True)),
        (refusal(reset="soon"), {}, Retry(1.0, 5, True)),
        # At once, and from then on no faster than the second attempt after 0.1 s, the third after 0.2 s.
        (refusal("0"), {}, Retry(0.01, 5, True)),
        (refusal("0"), {"number": 2, "refusals": 1}, Retry(0.12, 5, True)),
        (refusal("0"), {"number": 50, "refusals": 49}, Retry(1.11, 5, True)),
        # Too long.
        (refusal("121"), {"remaining": None}, None),
        (refusal("120"), {"remaining": None}, Retry(121.0, 0, True)),
        (refusal("60"), {}, None),
        # The jitter goes when it does not fit; the backoff has to fit.
        (refusal("59.5"), {}, Retry(59.5, 0, True)),
        (refusal("50"), {}, Retry(51.0, 0, True)),
        (refusal("10"), {}, Retry(11.0, 0, True)),
        (refusal("9"), {}, Retry(9.91, 0, True)),
        (refusal(), {"remaining": 1.0}, None),
        (refusal(), {"remaining": 1.1}, Retry(1.0, 5, True)),
        (refusal("0"), {"number": 5, "refusals": 4}, Retry(0.89, 5, True)),
        (refusal("0"), {"number": 6, "refusals": 5}, Retry(1.11, 5, True)),
        (refusal("1"), {"max_retries": 0}, None),
        # A 503 says nothing of whether the work was done. The wait that it states is kept where it may be repeated; it
        # counts, and failures that count are counted without the refusals.
        (refusal("30", status=503), {}, None),
        (refusal("30", status=503), {"method": "PATCH"}, None),
        (refusal("30", status=503), {"idempotency_key_trusted": True}, Retry(31.0, 5)),
        (refusal("30", status=503), {"method": "GET"}, Retry(31.0, 5)),
        (refusal("30", status=503), {"method": "GET", "number": 3}, None),
        (refusal("30", status=503), {"method": "GET", "number": 9, "refusals": 7}, Retry(31.0, 5)),
        (refusal(reset=START + 20, status=503), {"method": "GET"}, Retry(0.05, 14)),
        (refusal(status=500), {"number": 9, "refusals": 8, "method": "GET"}, Retry(0.05, 14)),
        (refusal(status=500), {"number": 9, "refusals": 6, "method": "GET"}, None),
        (refusal(status=500), {"number": 2, "method": "GET"}, Retry(0.1, 14)),
        (refusal(status=500), {"number": 50, "max_retries": 50, "method": "GET"}, Retry(20.0, 14)),
        # What may have been done is done once, unless the server tells the same request from a new one.
        *(
            (refusal(status=500), {"method": method}, Retry(0.05, 14))
            for method in ("HEAD", "OPTIONS", "PUT", "DELETE")
        ),
        *((refusal(status=status), {}, None) for status in (500, 502, 503, 520, 599)),
        *((refusal("1", status=status), {}, None) for status in (500, 501, 503)),
        (refusal(status=500), {"method": "PATCH", "idempotency_key_trusted": True}, None),
        (refusal(status=500), {"idempotency_key_trusted": True}, Retry(0.05, 14)),
        # The server still works on the attempt whose outcome is unknown: it is asked again, however often.
        (refusal(status=409), {}, None),
        (refusal(status=409), {"idempotency_key_trusted": True}, None),
        (refusal(status=409), AFTER_UNKNOWN, Retry(1.0, 5)),
        (refusal(status=409), AFTER_UNKNOWN | {"number": 9, "refusals": 8}, Retry(20.0, 5)),
        (refusal(status=409), AFTER_UNKNOWN | {"number": 4, "refusals": 2, "remaining": 4.0}, None),
        (refusal("30", status=409), AFTER_UNKNOWN, Retry(31.0, 5)),
        (refusal(status=409), AFTER_UNKNOWN | {"max_retries": 0}, None),
        *((refusal(status=409), AFTER_UNKNOWN | {"method": method}, None) for method in ("PUT", "DELETE", "PATCH")),
        # Another attempt would bring the same.
        *((refusal(status=status), {"idempotency_key_trusted": True}, None) for status in (501, 505, 511)),
        *((refusal("1", status=status), {"method": "GET"}, None) for status in (400, 404, 499, 501, 505, 511)),
    ],
)
def test_a_retry_follows_from_the_result_and_the_method(
    result: AttemptResult, options: dict[str, Any], expected: Retry | None
) -> None:
    found = decided(result, **options)
    assert (found is None) == (expected is None)
    if found is not None and expected is not None:
        assert found._replace(delay=0.0) == expected._replace(delay=0.0)
        assert found.delay == pytest.approx(expected.delay)


def connection_error(*, is_permanent: bool) -> APIConnectionError:
    error = APIConnectionError("no connection")
    error.is_permanent = is_permanent
    return error


PAGE = b"\n<!DOCTYPE html><title>Sign in</title>"


@each_row(
    ("error", "before", "after"),
    [
        (connection_error(is_permanent=False), False, False),
        (connection_error(is_permanent=True), True, False),
        (APIResponseError("a login page"), True, False),
        *((status_error(api_response(b"{}", status)), False, False) for status in (408, 429, 500, 502, 503, 504)),
        *((status_error(api_response(b"{}", status)), True, True) for status in (302, 400, 401, 403, 404, 409, 422)),
        (status_error(api_response(b'{"error": {"code": "quota_exceeded"}}', 429)), True, True),
        # A gateway's word, whatever the platform would say.
        *((status_error(api_response(PAGE, status)), False, False) for status in (401, 403, 404)),
        (status_error(api_response(PAGE, 400)), True, True),
        (ValueError("not of a call"), True, True),
    ],
)
def test_what_is_final_before_and_after_a_call_has_succeeded(error: Exception, before: bool, after: bool) -> None:
    assert (is_final(error, after_success=False), is_final(error, after_success=True)) == (before, after)
