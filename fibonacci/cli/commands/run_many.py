"""`fibonacci run-many`: run a workflow for each row of a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fibonacci.cli.context import Context
    from fibonacci.cli.parser import CommandParser


def add_arguments(parser: CommandParser) -> None:
    """Add the arguments of the command."""
    from fibonacci.cli.run_many import arguments

    arguments.add_arguments(parser)


def run(context: Context) -> int:
    """Run the rows, and write the results."""
    from fibonacci.cli.run_many.command import run_rows

    return run_rows(context)
