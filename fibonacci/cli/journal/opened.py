"""The journal that a command names, opened to be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fibonacci.cli.exit_codes import UsageError

if TYPE_CHECKING:
    from fibonacci import JournalView
    from fibonacci.cli.context import Context
    from fibonacci.cli.parser import CommandParser


def add_journal(parser: CommandParser) -> None:
    """Add the argument that names the journal."""
    parser.add_argument("journal", metavar="JOURNAL", help="the file, or redis://HOST/DB?journal=NAME")


def add_status(parser: CommandParser) -> None:
    """Add the option that chooses rows by their status."""
    parser.add_argument("--status", metavar="WORD", type=_status, help="the rows with this status, such as failed")


def opened_journal(context: Context) -> JournalView:
    """Return the journal that the command line names; nothing of it is changed.

    Raises:
        UsageError: If the argument names no journal.
        JournalError: If it cannot be read.
    """
    from fibonacci import read_journal

    try:
        return read_journal(context.options.journal)
    except ValueError as error:
        raise UsageError(str(error)) from None


def _status(text: str) -> str:
    from fibonacci.cli.calls.value_kinds import word
    from fibonacci.models.executions import KNOWN_STATUSES

    return word(text, (*KNOWN_STATUSES, "starting", "unknown"))
