"""The log lines of the SDK on stderr, in which the SDK redacts the API key."""

from __future__ import annotations

import logging
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from fibonacci._text import printable
from fibonacci.cli.standard_streams import without_commands

if TYPE_CHECKING:
    from collections.abc import Generator

_FORMAT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class LogFormatter(logging.Formatter):
    """Formats records for stderr: a traceback quotes exceptions of others, which a terminal or CI may carry out."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the text of a record."""
        return without_commands(printable(super().format(record)))


@contextmanager
def logging_to_stderr() -> Generator[None]:
    """Print what the SDK logs, for `--debug`, to stderr while the block lasts."""
    logger, handler = logging.getLogger("fibonacci"), logging.StreamHandler(sys.stderr)
    handler.setFormatter(LogFormatter(_FORMAT))
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
