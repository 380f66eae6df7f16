"""The command line: parse it, run the command, and turn what goes wrong into one line and an exit code."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from fibonacci.cli.command_table import COMMANDS
from fibonacci.cli.exit_codes import DONE
from fibonacci.cli.parser import CommandParser, add_global_options

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

PROGRAM: Final = "fibonacci"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: The arguments of the command line. Default: those in `sys.argv`.

    Returns:
        The exit code, see `fibonacci.cli.exit_codes`.
    """
    options = command_parser().parse_args(arguments)
    try:
        return _run(options)
    except BrokenPipeError:  # the reader of stdout has what it needs
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except (Exception, KeyboardInterrupt) as error:
        from fibonacci.cli.errors import report

        return report(error, is_debug=options.debug)


def command_parser() -> CommandParser:
    """Return the parser of the whole command line, in which each command adds its arguments when it is named."""
    parser = CommandParser(prog=PROGRAM, description="Create, run and govern workflows on the Fibonacci platform.")
    add_global_options(parser, is_root=True)
    from fibonacci import __version__

    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, command in COMMANDS.items():
        commands.add_parser(name, help=command.help, description=command.help, add_arguments=_adder(command.module))
    return parser


def _adder(module: str) -> Callable[[CommandParser], None]:
    def add(parser: CommandParser) -> None:
        command: Any = import_module(f"fibonacci.cli.commands.{module}")
        command.add_arguments(parser)
        add_global_options(parser)
        if not parser.get_default("run"):  # a command with verbs has one for each
            parser.set_defaults(run=command.run)

    return add


def _run(options: argparse.Namespace) -> int:
    from fibonacci.cli.context import Context
    from fibonacci.cli.signals import interrupting_sigterm

    with interrupting_sigterm(), Context(options) as context:
        code: int = options.run(context)
        sys.stdout.flush()
        return code
