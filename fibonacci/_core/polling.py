"""How often a running execution is asked for."""

from __future__ import annotations

from fibonacci._core.shared_limits import SharedLimits

FIRST = 1.0
LONGEST = 15.0
_GROWTH = 1.5
# Of the requests left in the window, polling takes at most this part; the rest is for the user's own calls.
_SHARE = 0.5


def poll_delay(previous: float | None, pace: SharedLimits) -> float:
    """Seconds until the next poll: 1 growing to 15, and never more than a fair share of the plan's pace.

    Args:
        previous: The delay before the last poll; None before the first.
        pace: The pace of the key, with the number of waits that share it.
    """
    delay = FIRST if previous is None else min(LONGEST, previous * _GROWTH)
    spread = pace.gate.spread()
    if spread is None:
        return delay
    seconds, requests = spread
    return max(delay, min(seconds, max(1, pace.waiting) * seconds / max(1.0, requests * _SHARE)))
