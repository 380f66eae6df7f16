"""A client's source of time."""

from __future__ import annotations

from typing import Protocol

from fibonacci._core.messages import TimeSource


class AsyncClock(TimeSource, Protocol):
    """A source of time, which a test passes as `clock=` so that no wait takes real time.

    Example:
        ```python
        import time

        from fibonacci import AsyncFibonacci


        class SkippingClock:
            skipped = 0.0

            def monotonic(self) -> float:
                return time.monotonic() + self.skipped

            def time(self) -> float:
                return time.time() + self.skipped

            async def sleep(self, seconds: float, /) -> None:
                self.skipped += seconds


        impatient = AsyncFibonacci("key", clock=SkippingClock())
        ```
    """

    async def sleep(self, seconds: float, /) -> None:
        """Wait.

        Args:
            seconds: How many seconds to wait, 0 or more.
        """
        ...
