"""`fibonacci journal`: look into the journal of a `run-many`, also while it runs, and stop its run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fibonacci.cli.journal import export, rows, status, stop
from fibonacci.cli.parser import Verbs

if TYPE_CHECKING:
    from fibonacci.cli.parser import CommandParser


def add_arguments(parser: CommandParser) -> None:
    """Add the arguments of the command."""
    verbs = Verbs(parser)
    status.add_arguments(verbs.add("status", "show how far a run has come, once or until it has ended", status.run))
    rows.add_arguments(verbs.add("rows", "list the rows, and how far each has come", rows.run))
    export.add_arguments(verbs.add("export", "write the rows with inputs and outputs to stdout", export.run))
    stop.add_arguments(
        verbs.add("stop", "drain its run: it starts no further row, and ends with those under way", stop.run)
    )
