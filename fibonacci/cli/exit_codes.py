"""Exit codes of the command, and the errors for mistakes that the user must correct."""

from __future__ import annotations

from typing import Final

DONE: Final = 0
"""What was requested is done."""

FAILED: Final = 1
"""The answer is negative: a run or row failed, a 4xx, files differ, or a plan is stale."""

PLANNED: Final = 2
"""Changes are planned."""

NO_CREDENTIALS: Final = 4
"""The API key is missing or malformed, or the platform refused it (401)."""

USAGE: Final = 64
"""An argument or a file has a problem, or an extra is not installed. The command changed nothing on the platform."""

NO_ANSWER: Final = 69
"""There is no usable answer (no connection, a 5xx, the rate limit, a proxy's page), or what was read can't be shown."""

UNWRITTEN: Final = 74
"""The command worked, but its result can't be written: the disk is full, or stdout is closed. stderr has the ID."""

NOT_ENDED: Final = 75
"""The run has not ended in time, or it is not known whether the request was carried out. Look before you repeat it."""

SIGNALED: Final = 128
"""A signal ended the command. The code is 128 plus its number: 130 is Ctrl-C, 143 SIGTERM, 129 SIGHUP."""


class UsageError(ValueError):
    """An argument or a file of the command is wrong. The text is one line with the place and the remedy."""


class CommandLineError(UsageError):
    """The command line itself is wrong.

    Args:
        text: What is wrong, and the remedy.
        command: The command whose arguments they are, such as `fibonacci run`.

    Attributes:
        command: The same.
    """

    def __init__(self, text: str, command: str) -> None:
        super().__init__(text)
        self.command: str = command


class UnwrittenResultError(Exception):
    """Something was changed, and the result of that cannot be written.

    Args:
        change: What was changed.
        reason: Why it cannot be written.

    Attributes:
        reason: Why it cannot be written.
    """

    def __init__(self, change: str, reason: str) -> None:
        super().__init__(f"{change}, but the result cannot be written: {reason}")
        self.reason: str = reason
