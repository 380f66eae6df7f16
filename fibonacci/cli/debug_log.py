"""The log lines of the SDK on stderr, in which the SDK redacts the API key."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fibonacci._texts.text import printable
from fibonacci.cli.standard_streams import without_commands

if TYPE_CHECKING:
    from collections.abc import Callable, Generator


class LogFormatter(logging.Formatter):
    """Formats records for stderr: a traceback quotes exceptions of others, which a terminal or CI may carry out."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the text of a record."""
        return without_commands(printable(super().format(record)))


class ChangeHandler(logging.Handler):
    """Says which changes the SDK makes: its records at INFO that are about no single request.

    Args:
        say: Prints a line.
    """

    def __init__(self, say: Callable[[str], object]) -> None:
        super().__init__(logging.INFO)
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        """Say what a record says."""
        if getattr(record, "method", None) is None:
            self._say(record.getMessage())


@contextmanager
def logging_to(handler: logging.Handler) -> Generator[None]:
    """Give a handler what the SDK logs while the block lasts."""
    logger = logging.getLogger("fibonacci")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
