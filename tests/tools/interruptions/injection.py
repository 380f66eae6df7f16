"""What may happen at any line of the package that the main thread runs, or at any await of a task."""

from __future__ import annotations

import dis
import inspect
import linecache
import signal
import sys
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import fibonacci

_PACKAGE = str(Path(inspect.getfile(fibonacci)).parent)
# What the emulator does in this thread is not of a client.
_LEFT_OUT = (f"{_PACKAGE}/emulator/",)


class Stuck(BaseException):
    """A script did not end in its time."""


class Injector:
    """Counts the lines of the package that this thread runs, and does something before one of them.

    Args:
        number: Before which line, counted from 1; 0 for none.
        action: What is done.

    Attributes:
        lines: How many lines there were.
        place: The file, function and text of the line; empty if it was not reached.
    """

    def __init__(self, number: int, action: Callable[[], object]) -> None:
        self.lines: int = 0
        self.place: str = ""
        self._number = number
        self._action = action

    @contextmanager
    def tracing(self) -> Generator[None]:
        """Count while the block lasts."""
        before = sys.gettrace()
        sys.settrace(self._trace)
        try:
            yield
        finally:
            sys.settrace(before)

    def _trace(self, frame: FrameType, event: str, argument: Any) -> Callable[..., Any] | None:
        file = frame.f_code.co_filename
        return self._trace_lines if file.startswith(_PACKAGE) and not file.startswith(_LEFT_OUT) else None

    def _trace_lines(self, frame: FrameType, event: str, argument: Any) -> Callable[..., Any] | None:
        if event == "line" and not _is_out_of_reach(frame):
            self.lines += 1
            if self.lines == self._number:
                file, line = frame.f_code.co_filename, frame.f_lineno
                text = linecache.getline(file, line).strip()
                self.place = f"{file[len(_PACKAGE) + 1 :]}:{frame.f_code.co_qualname}: {text}"
                sys.settrace(None)
                self._action()
        return self._trace_lines


def _is_out_of_reach(frame: FrameType) -> bool:
    """Whether Python runs no signal handler before this line: at a `try`, or at the end of a `with`.

    It runs them after a call, in whose line what they raise is raised then; a `try` alone is no instruction that does.
    """
    operation = dis.opname[frame.f_code.co_code[frame.f_lasti]]
    if operation == "NOP":  # which 3.11 leaves out of the table of the block around it: its `with` would not end
        return True
    if operation not in ("LOAD_CONST", "SWAP", "PUSH_EXC_INFO"):
        return False
    line = linecache.getline(frame.f_code.co_filename, frame.f_lineno).lstrip()
    return line.startswith(("with ", "async with "))


class CanceledAt:
    """Awaits a coroutine, and cancels it at one of its awaits.

    Args:
        coroutine: What is canceled.
        number: The number of the await, from 1.
        cancel: Cancels the task.
        again: Whether it is canceled at each later await too.

    Attributes:
        awaits: How many awaits there were.
    """

    def __init__(
        self,
        coroutine: Coroutine[Any, Any, object],
        number: int,
        cancel: Callable[[], object],
        *,
        again: bool = False,
    ) -> None:
        self.awaits: int = 0
        self._coroutine = coroutine
        self._number = number
        self._cancel = cancel
        self._again = again

    def __await__(self) -> Generator[Any, Any, None]:
        proceed: Callable[[], Any] = partial(self._coroutine.send, None)
        while True:
            try:
                trap = proceed()
            except StopIteration:
                return
            self.awaits += 1
            if self.awaits == self._number or (self._again and self.awaits > self._number):
                self._cancel()
            try:
                value = yield trap
            except BaseException as error:
                proceed = partial(self._coroutine.throw, error)
            else:
                proceed = partial(self._coroutine.send, value)


@contextmanager
def at_most(seconds: float) -> Generator[None]:
    """End the block with an exception when it takes longer, also when it waits for a lock.

    Raises:
        Stuck: If it does.
    """

    def end(number: int, frame: FrameType | None) -> None:
        raise Stuck

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds, 0.5)  # again, if a callback of the collector swallows it
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
