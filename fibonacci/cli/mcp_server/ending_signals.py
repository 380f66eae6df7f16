"""The signals that end the server, after which it still has to cancel what it has begun."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress


class EndingSignal:
    """The signal that has ended the server.

    Attributes:
        number: Its number; None if there was none.
    """

    number: int | None = None


@contextmanager
def ending_signals(end: Callable[[], object] | None = None) -> Generator[EndingSignal]:
    """Handle SIGINT and SIGTERM in the running event loop during the block; yield the one that came.

    Args:
        end: Called at each.
    """
    loop, found = asyncio.get_running_loop(), EndingSignal()

    def handle(number: int) -> None:
        found.number = number
        if end is not None:
            end()

    handled: list[int] = []
    try:
        for each in (signal.SIGINT, signal.SIGTERM):
            with suppress(NotImplementedError):  # on Windows, where Ctrl-C raises KeyboardInterrupt
                loop.add_signal_handler(each, handle, each)
                handled.append(each)
        yield found
    finally:
        for number in handled:
            loop.remove_signal_handler(number)
