"""The forms in which a server states its rate limit: recognized by form and size, or ignored."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fibonacci._core.response import parse_rate_limit, parse_retry_after
from fibonacci.models import Headers, RateLimit
from tests.kit.assertions import each_row
from tests.kit.clock import START
from tests.kit.steps import http_date

DATE = http_date(START)
LOCAL = START - 5000  # a clock that is wrong: it must not matter
IN_A_MINUTE = int(START) + 60
HUGE = "9" * 400  # which no float can hold


def parsed(**fields: str) -> RateLimit | None:
    """Return the rate limit that headers state; their names are written with underscores."""
    return parse_rate_limit(Headers([("Date", DATE), *((key.replace("_", "-"), fields[key]) for key in fields)]), LOCAL)


def reset_in(stated: RateLimit | None) -> float | None:
    """Return the seconds from the response to the reset."""
    return None if stated is None else stated.reset_at.timestamp() - START


@each_row(
    ("text", "seconds"),
    [
        (f"{IN_A_MINUTE}", 60),
        (f"{IN_A_MINUTE}.5", 60.5),
        ("60", 60),
        ("0.5", 0.5),
        ("0", 0),
        ("86400", 86400),
        ("99999999", 99_999_999),
        ("100000000", 1e8 - START),
        ("99999999999", 99_999_999_999 - START),
        (f"{int(START) - 60}", -60),
        *(
            (text, None)
            for text in ("", "soon", "-5", "nan", "inf", "1e400", "1e30", "2027-13-01", "2027-01-15T08:01:00Z", "1,2")
        ),
    ],
)
def test_a_reset_is_recognized_by_form_and_size(text: str, seconds: float | None) -> None:
    found = parsed(X_RateLimit_Limit="60", X_RateLimit_Remaining="5", X_RateLimit_Reset=text)
    assert reset_in(found) == (None if seconds is None else pytest.approx(seconds, abs=1e-4))
    assert found is None or (found.limit, found.remaining) == (60, 5)


@each_row(
    ("fields", "expected"),
    [
        ({"RateLimit_Limit": "100", "RateLimit_Remaining": "50", "RateLimit_Reset": "30"}, (100, 50, 30)),
        ({"RateLimit_Limit": "100, 100;w=60", "RateLimit_Remaining": "50", "RateLimit_Reset": "30"}, (100, 50, 30)),
        ({"RateLimit": '"default";r=50;t=30', "RateLimit_Policy": '"default";q=100;w=60'}, None),
    ],
)
def test_the_fields_of_the_draft(fields: dict[str, str], expected: tuple[int, int, float] | None) -> None:
    found = parsed(**fields)
    assert (None if found is None else (found.limit, found.remaining, reset_in(found))) == expected


def test_figures_that_make_sense() -> None:
    for limit, remaining in (("1", "0"), ("60", "60"), ("5", "9"), ("60, 60;w=60", "0"), ("60;w=60", "0")):
        found = parsed(X_RateLimit_Limit=limit, X_RateLimit_Remaining=remaining, X_RateLimit_Reset="60")
        assert found is not None
        assert (found.limit, found.remaining) == (int(limit[:2].rstrip(",;")), int(remaining))
    for limit, remaining in (("0", "0"), ("-1", "0"), ("60", "-1"), ("", "0"), ("60", ""), ("1.5", "0"), (HUGE, HUGE)):
        assert parsed(X_RateLimit_Limit=limit, X_RateLimit_Remaining=remaining, X_RateLimit_Reset="60") is None
    assert parsed(X_RateLimit_Limit="60", X_RateLimit_Remaining="5") is None


def test_the_time_of_a_response_is_its_own_or_ours() -> None:
    fields = {"x-ratelimit-limit": "60", "x-ratelimit-remaining": "5", "x-ratelimit-reset": "60"}
    for date, begin in (({}, LOCAL), ({"date": "soon"}, LOCAL), ({"date": DATE}, START)):
        found = parse_rate_limit(Headers([*fields.items(), *date.items()]), LOCAL)
        assert found is not None
        assert found.reset_at.timestamp() == begin + 60


@each_row(
    ("text", "seconds"),
    [
        ("5", 5),
        (" 0.5 ", 0.5),
        ("0", 0),
        (http_date(START + 90), 90),
        (http_date(START - 90), 0),
        *((text, None) for text in ("", " ", "-1", "-0.1", "inf", "nan", "soon", "Mon, 01 Jan")),
    ],
)
def test_a_retry_after_is_seconds_or_a_date(text: str, seconds: float | None) -> None:
    assert parse_retry_after(Headers([("Date", DATE), ("Retry-After", text)]), LOCAL) == seconds


def test_without_retry_after_there_is_no_wait() -> None:
    assert parse_retry_after(Headers([("Date", DATE)]), LOCAL) is None
    assert parse_retry_after(Headers([("Retry-After", http_date(START + 90))]), START) == 90


def test_the_documented_fields_win() -> None:
    draft = {"RateLimit_Limit": "9", "RateLimit_Remaining": "8", "RateLimit_Reset": "7"}
    documented = {"X_RateLimit_Limit": "60", "X_RateLimit_Remaining": "5", "X_RateLimit_Reset": str(IN_A_MINUTE)}
    both = parsed(**draft, **documented)
    assert both is not None
    assert both.limit == 60
    without_sense = parsed(**draft, **{**documented, "X_RateLimit_Limit": "many"})
    assert without_sense is not None
    assert without_sense.limit == 9


NAMES = [
    *("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "ratelimit", "ratelimit-policy"),
    *("ratelimit-limit", "ratelimit-remaining", "ratelimit-reset", "retry-after", "date"),
]
values = st.text(st.characters(max_codepoint=255), max_size=30) | st.text('"=;,rtqw0159-.eZ', max_size=30)
values |= st.integers().map(str) | st.floats().map(str) | st.datetimes().map(str)


@given(st.dictionaries(st.sampled_from(NAMES), values))
def test_nonsense_is_ignored(fields: dict[str, str]) -> None:
    headers = Headers(fields.items())
    found = parse_rate_limit(headers, START)
    assert found is None or (found.limit > 0 and found.remaining >= 0)
    seconds = parse_retry_after(headers, START)
    assert seconds is None or seconds >= 0
