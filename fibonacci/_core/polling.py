"""How often a running execution is polled."""

from __future__ import annotations

from fibonacci._core.window import LONGEST_WAIT

FIRST = 1.0
LONGEST = 15.0
_GROWTH = 1.5
# Of the requests left in the window, polling takes at most this part; the rest is for the user's own calls.
_SHARE = 0.5


def poll_delay(previous: float | None, window: tuple[float, int] | None, polling: int) -> float:
    """Return the seconds until the next poll: 1 growing to 15, and never more than a fair share of the rate limit.

    Args:
        previous: The delay before the last poll; None before the first.
        window: The seconds and the requests left in the window; None when not known.
        polling: How many calls poll at the same time, this one included.
    """
    delay = FIRST if previous is None else min(LONGEST, previous * _GROWTH)
    if window is None:
        return delay
    seconds, requests = window
    return max(delay, min(LONGEST_WAIT, seconds, max(1, polling) * seconds / max(1.0, requests * _SHARE)))
