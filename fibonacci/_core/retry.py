"""Which attempts are repeated, and after what delay.

Three outcomes decide. After *never sent*, any method may be repeated. After *refused* (429), any method may be repeated
after the delay that the server asks for. After *unknown* (sent, but no usable response, or a status of 408 or from
500), only idempotent methods may be repeated. A POST or PATCH whose outcome is unknown is never repeated, because that
could run a workflow twice. This is true for a 503 too, whatever wait it states. Gateways send one with `Retry-After`
even if the work was done and only its response came too late.

A refusal by the rate limit says that the call is fine but too early. It is repeated for as long as the call's timeout
allows, and doesn't count toward `max_retries`. The same is true of a 409 to a POST that was repeated with a trusted
idempotency key: the server still works on the earlier attempt.

Everything else is *final*: another attempt would fail in the same way. `is_final` says so of the error of a call, and
waits and batches, which go on after calls that failed, ask it too.
"""

from __future__ import annotations

import random
from typing import Literal, NamedTuple

from fibonacci._core.error_mapping import is_html, is_quota_error
from fibonacci._core.messages import MISDIRECTED
from fibonacci._core.response import APIResponse, AttemptResult
from fibonacci._core.transport_errors import TransportError
from fibonacci._core.window import LONGEST_WAIT
from fibonacci.errors import APIConnectionError, APIResponseError, APIStatusError, QuotaExceededError

# Figures of AWS's standard retry mode of 2026.
_TRANSIENT_COST = 14
_THROTTLING_COST = 5
_BACKOFF_CAP = 20.0
# The shortest delay in seconds before the later attempts of a call, whatever the server asks for.
_SHORTEST_DELAY = 1.0
_TRANSIENT_BASE = 0.05
_THROTTLING_BASE = 1.0

_IDEMPOTENT_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
# The server doesn't support the request, or the network wants a login first. Another attempt changes nothing.
_LASTING = frozenset({501, 505, 511})
# Another attempt may reach a server that is responsible for the host (421), or come late enough to be no replay (425).
_NOT_PROCESSED = frozenset({MISDIRECTED, 425})
_STATES_A_WAIT = frozenset({409, 429, 503})

# Not the `random` of the program, which may have seeded it to get the same numbers each time.
uniform = random.SystemRandom().uniform


Outcome = Literal["final", "never_sent", "refused", "unknown"]
"""The outcome of one attempt, as far as it matters for the next."""


# A dataclass takes eight times as long to define as a NamedTuple, and the first call of a process waits for both.
class Attempt(NamedTuple):
    """One attempt of a call that has ended.

    Attributes:
        result: The response or the transport error.
        succeeded: Whether the response counts as success.
        method: The HTTP method.
        number: The number of the attempt, from 1.
        remaining: Seconds left for the call. None if there is no limit.
        max_retries: The largest number of retries of the call. 0 for none.
        idempotency_key_trusted: Whether the server honors `Idempotency-Key`, so that a POST may be repeated.
        tokens_spent: The retry tokens that the last retry of this call took. 0 if this is the first attempt.
        refusals: How many attempts before this one were refused.
        had_unknown_outcome: Whether an attempt before this one may have been carried out without a usable response.
    """

    result: AttemptResult
    succeeded: bool
    method: str
    number: int
    remaining: float | None
    max_retries: int
    idempotency_key_trusted: bool = False
    tokens_spent: int = 0
    refusals: int = 0
    had_unknown_outcome: bool = False


class Retry(NamedTuple):
    """The decision to send a request again.

    Attributes:
        delay: Seconds to wait before.
        cost: Tokens to take from the retry quota.
        is_rate_limited: Whether the rate limit refused the attempt.
    """

    delay: float
    cost: int
    is_rate_limited: bool = False


def decide(attempt: Attempt) -> Retry | None:
    """Return the retry that follows an attempt, or None when its result is final. It changes nothing."""
    if attempt.succeeded or attempt.max_retries == 0:
        return None
    outcome = "refused" if is_refused(attempt) else outcome_of(attempt.result)
    is_limited = is_rate_limited(attempt.result)
    failures = attempt.refusals + 1 if outcome == "refused" else attempt.number - attempt.refusals
    if (failures > attempt.max_retries and outcome != "refused") or not _may_be_repeated(attempt, outcome):
        return None
    asked = _asked_delay(attempt.result)
    delay = _delay(attempt.remaining, outcome, failures, asked)
    if delay is None:
        return None
    if is_limited and asked:
        return Retry(delay, 0, is_limited)  # a delay that the server states bounds the load
    is_throttled = outcome == "refused" or asked is not None
    return Retry(delay, _THROTTLING_COST if is_throttled else _TRANSIENT_COST, is_limited)


def may_be_sent_twice(method: str, *, idempotency_key_trusted: bool = False) -> bool:
    """Whether a request may be sent again although the first may have been carried out."""
    return method in _IDEMPOTENT_METHODS or (method == "POST" and idempotency_key_trusted)


