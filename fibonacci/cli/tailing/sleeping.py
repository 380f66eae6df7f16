"""A sleep that ends when the reader of stdout has closed it."""

from __future__ import annotations

import sys
import time


def sleep_while_read(seconds: float) -> None:
    """Sleep, or raise a BrokenPipeError as soon as the reader of stdout has closed it, where the system reports it.

    Without it, `... | head -1` would end with the next line that is written, which may be hours away.
    """
    try:
        from select import POLLERR, poll

        polled = poll()
        polled.register(sys.stdout.fileno(), POLLERR)
    except (ImportError, OSError, ValueError):  # Windows, or a stdout that is no file
        time.sleep(seconds)
        return
    if any(event & POLLERR for _, event in polled.poll(seconds * 1000)):
        raise BrokenPipeError
