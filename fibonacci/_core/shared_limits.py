"""What all clients of one key share in a process: the rate gate and the retry quota."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict

from fibonacci._core.limiter import RateLimiter

# Figures of AWS's standard retry mode of 2026.
_CAPACITY = 500
TRANSIENT_COST = 14
THROTTLING_COST = 5

_KEPT_KEYS = 1024


class RetryQuota:
    """Stops retry storms: each retry takes tokens, which only success gives back.

    While a server is down, the tokens run out and calls fail at their first attempt, instead of multiplying the load.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tokens = _CAPACITY

    def take(self, cost: int) -> bool:
        """Take the tokens of one retry; False when there are not enough."""
        with self._lock:
            if self._tokens < cost:
                return False
            self._tokens -= cost
            return True

    def release(self, tokens: int) -> None:
        """Give tokens back after a success."""
        # A full quota is the rule, and needs no lock to be seen.
        if self._tokens < _CAPACITY:
            with self._lock:
                self._tokens = min(_CAPACITY, self._tokens + tokens)


class SharedLimits:
    """The gate and the quota of one key at one base URL, and how many calls wait for an execution there."""

    def __init__(self) -> None:
        self.gate: RateLimiter = RateLimiter()
        self.retry_quota: RetryQuota = RetryQuota()
        self.waiting: int = 0


_paces: OrderedDict[tuple[str, int, int], SharedLimits] = OrderedDict()


def shared_limits(base_url: str, api_key: str) -> SharedLimits:
    """The pace of a key at a base URL, the same object for every client in the process."""
    # The key's hash stands in for the key, so that no registry holds secrets. The process is part of the name, for a
    # lock that another thread held at a fork stays locked for ever in the child.
    name = base_url, hash(api_key), os.getpid()
    pace = _paces.get(name)
    if pace is None:
        pace = _paces.setdefault(name, SharedLimits())
        while len(_paces) > _KEPT_KEYS:
            _paces.popitem(last=False)
    return pace
