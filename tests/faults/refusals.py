"""The forms of a refusal, and the wait that each asks for."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tests.kit.peer import Peer
from tests.kit.steps import error_body, http_date, respond

DAY = 86_400.0
Told = Literal["a wait", "too long", "nothing"]
Pairs = list[tuple[str, str]]


@dataclass(frozen=True)
class Refusal:
    """One form of a refusal.

    Attributes:
        name: What it is.
        headers: The headers, given the server's clock in whole seconds.
        told: Whether it tells a wait that fits, one that does not, or nothing that makes sense.
        seconds: The wait that it tells.
        clock: How far the server's clock is ahead of ours; None when it does not show it.
    """

    name: str
    headers: Callable[[int], Pairs]
    told: Told = "nothing"
    seconds: float = 0.0
    clock: float | None = 0.0

    def step(self, status: int) -> Callable[[Peer], None]:
        """Refuse in this way."""

        def step(peer: Peer) -> None:
            now = math.floor(time.time() + (self.clock or 0.0))
            headers = self.headers(now)
            if self.clock is not None:
                headers = [*headers, ("Date", http_date(now))]
            respond(status, error_body("slow_down", "Not now."), headers)(peer)

        return step


def _after(value: str) -> Callable[[int], Pairs]:
    return lambda now: [("Retry-After", value)]


def _after_date(seconds: float) -> Callable[[int], Pairs]:
    return lambda now: [("Retry-After", http_date(now + seconds))]


def rate_limit(remaining: int, reset_in: float) -> Callable[[int], Pairs]:
    """Return the three headers of the plan's rate limit."""
    return lambda now: [
        ("X-RateLimit-Limit", "60"),
        ("X-RateLimit-Remaining", str(remaining)),
        ("X-RateLimit-Reset", str(int(now + reset_in))),
    ]


WITH_RETRY_AFTER = [
    Refusal("0 seconds", _after("0"), "a wait"),
    Refusal("seconds and the rate limit", lambda now: _after("0.25")(now) + rate_limit(59, 30)(now), "a wait", 0.25),
    Refusal("a date, clock a day ahead", _after_date(1), "a wait", 1.0, clock=DAY),
    Refusal("a past date", _after_date(-3600), "a wait"),
    Refusal("30 seconds", _after("30"), "too long", 30.0),
    Refusal("a date in an hour, clock a day behind", _after_date(3600), "too long", 3600.0, clock=-DAY),
    Refusal("words", _after("soon")),
    Refusal("a date with month 13", _after("Mon, 01 Foo 2026 00:00:00 GMT")),
    Refusal("two of them", lambda now: [("Retry-After", "1"), ("Retry-After", "2")]),
]
WITH_RATE_LIMIT_ONLY = [
    Refusal("nothing left, clock a day ahead", rate_limit(0, 1), "a wait", 1.0, clock=DAY),
    Refusal("nothing left for an hour", rate_limit(0, 3600), "too long", 3600.0),
    Refusal("a reset that has been", rate_limit(0, -60)),
    Refusal("something left", rate_limit(7, 30)),
    Refusal("no header at all", lambda now: [], clock=None),
]
