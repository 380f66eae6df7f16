"""The command line: parse it, run the command, and turn errors into a message and an exit code."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Final

from fibonacci._remedies import worded_for_command
from fibonacci.cli.call_tables import GROUPS
from fibonacci.cli.exit_codes import DONE
from fibonacci.cli.parser import (
    COMMANDS,
    GLOBAL_NAMES,
    RESOURCES,
    SECTIONS,
    CommandParser,
    add_global_options,
    command_adder,
)
from fibonacci.cli.standard_streams import discard_unwritable, has_stream

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fibonacci.cli.context import Context

PROGRAM: Final = "fibonacci"
COMPLETE: Final = "__complete"
"""A command that the help doesn't show. The scripts of `fibonacci completion` call it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: The arguments of the command line. Default: those in `sys.argv`.

    Returns:
        The exit code, see `fibonacci.cli.exit_codes`.
    """
    with worded_for_command():
        return _main(sys.argv[1:] if arguments is None else arguments)


def _main(given: Sequence[str]) -> int:
    context: Context | None = None
    try:
        try:
            if [*given[:1]] == [COMPLETE]:
                from fibonacci.cli.completing import run_complete

                return run_complete(given[1:], command_parser)
            typed = [*given[1:], "--help"] if [*given[:1]] == ["help"] else given or ["--help"]
            options = command_parser(typed).parse_args(typed)  # may wait for stdin
            from fibonacci.cli.context import Context
            from fibonacci.cli.signals import interrupted_by_signals

            context = Context(options)
            with interrupted_by_signals(), context:
                return int(options.run(context))
        finally:  # also after --help, which raises SystemExit
            if has_stream(sys.stdout):
                sys.stdout.flush()
    except BrokenPipeError:  # the reader of stdout has all that it needs
        return DONE
    except (Exception, KeyboardInterrupt) as error:
        from fibonacci.cli.errors import report

        if context is None:
            return report(error, is_json="--json" in given)
        return report(error, is_json=context.output.awaits_json, is_debug=context.options.debug)
    finally:
        discard_unwritable()


def command_parser(typed: Sequence[str] = ()) -> CommandParser:
    """Return the parser of the whole command line. Each command adds its arguments only when it is named.

    Args:
        typed: The command line. If it begins with a command, only that command gets a parser.
    """
    parser = CommandParser(prog=PROGRAM, description="Create, run and govern workflows on the Fibonacci platform.")
    from fibonacci import __version__

    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    add = parser.add_commands("COMMAND")
    names = {*COMMANDS, *GROUPS}
    needed = names.intersection(typed[:1]) or names
    for section, commands in SECTIONS.items():
        if section == RESOURCES:
            for name, help in GROUPS.items():
                if name in needed:
                    add(name, help, section=section, add_arguments=partial(_add_group, name=name))
        for name, command in commands.items():
            if name in needed:
                add(name, command.help, section=section, add_arguments=command_adder(command, name))
    add_global_options(parser, GLOBAL_NAMES, is_root=True)
    return parser


def _add_group(parser: CommandParser, name: str) -> None:
    from fibonacci.cli.calls.arguments import add_group

    add_group(parser, name)
