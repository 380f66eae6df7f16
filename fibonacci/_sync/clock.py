# Derived from fibonacci/_async/clock.py by tests/tools/mirror.py; change that file, not this one.
"""A client's source of time."""

from __future__ import annotations

from typing import Protocol

from fibonacci._core.messages import TimeSource


class Clock(TimeSource, Protocol):
    """A source of time, which a test passes as `clock=` so that no wait takes real time.

    Example:
        ```python
        import time

        from fibonacci import Fibonacci


        class SkippingClock:
            skipped = 0.0

            def monotonic(self) -> float:
                return time.monotonic() + self.skipped

            def time(self) -> float:
                return time.time() + self.skipped

            def sleep(self, seconds: float, /) -> None:
                self.skipped += seconds


        impatient = Fibonacci("key", clock=SkippingClock())
        ```
    """

    def sleep(self, seconds: float, /) -> None:
        """Wait.

        Args:
            seconds: How many seconds to wait, 0 or more.
        """
        ...
