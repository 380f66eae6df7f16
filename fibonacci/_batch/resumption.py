"""How to continue a batch that ended early, as text."""

from __future__ import annotations

import signal

from fibonacci._batch.start_outcome import is_transient
from fibonacci.errors import UnknownOutcomeError
from fibonacci.models.run_results import RunsSummary


def drain_text(number: int, in_flight: int, journal: str) -> str:
    """Return what to print at the first signal.

    Args:
        number: The number of the signal.
        in_flight: How many rows are under way.
        journal: The path of the journal; empty for none.
    """
    name = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
    return (
        f"{name}: no further row is started, and {in_flight} under way are waited for; again to stop at once."
        f" {_remedy(journal)}"
    )


def resume_note(summary: RunsSummary, journal: str, error: Exception) -> str:
    """Return the note on an exception that ends a batch early.

    Args:
        summary: How far the rows have come.
        journal: The path of the journal; empty for none.
        error: The exception.
    """
    if isinstance(error, UnknownOutcomeError):  # which the same call would raise again; its text says what helps
        return f"{summary}."
    first = "" if not journal or is_transient(error) else "Remove the cause first, or the next call fails as well. "
    return f"{summary}. {first}{_remedy(journal)}"


def _remedy(journal: str) -> str:
    if journal:
        return f"To continue, make the same call again with journal={journal!r}."
    return "Without a journal= the rows cannot be continued: the same call runs all of them again."
