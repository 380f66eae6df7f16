"""Reading a journal beside the run that has it: what it belongs to, how far its rows have come. Nothing is written."""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Final

from fibonacci._batch.journal import JournalEntry
from fibonacci._batch.journal_errors import journal_error, reading_row
from fibonacci._batch.journal_schema import JournalHeader
from fibonacci.errors import JournalError
from fibonacci.models.run_results import RunResult, RunsProgress, RunsSummary

STARTED_WITHIN: Final = 60.0
"""Seconds after which a start without a response is of unknown outcome, while a run has the journal."""

ROWS_AT_ONCE: Final = 500
"""How many rows are read at once: between two reads, the run that has the journal may end and make it whole."""


class JournalReader(ABC):
    """Reads a journal. Each read is of the moment at which it is made; threads may share the reader.

    Args:
        path: Its path or URL, without a password.
    """

    def __init__(self, path: str) -> None:
        self.path: str = path

    @abstractmethod
    def header(self) -> JournalHeader:
        """Return what the journal belongs to."""

    @property
    @abstractmethod
    def is_running(self) -> bool:
        """Whether a run has the journal now."""

    @abstractmethod
    def summary(self) -> RunsSummary:
        """Return how far the rows have come."""

    @abstractmethod
    def progress(self) -> RunsProgress | None:
        """Return what the run has noted of its pace; None if it has noted nothing."""

    @abstractmethod
    def entries(self, status: str | None) -> Iterator[JournalEntry]:
        """Iterate over the rows that there are now, in their order.

        Args:
            status: The status of those that are wanted; others may come too. None for all.
        """

    @abstractmethod
    def close(self) -> None:
        """Close the connections. A further read opens another."""

    def results(self, status: str | None) -> Iterator[RunResult]:
        """Iterate over the rows as results, those that have none with the status that they have come to.

        Args:
            status: The status of those that are wanted; None for all.
        """
        unknown_before = self._unknown_before
        for entry in self.entries(status):
            present = entry.present_status(unknown_before)
            if status in (None, present):
                with reading_row(self.path):
                    result = entry.result(entry.index, present)
                yield result

    @property
    def _unknown_before(self) -> float:
        """The Unix time: a request of an earlier intent is not on its way any more."""
        return time.time() - STARTED_WITHIN if self.is_running else math.inf


def absent_error(path: str) -> JournalError:
    """Return the error of a journal that is to be read, and is not there."""
    return journal_error(path, "is not there or is empty: check its path or URL")
