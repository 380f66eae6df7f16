"""The expected end of a fault for each method: how often the request is sent, and how the call ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fibonacci import APIConnectionError, APIResponseError, APITimeoutError
from tests.faults.calls import METHODS

MAX_RETRIES = 2
REPEATABLE = ("GET", "PUT", "DELETE")


@dataclass(frozen=True)
class End:
    """How a call ends.

    Attributes:
        requests: How many requests reach the server.
        error: The error's exact class; None for a success.
        outcome_unknown: What the error says of it.
    """

    requests: int
    error: type[Exception] | None = None
    outcome_unknown: bool = False


Ends = Mapping[str, End]


def fine(requests: int = 1) -> Ends:
    """Expect a success."""
    return dict.fromkeys(METHODS, End(requests))


def final(error: type[Exception], *, requests: int = 1) -> Ends:
    """Expect the response to be final: a retry would not change it."""
    return dict.fromkeys(METHODS, End(requests, error))


def refused(error: type[Exception]) -> Ends:
    """Expect a retry each second for the five seconds of the call, with any method, whatever `max_retries` is."""
    return dict.fromkeys(METHODS, End(5, error))


def unknown(error: type[Exception] = APIConnectionError) -> Ends:
    """Expect a retry with idempotent methods only: the request may have been carried out."""
    return {
        method: End(1 + MAX_RETRIES, error) if method in REPEATABLE else End(1, error, outcome_unknown=True)
        for method in METHODS
    }


def not_processed(error: type[Exception]) -> Ends:
    """Expect a retry with idempotent methods only, although the request has not been carried out."""
    return {method: End(1 + MAX_RETRIES if method in REPEATABLE else 1, error) for method in METHODS}


def once(error: type[Exception]) -> Ends:
    """Expect one attempt, which may have been carried out."""
    return {method: End(1, error, outcome_unknown=method not in REPEATABLE) for method in METHODS}


def broken() -> Ends:
    """Expect no retry of a success that cannot be read."""
    return once(APIResponseError)


def timed_out() -> Ends:
    """Expect the first attempt to take all the time of the call."""
    return once(APITimeoutError)
