"""Additive increase, multiplicative decrease: the usual way to find a concurrency that nobody states."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final
from unittest import mock

from fibonacci._batch.concurrency import DEFAULT, ConcurrencyPlan

_FIRST: Final = 10.0
_DECREASE: Final = 0.5
# Seconds within which refusals are of one overload, and count once.
_ONE_OVERLOAD: Final = 1.0


class AIMDPlan(ConcurrencyPlan):
    """A plan that does not read the quota: one row more each time that all have been replaced, half after a refusal.

    Args:
        limit: The largest number of rows under way; None for no wish.
    """

    def __init__(self, limit: int | None) -> None:
        super().__init__(DEFAULT if limit is None else limit)
        self._most = float(self.capacity)
        self._window = min(_FIRST, self._most)
        self._counts_from = 0.0
        self.capacity = int(self._window)

    def record_refusal(self, in_flight: int, sent_at: float, now: float) -> None:
        if now >= self._counts_from:
            self._counts_from = now + _ONE_OVERLOAD
            self._set(self._window * _DECREASE)

    def started(self, sent_at: float) -> None:
        super().started(sent_at)
        self._set(self._window + 1 / self._window)

    def _set(self, window: float) -> None:
        self._window = min(self._most, max(1.0, window))
        self.capacity = int(self._window)


@contextmanager
def aimd() -> Generator[None]:
    """Let batches that begin in the block use the peer, and everything else as it is."""
    with mock.patch("fibonacci._async.batch.context.ConcurrencyPlan", AIMDPlan):
        yield
