"""What may be repeated, how often, and after what wait.

Three outcomes decide it. *Never sent*: any method may be repeated. *Refused* (429, and 503 with Retry-After): any
method, after the wait that the server asks for. *Unknown* (sent, and no usable answer): only methods that mean the same
when carried out twice. A POST or PATCH whose outcome is unknown is never repeated: that could run a workflow twice.
"""

from __future__ import annotations

import random
from typing import Literal

from fibonacci._core.error_mapping import is_quota_error
from fibonacci._core.messages import TransportError
from fibonacci._core.rate_limit_headers import parse_rate_limit, parse_retry_after, server_time
from fibonacci._core.response import AttemptResult
from fibonacci._core.shared_limits import THROTTLING_COST, TRANSIENT_COST
from fibonacci.models.response import Headers

LONGEST_WAIT = 120.0
_BACKOFF_CAP = 20.0
_TRANSIENT_BASE = 0.05
_THROTTLING_BASE = 1.0

_REPEATABLE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
# Errors that say that the server did nothing: it cannot do such a thing, or the network wants a login first. After any
# other one from 500 on, also those that gateways make up (520, 524, 529), the work may have been done.
_NOTHING_DONE = frozenset({501, 505, 511})


Outcome = Literal["final", "never_sent", "refused", "unknown"]
"""What became of one attempt, as far as it matters for the next."""


def outcome_of(answer: AttemptResult) -> Outcome:
    """The outcome of an attempt that brought an answer or a failure."""
    if isinstance(answer, TransportError):
        match answer.kind:
            case "never_sent" | "timeout_never_sent":
                return "never_sent"
            case "unknown" | "timeout":
                return "unknown"
            case _:
                return "final"
    if answer.status == 429:
        return "final" if is_quota_error(answer) else "refused"
    if answer.status == 503 and parse_retry_after(answer.headers) is not None:
        return "refused"
    return "unknown" if answer.status >= 500 and answer.status not in _NOTHING_DONE else "final"


def may_repeat(method: str, outcome: Outcome, *, trusts_key: bool) -> bool:
    """Whether a request may be sent again after this outcome.

    Args:
        method: The HTTP method.
        outcome: What became of the last attempt.
        trusts_key: Whether the user has said that the server honours `Idempotency-Key`.
    """
    if outcome == "unknown":
        return method in _REPEATABLE_METHODS or (method == "POST" and trusts_key)
    return outcome != "final"


def server_delay(headers: Headers) -> float | None:
    """Seconds that the server asks to wait: by `Retry-After`, else until the reset when no request is left."""
    wait = parse_retry_after(headers)
    if wait is not None:
        return wait
    pace = parse_rate_limit(headers)
    if pace is None or pace.remaining > 0:
        return None
    return max(0.0, pace.reset_at.timestamp() - server_time(headers))


def cost_of(outcome: Outcome) -> int:
    """What a retry after this outcome takes from the retry quota."""
    return THROTTLING_COST if outcome == "refused" else TRANSIENT_COST


def jittered(wait: float) -> float:
    """A wait that the server asked for: never shorter, and a little longer, so that clients do not come back as one."""
    return wait + random.uniform(0, min(1.0, wait * 0.1 + 0.01))


def backoff(attempt: int, outcome: Outcome) -> float:
    """The client's own wait before attempt `attempt + 1`: full jitter under a doubling, bounded ceiling."""
    base = _THROTTLING_BASE if outcome == "refused" else _TRANSIENT_BASE
    return random.uniform(0, min(_BACKOFF_CAP, base * 2.0 ** min(attempt - 1, 30)))
