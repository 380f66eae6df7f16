"""How a batch ends early: by a signal, or because its iterator is gone, and the words on how to continue it.

The garbage collector may call `__del__` at any moment, in any thread, under any lock. So another thread writes, closes
and waits. It is started without `threading`, which would take a lock.
"""

from __future__ import annotations

import atexit
import logging
import signal
import threading
from _thread import start_new_thread
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any, Final

from fibonacci._core.retry import is_final
from fibonacci._remedies import remedy
from fibonacci._texts.logging import log
from fibonacci.errors import (
    JournalError,
    QuotaExceededError,
    RunsStoppedError,
    TooManyFailuresError,
    UnknownOutcomeError,
)
from fibonacci.models.run_results import RunsSummary

# The last is sent when a terminal is closed, or a connection to it is lost.
_SIGNALS: Final = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


_log = logging.getLogger("fibonacci")

_runs: Final[list[Callable[[int], None]]] = []
"""What the next signal calls: a function of each run under way that hasn't got one yet."""

_before: Final[dict[int, Any]] = {}
"""The handlers that the program had before these runs."""


def handle_signals(on_signal: Callable[[int], None]) -> None:
    """Handle the signals that the program doesn't ignore. Outside the main thread, where nobody may, it does nothing.

    The first signal goes to all runs under way, the second to the program.

    Args:
        on_signal: Called with the number of the first signal, between any two steps of the main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    _runs.append(on_signal)
    for number in _SIGNALS:
        before = signal.getsignal(number)
        if before not in (None, signal.SIG_IGN, _handle):
            _before[number] = before
            signal.signal(number, _handle)


def restore_signals(on_signal: Callable[[int], None]) -> None:
    """Call a function no more. After the last run, set the earlier handlers, unless somebody has set others since."""
    if on_signal in _runs:
        _runs.remove(on_signal)
    if not _runs:
        for number, before in _before.items():
            if signal.getsignal(number) == _handle:
                with suppress(ValueError):  # not in the main thread
                    signal.signal(number, before)


def _handle(number: int, frame: FrameType | None) -> None:
    runs = _runs.copy()
    _runs.clear()
    for run in runs:
        run(number)
    if runs:
        return
    # This may happen even after the runs, if the handlers couldn't be restored or another one calls this one.
    before = _before[number]
    signal.signal(number, before)
    if callable(before):
        before(number, frame)
    else:
        signal.raise_signal(number)


_ends: Final[list[Callable[[], object]]] = []
"""Functions that end abandoned runs and haven't returned yet."""


def end_soon(end: Callable[[], object]) -> None:
    """Have another thread call a function that ends a run. This takes no lock and does no I/O: `__del__` may call it.

    Args:
        end: The function. A second call does nothing, or waits for the first.
    """
    _ends.append(end)
    with suppress(RuntimeError):  # the system has no thread left: the next run calls it, or the exit of the process
        start_new_thread(end_abandoned, ())


def end_abandoned() -> None:
    """End the runs that were abandoned, and wait for those that another thread is ending."""
    for end in _ends.copy():
        try:
            end()
        except Exception:
            log(_log, logging.WARNING, "an abandoned run could not be ended", with_exception=True)
        with suppress(ValueError):  # another thread was faster
            _ends.remove(end)


atexit.register(end_abandoned)


def drain_text(number: int, in_flight: int, journal: str) -> str:
    """Return what to print at the first signal.

    Args:
        number: The number of the signal.
        in_flight: How many rows are under way.
        journal: The path of the journal. Empty for none.
    """
    name = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
    again = f"Press {name} again" if number == signal.SIGINT else f"Send {name} again"
    return (
        f"{name}: no more rows are started. Waiting for {in_flight} in progress. {again} to stop at "
        f"once. {_remedy(journal)}"
    )


def stopped_error(journal: str) -> RunsStoppedError:
    """Return the error of a run that another process has stopped.

    Args:
        journal: The path of the journal.
    """
    return RunsStoppedError(
        f"another process stopped the run of journal {journal}: no more rows were started, and the rows in progress "
        "were waited for"
    )


def resume_note(summary: RunsSummary, journal: str, error: Exception, *, is_empty: bool) -> str:
    """Return the note on an exception that ends a batch early.

    Args:
        summary: How far the rows have come.
        journal: The path of the journal. Empty for none.
        error: The exception.
        is_empty: Whether the journal has no row.
    """
    if isinstance(error, UnknownOutcomeError) or (isinstance(error, JournalError) and not error.can_continue):
        return f"{summary}."  # the same call would raise it again, and its text says what helps
    passes = isinstance(error, RunsStoppedError | QuotaExceededError) or not is_final(error, after_success=True)
    helps = not journal or passes
    parts = (f"{summary}. ", "" if helps else remedy("fix first"))
    again = remedy("retry failed") if journal and isinstance(error, TooManyFailuresError) else ""
    return "".join((*parts, remedy("begin again") if journal and is_empty else _remedy(journal), again))


def _remedy(journal: str) -> str:
    if journal:
        return remedy("continue", journal=journal)
    return "Without journal=, you cannot continue: the same call runs all rows again."
