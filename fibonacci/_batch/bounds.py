"""How many rows may come to nothing before no further row is started. Pure."""

from __future__ import annotations

from typing import Final

from fibonacci.errors import TooManyFailuresError, WaitTimeoutError

_FIRST: Final = 25
"""When so many rows have ended and none has succeeded, the others would not either."""


class RowBounds:
    """Counts the rows that end in this call, and says when they are too many of a kind.

    Args:
        max_failures: How many rows may fail or time out; None for all, unless none of the first 25 succeeds.
        max_unknown: How many rows may be of unknown outcome; None for all, with the same exception.
    """

    def __init__(self, max_failures: int | None, max_unknown: int | None) -> None:
        self._max_failures = max_failures
        self._max_unknown = max_unknown
        self._has_succeeded = False
        self._failed = 0
        self._timed_out = 0
        self._unknown = 0

    def succeeded(self) -> None:
        """Count a row that has succeeded."""
        self._has_succeeded = True

    def failed(self, error: Exception | None) -> TooManyFailuresError | None:
        """Count a row that has failed or timed out; return what to raise if it is one too many."""
        self._failed += 1
        self._timed_out += isinstance(error, WaitTimeoutError)
        text = self._too_many_failures() or self._none_succeeds()
        if text is None:
            return None
        made = TooManyFailuresError(f"{text}; the last: {error}")
        made.__cause__ = error
        return made

    def unknown(self) -> str | None:
        """Count a row of unknown outcome; return in words what is wrong if it is one too many."""
        self._unknown += 1
        if self._max_unknown is not None and self._unknown > self._max_unknown:
            rows = "1 row is" if self._unknown == 1 else f"{self._unknown} rows are"
            return f"{rows} of unknown outcome, and max_unknown is {self._max_unknown}"
        return self._none_succeeds()

    def _too_many_failures(self) -> str | None:
        most = self._max_failures
        if most is None or self._failed <= most:
            return None
        rows = "1 row has" if self._failed == 1 else f"{self._failed} rows have"
        timed_out = f" ({self._timed_out} timed out)" if self._timed_out else ""
        return f"{rows} failed{timed_out}, and max_failures is {most}"

    def _none_succeeds(self) -> str | None:
        if self._max_failures is not None or self._has_succeeded or self._failed + self._unknown < _FIRST:
            return None
        counts = [f"{number} {kind}" for kind, number in self._kinds().items() if number]
        return (
            f"no row has succeeded among the first {self._failed + self._unknown} that ended ({', '.join(counts)}), so"
            " no further one is started; max_failures= says how many may fail"
        )

    def _kinds(self) -> dict[str, int]:
        failed = self._failed - self._timed_out
        return {"failed": failed, "timed out": self._timed_out, "unknown": self._unknown}
