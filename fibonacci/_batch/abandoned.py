"""Ends runs whose iterator is gone, as after a `break`.

`__del__` may be called by the garbage collector: at any moment, in any thread, under any lock. What has to be written,
closed or waited for is therefore noted here, and a thread does it.
"""

from __future__ import annotations

import atexit
import logging
import os
import sys
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Protocol
from weakref import WeakSet

_log = logging.getLogger("fibonacci")


class _Run(Protocol):
    def leave_at_exit(self) -> None: ...


_open: WeakSet[_Run] = WeakSet()
_noted: deque[Callable[[], object]] = deque()
_wakes: SimpleQueue[None] = SimpleQueue()  # which the garbage collector and signal handlers may put something into
_ending = threading.RLock()  # a signal handler may begin a run while its thread has it
_thread: threading.Thread | None = None
_is_exiting = False


def add_run(run: _Run) -> None:
    """Have a run ended at the end of the process, if it still goes on then; start the thread that ends others."""
    global _thread
    _open.add(run)
    if _thread is None or not _thread.is_alive():
        thread = threading.Thread(target=_work, name="fibonacci-abandoned-runs", daemon=True)
        with suppress(RuntimeError):  # the system has no thread left: the next run ends those that were noted
            thread.start()
            _thread = thread


def end_soon(end: Callable[[], object]) -> None:
    """Have a function called that may wait. It takes no lock and does no I/O, so `__del__` may call it."""
    if _is_exiting:
        end()
        return
    _noted.append(end)
    _wakes.put(None)


def has_noted() -> bool:
    """Whether something was noted that has not ended."""
    return bool(_noted)


def end_noted() -> None:
    """End what was noted, and wait for what another thread is ending."""
    with _ending:
        while _noted:
            try:
                _noted[0]()
            except Exception:
                _log.warning("a run that was left could not be ended", exc_info=True)
            finally:
                _noted.popleft()


def _work() -> None:
    while True:
        _wakes.get()
        end_noted()


@atexit.register
def _end_all() -> None:
    global _is_exiting
    _is_exiting = True
    for run in list(_open):
        run.leave_at_exit()
    end_noted()


def _forget() -> None:
    """Leave to the parent what is the parent's, in a fork."""
    global _ending
    _ending = threading.RLock()
    _noted.clear()
    _open.clear()


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_forget)
