"""What an error of the request that starts a row means for the row and for the others."""

from __future__ import annotations

from typing import Literal

from fibonacci.errors import (
    APIConnectionError,
    APIError,
    APIStatusError,
    AuthenticationError,
    FibonacciError,
    NotFoundError,
    PermissionDeniedError,
    QuotaExceededError,
    RateLimitError,
    ServerError,
)

StartOutcome = Literal["unknown", "quota", "again", "row", "all"]
"""`unknown`: it may have been carried out. `quota`: a quota refused it. `again`: nothing was started, and later it may
be. `row`: the platform refuses this row. `all`: it would refuse every row."""

_SAME_FOR_ALL = (AuthenticationError, PermissionDeniedError, NotFoundError)


def start_outcome(error: BaseException) -> StartOutcome:
    """Return what an error means."""
    if getattr(error, "outcome_unknown", False):
        return "unknown"
    if isinstance(error, QuotaExceededError):
        return "quota"
    if isinstance(error, RateLimitError | APIConnectionError | ServerError):
        return "again"
    if isinstance(error, APIStatusError) and not isinstance(error, _SAME_FOR_ALL):
        return "row"
    if isinstance(error, TypeError | ValueError) and not isinstance(error, FibonacciError):
        return "row"
    # A cancellation may come while the request is on its way.
    return "all" if isinstance(error, Exception) else "unknown"


def is_transient(error: BaseException) -> bool:
    """Whether a request that only reads may succeed later."""
    return isinstance(error, APIConnectionError | RateLimitError | QuotaExceededError | ServerError) or (
        isinstance(error, APIError) and not isinstance(error, APIStatusError)
    )
