"""`fibonacci journal rows`: the rows of a journal, and how far each has come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fibonacci.cli.exit_codes import DONE
from fibonacci.cli.journal.opened import add_journal, add_status, opened_journal

if TYPE_CHECKING:
    from fibonacci.cli.context import Context
    from fibonacci.cli.parser import CommandParser

_EPILOG: Final = """\
Nothing is changed, and a run may have the journal meanwhile. A row without a result is pending, starting, running, or
unknown: it is not known whether it was started. While the run lasts, a start without a response is unknown after 60 s.
In Redis, JOURNAL has the name: redis://HOST/DB?journal=NAME, which is the id of the workflow where the run gave none.
"""
_COLUMNS: Final = ("index", "key", "status", "execution_id", "error")


def add_arguments(parser: CommandParser) -> None:
    """Add the arguments of the verb."""
    parser.epilog = _EPILOG
    add_journal(parser)
    add_status(parser)


def run(context: Context) -> int:
    """List the rows."""
    with opened_journal(context) as journal:
        context.output.items((row.to_dict() for row in journal.rows(context.options.status)), _COLUMNS)
    return DONE
