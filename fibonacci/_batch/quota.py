"""Which quota refused a request, and what an organization's quota allows."""

from __future__ import annotations

from typing import Final, Literal

from fibonacci.errors import QuotaExceededError
from fibonacci.models.organizations import Quota

QuotaKind = Literal["concurrent", "timed"]

# Seconds: how long to wait for a quota whose end the platform does not state.
_UNSTATED: Final = 60.0
_LONGEST: Final = 900.0
_MARGIN: Final = 1.0


def quota_kind(error: QuotaExceededError, in_flight: int) -> QuotaKind:
    """Return whether a quota ends when an execution does, or at a time.

    Args:
        error: The refusal. The platform does not document how it names the quota, so all its texts are searched.
        in_flight: How many rows are under way.
    """
    text = f"{error.code} {error.message} {list(error.details)}".lower()
    if "concurren" in text or "at a time" in text or "simultaneous" in text:
        return "concurrent"
    if error.retry_after is not None or any(word in text for word in ("hour", "day", "dail", "month", "minute")):
        return "timed"
    return "concurrent" if in_flight else "timed"


def quota_wait(error: QuotaExceededError, refusals: int) -> float:
    """Return the seconds to wait for a quota that ends at a time.

    Args:
        error: The refusal.
        refusals: How many refusals there were in a row, this one included.
    """
    if error.retry_after is not None:
        return max(_MARGIN, error.retry_after)
    return min(_LONGEST, _UNSTATED * 2.0 ** (refusals - 1))


def quota_value(quota: Quota | None, name: str) -> int | None:
    """Return a value of an organization's quota; None when it is not known or there is no limit.

    A quota of 0 counts as not known: were it believed, no row would ever be started, and the platform never asked.
    """
    value = None if quota is None else quota.effective.get(name)
    return int(value) if isinstance(value, int | float) and value > 0 else None
