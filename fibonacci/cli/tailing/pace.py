"""How often a list is polled: never with more than a part of the rate limit, whatever the plan. Pure."""

from __future__ import annotations

from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Final

from fibonacci._core.polling import poll_delay
from fibonacci.models import ResponseInfo

# Of a plan's limit, polls take at most this part: 15 requests a minute on the Free plan.
_SHARE: Final = 0.25
_WINDOW: Final = 60.0
# Seconds for each request while the limit is not known.
_UNKNOWN: Final = 4.0


class PollPace:
    """Says when to poll next: soon after a change, and ever later while nothing changes, up to 15 s."""

    def __init__(self) -> None:
        self._delay: float | None = None

    def delay(self, requests: int, response: ResponseInfo | None, *, has_changed: bool) -> float:
        """Return the seconds until the next poll.

        Args:
            requests: How many requests the last poll took.
            response: The response to the last of them; None when there was none.
            has_changed: Whether it brought anything new.
        """
        previous = None if has_changed else self._delay
        delay = poll_delay(previous, None if response is None else _window(response), max(1, requests))
        limit = None if response is None or response.rate_limit is None else response.rate_limit.limit
        least = _UNKNOWN if not limit else _WINDOW / (limit * _SHARE)
        self._delay = delay
        return max(delay, least * max(1, requests))


def _window(response: ResponseInfo) -> tuple[float, int] | None:
    """Return the seconds and requests left in the window of the rate limit, by the server's own clock."""
    limit = response.rate_limit
    if limit is None:
        return None
    try:
        now = parsedate_to_datetime(response.headers.get("date", ""))
    except (TypeError, ValueError):
        now = datetime.now(limit.reset_at.tzinfo)
    return max(0.0, (limit.reset_at - now).total_seconds()), limit.remaining
