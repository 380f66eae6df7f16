"""How to continue a batch that ended early, as text."""

from __future__ import annotations

import signal
from collections.abc import Sequence

from fibonacci._batch.start_outcome import is_transient
from fibonacci.errors import JournalError, RunsStoppedError, UnknownOutcomeError
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


def stopped_error(journal: str) -> RunsStoppedError:
    """Return the error of a run that another process has stopped.

    Args:
        journal: The path or URL of the journal.
    """
    return RunsStoppedError(
        f"the run of journal {journal} was stopped by another process: no further row was started, and those under way"
        " were waited for"
    )


def resume_note(summary: RunsSummary, journal: str, error: Exception, *, is_empty: bool) -> str:
    """Return the note on an exception that ends a batch early.

    Args:
        summary: How far the rows have come.
        journal: The path of the journal; empty for none.
        error: The exception.
        is_empty: Whether the journal has no row.
    """
    if isinstance(error, UnknownOutcomeError) or (isinstance(error, JournalError) and not error.can_continue):
        return f"{summary}."  # the same call would raise it again, and its text says what helps
    helps = not journal or isinstance(error, RunsStoppedError) or is_transient(error)
    first = "" if helps else "Remove the cause first, or the next call fails as well. "
    return f"{summary}. {first}{_EMPTY if journal and is_empty else _remedy(journal)}"


def resume_fault(resume: bool | None, rows: int) -> str | None:
    """Return why a journal is not what `resume` says, as the end of a sentence; None if it is.

    Args:
        resume: Whether the journal must have rows; None where it may have some or none.
        rows: How many it has.
    """
    if resume is True and not rows:
        return (
            "has no rows, or is not there, and resume=True continues a journal that has some: check its path or URL."
            " To begin, leave resume=True out, which runs every row"
        )
    if resume is False and rows:
        return f"has {rows} rows, and resume=False begins a new one: pass resume=True to continue, or another journal"
    return None


_EMPTY = "No row is in the journal, so that the same call begins."


def unknown_note(doubts: Sequence[str]) -> str:
    """Return the note on rows of unknown outcome: how each choice deals with them.

    Args:
        doubts: Where a search was made: why rows are unknown still, each with the key of its row.
    """
    match = (
        "takes over an execution with the same inputs that belongs to no other row. Choose it if nothing else starts"
        " the workflow with these inputs"
    )
    if doubts:
        match = f"leaves them unknown, because it is in doubt which executions are theirs ({'; '.join(doubts)})"
    return (
        f'if_unknown="match" {match}.\n'
        'if_unknown="skip" starts none of them and gives each a result of status "unknown". A later call can decide.\n'
        'if_unknown="rerun" starts all of them. Those that had been started run a second time.'
    )


def _remedy(journal: str) -> str:
    if journal:
        return f"To continue, make the same call again with journal={journal!r}, resume=True."
    return "Without a journal= the rows cannot be continued: the same call runs all of them again."
