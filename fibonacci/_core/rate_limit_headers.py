"""What the headers of an answer say of the plan's pace."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from math import isfinite

from fibonacci.models.response import RateLimit


def parse_rate_limit(headers: Mapping[str, str]) -> RateLimit | None:
    """What the three `X-RateLimit-*` headers say; None unless all three make sense."""
    try:
        limit = int(headers["x-ratelimit-limit"])
        remaining = int(headers["x-ratelimit-remaining"])
        reset_at = datetime.fromtimestamp(float(headers["x-ratelimit-reset"]), UTC)
    except (KeyError, ValueError, OverflowError, OSError):
        return None
    return RateLimit(limit, remaining, reset_at) if limit > 0 and remaining >= 0 else None


def parse_retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait by the `Retry-After` header, a number or an HTTP date; None when there is none that makes sense.

    A date is compared with the answer's own `Date`, so that a wrong clock on either side does no harm.
    """
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        moment = parse_date(text)
        return None if moment is None else max(0.0, moment - server_time(headers))
    return seconds if isfinite(seconds) and seconds >= 0 else None


@lru_cache(maxsize=64)  # the same second, and so the same text, comes many times
def parse_date(text: str) -> float | None:
    """The Unix time of an HTTP date; None when it is none."""
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def server_time(headers: Mapping[str, str]) -> float:
    """The Unix time at which the server says it answered; the local time when it does not say."""
    moment = parse_date(headers["date"]) if "date" in headers else None
    return time.time() if moment is None else moment