def outcome_of(result: AttemptResult) -> Outcome:
    """Return the outcome of an attempt that hasn't succeeded."""
    if isinstance(result, TransportError):
        match result.kind:
            case "never_sent" | "timeout_never_sent":
                return "never_sent"
            case "unknown" | "timeout":
                return "unknown"
            case _:
                return "final"
    return _status_outcome(result.status, is_quota=result.status == 429 and is_quota_error(result))


def _status_outcome(status: int, *, is_quota: bool) -> Outcome:
    if status == 429:
        return "final" if is_quota else "refused"
    # Some gateways send a 408 when the server behind them was too slow.
    return "unknown" if status >= 500 or status == 408 else "final"


# What a gateway says in the platform's place while the platform is away, or while somebody has to log in.
_GATEWAYS_REFUSALS = frozenset({401, 403, 404})


def is_final(error: BaseException, *, after_success: bool) -> bool:
    """Whether a call that failed with this error would fail again later.

    Args:
        error: What the call raised.
        after_success: Whether a call to the same server has succeeded before. Then its address, certificate and key
            are right, and what isn't the platform's own word may pass: no connection, an unknown name, a login page.
    """
    match error:
        case APIConnectionError():
            return error.is_permanent and not after_success
        case APIResponseError():
            return not after_success
        case APIStatusError():
            if error.status_code in _GATEWAYS_REFUSALS and isinstance(error.body, str) and is_html(error.body):
                return False
            is_quota = isinstance(error, QuotaExceededError)
            return _status_outcome(error.status_code, is_quota=is_quota) == "final"
        case _:
            return True


def is_rate_limited(result: AttemptResult) -> bool:
    """Whether the rate limit refused a request. A refusal by a quota doesn't count."""
    return isinstance(result, APIResponse) and result.status == 429 and not is_quota_error(result)


def is_refused(attempt: Attempt) -> bool:
    """Whether an attempt was refused only for now: by the rate limit, or because an earlier one is under way."""
    return is_rate_limited(attempt.result) or is_repetition_refused(
        attempt.result, attempt.method, had_unknown_outcome=attempt.had_unknown_outcome
    )


def is_repetition_refused(result: AttemptResult, method: str, *, had_unknown_outcome: bool) -> bool:
    """Whether a 409 is about the call's own earlier attempt: the POST was only repeated because its key is trusted."""
    is_conflict = isinstance(result, APIResponse) and result.status == 409
    return is_conflict and method == "POST" and had_unknown_outcome


def server_delay(response: APIResponse) -> float | None:
    """Return the seconds that the server asks to wait: `Retry-After`, else until the reset when nothing remains.

    A reset that isn't in the future asks for nothing.
    """
    if response.retry_after is not None:
        return response.retry_after
    rate_limit = response.rate_limit
    if rate_limit is None or rate_limit.remaining > 0:
        return None
    seconds = rate_limit.reset_at.timestamp() - response.server_time
    return seconds if seconds > 0 else None


def jittered(delay: float) -> float:
    """Return the server's delay, never shorter, with jitter so that clients don't retry in lockstep."""
    return delay + uniform(0, min(1.0, delay * 0.1 + 0.01))


def backoff(attempt: int, outcome: Outcome) -> float:
    """Return the delay before attempt `attempt + 1`: full jitter under a doubling, capped ceiling."""
    base = _THROTTLING_BASE if outcome == "refused" else _TRANSIENT_BASE
    return uniform(0, min(_BACKOFF_CAP, base * 2.0 ** min(attempt - 1, 30)))


def _may_be_repeated(attempt: Attempt, outcome: Outcome) -> bool:
    status = attempt.result.status if isinstance(attempt.result, APIResponse) else None
    if outcome == "unknown" or status in _NOT_PROCESSED:
        trusted = attempt.idempotency_key_trusted
        return status not in _LASTING and may_be_sent_twice(attempt.method, idempotency_key_trusted=trusted)
    return outcome != "final"


def _asked_delay(result: AttemptResult) -> float | None:
    """Return the seconds that the server asks to wait before another attempt, or None if it states none."""
    if not isinstance(result, APIResponse) or result.status not in _STATES_A_WAIT:
        return None
    return server_delay(result) if result.status == 429 else result.retry_after


def _delay(remaining: float | None, outcome: Outcome, failures: int, asked: float | None) -> float | None:
    """Return the delay before the next attempt, or None when it doesn't fit into the time of the call.

    Args:
        remaining: Seconds left for the call. None if there is no limit.
        outcome: The outcome of the attempt.
        failures: How many attempts have ended in the same way, this one included.
        asked: The seconds that the server asks to wait. None if it doesn't say.
    """
    remaining = float("inf") if remaining is None else remaining
    if asked is None:
        delay = backoff(failures, outcome)
        return delay if delay < remaining else None
    if failures > 1:  # else a server that asks for a delay near 0 would be flooded
        asked = max(asked, min(_SHORTEST_DELAY, 0.05 * 2.0 ** min(failures - 1, 30)))
    if asked > LONGEST_WAIT or asked >= remaining:
        return None
    delay = jittered(asked)
    return delay if delay < remaining else asked
