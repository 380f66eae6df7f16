"""The verbs of a command, such as `fibonacci auth login`: each has a parser and a function of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fibonacci.cli.parser import add_global_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from fibonacci.cli.context import Context
    from fibonacci.cli.parser import CommandParser


class Verbs:
    """The verbs of one command.

    Args:
        parser: The parser of the command.
    """

    def __init__(self, parser: CommandParser) -> None:
        self._add = parser.add_commands("VERB")

    def add(self, name: str, help: str, run: Callable[[Context], int]) -> CommandParser:
        """Add a verb; return its parser, for its arguments.

        Args:
            name: The verb.
            help: Its line in the help of the command.
            run: What carries it out, and returns the exit code.
        """
        parser = self._add(name, help)
        parser.set_defaults(run=run)
        add_global_options(parser)
        return parser
