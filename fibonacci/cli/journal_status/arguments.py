"""The verb `status` of `fibonacci journal`, and its arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from fibonacci.cli.context import Context
    from fibonacci.cli.verbs import Verbs

_EPILOG: Final = """\
The journal is only read: its run goes on. The number of rows, the rate, the limit that binds and the time left are what
the run has noted itself. Piped, a status is a line of JSON, and --watch prints one whenever something has changed."""


def add_status(verbs: Verbs) -> None:
    """Add the verb with its arguments."""
    parser = verbs.add("status", "show how far the run of a journal has come", _run)
    parser.epilog = _EPILOG
    parser.add_argument("journal", metavar="JOURNAL", help="a SQLite file, or redis://HOST/DB?journal=NAME")
    parser.add_argument("--watch", action="store_true", help="keep it up to date until the run has ended")


def _run(context: Context) -> int:
    from fibonacci.cli.journal_status.command import show_status  # which takes longer to import than the help to print

    return show_status(context)
