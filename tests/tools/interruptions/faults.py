"""The faults, and what a script comes to in which one of them happens."""

from __future__ import annotations

import gc
import itertools
import os
import signal
import sys
import threading
import warnings
from collections.abc import Generator
from typing import Final
from unittest import mock

from fibonacci import FibonacciError
from tests.tools.interruptions.cancellations import attempt_canceled
from tests.tools.interruptions.injection import Injector, Stuck, at_most
from tests.tools.interruptions.scripts import SCRIPTS, TIMEOUT, InterruptedClient, Trial

_LATE = 3.0  # seconds beyond the timeout of a call, on a machine that is busy


def _interrupt(subject: InterruptedClient) -> None:
    raise KeyboardInterrupt


class TimeIsUp(Exception):
    """What a signal handler of the program raises, as Celery does at a time limit."""


def _raise(subject: InterruptedClient) -> None:
    raise TimeIsUp


def _collect(subject: InterruptedClient) -> None:
    """Collect garbage with a cycle that holds a client, an iterator that is half read, and a batch."""
    cycle: list[object] = []
    client = subject.emulator.client()
    cycle += [
        cycle,
        client,
        iter(client.executions.list(page_size=2)),
        client.workflows.run_many(subject.workflow, [{}]),
    ]
    del cycle, client
    gc.collect()


def _call(subject: InterruptedClient) -> None:
    """Make a call, as a signal handler does that cancels an execution."""
    subject.client.workflows.get(subject.workflow)


class ChildFailed(BaseException):
    """The call of a forked child failed, or did not end."""


def _fork(subject: InterruptedClient) -> None:
    """Fork a child that makes a call, and wait for it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of a fork beside threads, which is what is tried
        child = os.fork()
    if child == 0:
        signal.alarm(int(TIMEOUT))
        code = 1
        try:
            subject.client.workflows.get(subject.workflow)
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if status != 0:
        raise ChildFailed(status)


_ACTIONS = {"Ctrl-C": _interrupt, "exception": _raise, "collection": _collect, "handler": _call, "fork": _fork}
KNOWN: Final = {
    "exception in batch": (
        "what a handler raises while a row is made of a value counts as raised by the user's function: the row fails"
    ),
}
"""The faults that are left, and why."""

FEW = ("no thread", "cancellation")  # a script has few starts of threads and awaits
FAULTS = (*_ACTIONS, *FEW)


def attempt(subject: InterruptedClient, script: str, fault: str, number: int) -> Trial:
    """Run a script with a fault: before one of its lines, at one of its awaits, or at the start of one of its threads.

    Args:
        subject: The client.
        script: The script.
        fault: The fault.
        number: Which line, await or start, counted from 1.
    """
    if fault == "cancellation":
        return attempt_canceled(subject, script, number)
    if fault == "no thread":
        return _attempt_without_thread(subject, script, number)
    return _attempt_at_line(subject, script, fault, number)


def _run(script: str, subject: InterruptedClient) -> Generator[None]:
    """Run a script in a generator, which has an exception state of its own.

    What is raised before a `return` in an `except` leaves the exception of that block there (in CPython 3.11). In the
    state of the thread, it would be the context of whatever is raised later.
    """
    SCRIPTS[script](subject)
    yield


def _attempt_at_line(subject: InterruptedClient, script: str, fault: str, number: int) -> Trial:
    """Run a script with a fault before one of its lines."""
    subject.renew(script)
    injector = Injector(number, lambda: _ACTIONS[fault](subject))
    ended: BaseException | None = None
    ignored: list[BaseException | None] = []  # by Python, in `__del__`

    def ignore(found: sys.UnraisableHookArgs) -> None:
        ignored.append(found.exc_value)

    try:
        with (
            mock.patch.object(sys, "unraisablehook", ignore),
            at_most(TIMEOUT + _LATE),
            injector.tracing(),
        ):
            next(_run(script, subject))
    except Stuck:
        return Trial(injector.place, ["it does not end"])
    except (KeyboardInterrupt, ChildFailed, Exception) as error:
        ended = error
    found: list[str] = []
    raised = {"Ctrl-C": KeyboardInterrupt, "exception": TimeIsUp}.get(fault) if injector.place else None
    if raised is not None and ended is None and raised in map(type, ignored):
        ignored.clear()
    elif type(ended) is not (raised or type(None)):
        found.append(f"it raises {ended!r}" if ended is not None else "what was raised is swallowed")
    with mock.patch.object(sys, "unraisablehook", ignore):
        del ended
    found += [f"ignored: {error!r}" for error in ignored]
    return Trial(injector.place, found + _faults_after(subject))


def _attempt_without_thread(subject: InterruptedClient, script: str, number: int) -> Trial:
    """Run a script in which a thread does not start, as at a limit of the system."""
    subject.renew(script)
    starts = itertools.count(1)
    start = threading.Thread.start
    place = ""

    def refuse(thread: threading.Thread) -> None:
        nonlocal place
        if threading.current_thread() is threading.main_thread() and next(starts) == number:
            place = f"the start of {thread.name}, number {number}"
            raise RuntimeError("can't start new thread")
        start(thread)

    try:
        with at_most(TIMEOUT + _LATE), mock.patch.object(threading.Thread, "start", refuse):
            SCRIPTS[script](subject)
    except Stuck:
        return Trial(place, ["it does not end"])
    except (RuntimeError, FibonacciError):
        pass
    return Trial(place, _faults_after(subject))


def _faults_after(subject: InterruptedClient) -> list[str]:
    try:
        with at_most(TIMEOUT + _LATE):
            return subject.faults()
    except Stuck:
        return ["the next call does not end"]
