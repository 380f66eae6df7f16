"""The headers of a response that speak of rate limits and of time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from math import isfinite

from fibonacci.models.response import RateLimit


def parse_rate_limit(headers: Mapping[str, str]) -> RateLimit | None:
    """Return what the three `X-RateLimit-*` headers state; None unless all three make sense."""
    try:
        limit = int(headers["x-ratelimit-limit"])
        remaining = int(headers["x-ratelimit-remaining"])
        reset_at = datetime.fromtimestamp(float(headers["x-ratelimit-reset"]), UTC)
    except (KeyError, ValueError, OverflowError, OSError):
        return None
    return RateLimit(limit, remaining, reset_at) if limit > 0 and remaining >= 0 else None


def parse_retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds to wait by the `Retry-After` header; None when there is none that makes sense.

    An HTTP date is compared with the response's own `Date`, so that a wrong clock on either side does no harm.

    Args:
        headers: The headers of the response.
        now: The local Unix time, for a response without `Date`.
    """
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        moment = parse_date(text)
        return None if moment is None else max(0.0, moment - server_time(headers, now))
    return seconds if isfinite(seconds) and seconds >= 0 else None


@lru_cache(maxsize=64)  # consecutive responses have the same second, and so the same text
def parse_date(text: str) -> float | None:
    """Return the Unix time of an HTTP date; None when the text is none."""
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def server_time(headers: Mapping[str, str], now: float) -> float:
    """Return the Unix time of the `Date` header, or `now` when there is none."""
    moment = parse_date(headers["date"]) if "date" in headers else None
    return now if moment is None else moment
