"""A command that is run in the place of this one."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType

from fibonacci.cli.exit_codes import SIGNALED, UsageError


def run_child(command: Sequence[str], variables: Mapping[str, str]) -> int:
    """Run a command in the foreground, with further variables in its environment.

    Ctrl-C is for the command, which shares the terminal; SIGTERM is passed on to it.

    Returns:
        Its exit code; that of a shell if a signal has ended it.

    Raises:
        UsageError: If it cannot be started.
    """
    try:
        process = subprocess.Popen(command, env={**os.environ, **variables})
    except OSError as error:
        raise UsageError(f"{command[0]}: {error.strerror}") from error
    with process, _signals_for(process):
        code = process.wait()
    return code if code >= 0 else SIGNALED - code


@contextmanager
def _signals_for(process: subprocess.Popen[bytes]) -> Generator[None]:
    def leave(number: int, frame: FrameType | None) -> None:
        """Leave Ctrl-C to the command."""

    def forward(number: int, frame: FrameType | None) -> None:
        process.send_signal(number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, leave), signal.signal(signal.SIGTERM, forward)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before[0])
        signal.signal(signal.SIGTERM, before[1])
