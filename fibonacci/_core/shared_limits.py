"""What all clients of one API key share in a process: the rate limiter and the retry quota."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Generator
from contextlib import contextmanager

from fibonacci._core.limiter import RateLimiter
from fibonacci._core.response import APIResponse
from fibonacci._core.retry import Attempt, Retry, decide, outcome_of, server_delay
from fibonacci.models.response import RateLimit

# Tokens of the retry quota; AWS's standard retry mode of 2026 has the same figure.
_CAPACITY = 500
_KEPT_KEYS = 1024


class SharedLimits:
    """The limits of one API key at one base URL. Safe to use from many threads.

    The retry quota stops retry storms: each retry takes tokens that only a success returns. While a server is down the
    tokens run out, and calls fail at their first attempt instead of multiplying the load.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pollers = 0
        self._limiter = RateLimiter()
        self._tokens = _CAPACITY

    @property
    def last(self) -> RateLimit | None:
        """The last rate limit that the server stated; None before the first."""
        return self._limiter.last

    @property
    def in_flight(self) -> int:
        """The number of requests that are admitted and not settled."""
        return self._limiter.in_flight

    @property
    def pollers(self) -> int:
        """The number of calls that wait for an execution, and share what is left of the window."""
        return self._pollers

    @contextmanager
    def poller(self) -> Generator[None]:
        """Count a call among the pollers while the block runs."""
        with self._lock:
            self._pollers += 1
        try:
            yield
        finally:
            with self._lock:
                self._pollers -= 1

    def remaining_window(self, now: float) -> tuple[float, int] | None:
        """Return the seconds and the requests left in the window; None when they are not known."""
        with self._lock:
            return self._limiter.remaining_window(now)

    def acquire(self, now: float) -> float:
        """Admit a request, or return the seconds after which to ask again.

        Args:
            now: Seconds on the monotonic clock.

        Returns:
            0.0 when the request may be sent now; `settle` must follow.
        """
        with self._lock:
            return self._limiter.acquire(now)

    def settle(self, attempt: Attempt | None, now: float) -> Retry | None:
        """Record the end of an admitted request. Nothing else changes what the clients of a key share.

        Args:
            attempt: The attempt; None when it ended without a result, as by cancellation.
            now: Seconds on the monotonic clock.

        Returns:
            The retry that follows, paid for from the quota; None when the result is final.
        """
        response = attempt.result if attempt is not None and isinstance(attempt.result, APIResponse) else None
        with self._lock:
            self._limiter.release(now, response)
            if attempt is None:
                return None
            if attempt.succeeded:
                self._tokens = min(_CAPACITY, self._tokens + (attempt.tokens_spent or 1))
                return None
            if response is not None and response.status == 429 and outcome_of(response) == "refused":
                # A 429 is about the key, so it pauses all its calls; a 503 is about one endpoint alone.
                self._limiter.pause(server_delay(response) or 0.0, now)
            retry = decide(attempt)
            if retry is None or retry.cost > self._tokens:
                return None
            self._tokens -= retry.cost
            return retry


_shared: OrderedDict[tuple[str, int, int], SharedLimits] = OrderedDict()


def shared_limits(base_url: str, api_key: str) -> SharedLimits:
    """Return the limits of a key at a base URL: the same object for every client in the process."""
    # The key's hash stands for the key, so that the registry holds no secrets. The process id is part of the name, for
    # a lock that another thread held at a fork stays locked forever in the child.
    name = base_url, hash(api_key), os.getpid()
    found = _shared.get(name)
    if found is None:
        found = _shared.setdefault(name, SharedLimits())
        while len(_shared) > _KEPT_KEYS:
            _shared.popitem(last=False)
    return found
