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
    """Formats records for stderr. A traceback may quote foreign exceptions, which a terminal or CI could execute."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the text of a record."""
        return without_commands(printable(super().format(record)))


class ChangeHandler(logging.Handler):
    """Reports the changes that the SDK makes: its INFO records that aren't about a single request.

    Args:
        say: Prints a line.
    """

    def __init__(self, say: Callable[[str], object]) -> None:
        super().__init__(logging.INFO)
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        """Print the message of a record."""
        if getattr(record, "method", None) is None:
            self._say(record.getMessage())


@contextmanager
def logging_to(handler: logging.Handler) -> Generator[None]:
    """Send what the SDK logs during the block to a handler."""
    logger = logging.getLogger("fibonacci")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
