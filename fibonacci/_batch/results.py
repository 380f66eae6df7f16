"""Results that wait to be delivered, in the order of the rows or as they come."""

from __future__ import annotations

import heapq
from collections import deque

from fibonacci.models.run_results import RunResult

_SPAN = 1000


class ResultQueue:
    """Holds the results that were not delivered yet.

    Args:
        ordered: Whether to deliver them in the order of the rows.
    """

    def __init__(self, *, ordered: bool) -> None:
        self._ordered = ordered
        self._ready: deque[RunResult] = deque()
        self._waiting: list[tuple[int, RunResult | None]] = []
        self._next = 0

    def push(self, result: RunResult) -> None:
        """Add a result."""
        if self._ordered:
            self._insert(result.index, result)
        else:
            self._ready.append(result)

    def skip(self, index: int) -> None:
        """Record that a row will have no result."""
        if self._ordered:
            self._insert(index, None)

    def pop(self) -> RunResult | None:
        """Return the next result; None if there is none."""
        return self._ready.popleft() if self._ready else None

    def is_far(self, index: int) -> bool:
        """Whether a row is so far ahead of the next one to deliver that it should not be started yet."""
        return self._ordered and index - self._next >= _SPAN

    def __len__(self) -> int:
        return len(self._ready)

    def _insert(self, index: int, result: RunResult | None) -> None:
        heapq.heappush(self._waiting, (index, result))
        while self._waiting and self._waiting[0][0] == self._next:
            _, following = heapq.heappop(self._waiting)
            self._next += 1
            if following is not None:
                self._ready.append(following)
