"""How often a wait polls, without a client."""

from __future__ import annotations

from fibonacci._core.polling import PollPace


def polls(pace: PollPace, *, limit: int, seconds: float, requests: int = 1) -> int:
    """Return how many polls there are within so many seconds of windows of a minute that nobody else uses."""
    now, number, used, ends = 0.0, 0, 0, 60.0
    while now < seconds:
        now += pace.delay(now, (ends - now, limit - used), requests)
        number += 1
        used += requests
        if now >= ends:
            used, ends = requests, ends + 60
    return number


def test_a_window_is_used_up_to_a_tenth() -> None:
    assert polls(PollPace(), limit=60, seconds=600) == 60
    assert polls(PollPace(), limit=300, seconds=600) == 300
    assert polls(PollPace(), limit=300, seconds=600, requests=3) == 100


def test_polls_are_at_least_a_second_and_at_most_15_seconds_apart() -> None:
    assert polls(PollPace(), limit=1_000_000, seconds=600) == 600
    assert polls(PollPace(), limit=10, seconds=600) == 40


def test_a_look_that_failed_before_its_first_request_takes_the_share_of_one() -> None:
    assert [PollPace().delay(0.0, (60.0, 100), requests) for requests in (0, 1, 2)] == [6.0, 6.0, 12.0]


def test_without_a_rate_limit_they_become_less_frequent() -> None:
    pace = PollPace()
    delays = [pace.delay(0.0, None, 1) for _ in range(8)]
    assert delays[:3] == [1.0, 1.5, 2.25]
    assert delays[-1] == 15.0
