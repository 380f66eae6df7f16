"""`fibonacci dev`: the platform on this machine, until Ctrl-C or for one command."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from fibonacci.cli.exit_codes import DONE
from fibonacci.cli.standard_streams import is_terminal

if TYPE_CHECKING:
    from fibonacci.cli.context import Context
    from fibonacci.cli.parser import CommandParser
    from fibonacci.emulator import Emulator

_EPILOG = """\
The command prints two lines that set FIBONACCI_BASE_URL and FIBONACCI_API_KEY in another terminal, and serves until
Ctrl-C. If you pass a command after --, as in `fibonacci dev -- pytest`, it runs that command with the two variables
set, and ends when that command ends."""


def add_dev_arguments(parser: CommandParser) -> None:
    """Add the arguments of the command: those of `python -m fibonacci.emulator`, and `--open`."""
    from fibonacci.emulator.cli_arguments import add_arguments as add_emulator_arguments

    parser.epilog = _EPILOG
    add_emulator_arguments(parser)
    parser.add_argument(
        "--open", action="store_true", help="open the emulator's page in the browser. It asks for the key once"
    )


def run_dev(context: Context) -> int:
    """Serve an emulator."""
    import webbrowser

    from fibonacci.emulator import cli
    from fibonacci.emulator.facade import client_variables

    options = context.options

    def announce(emulator: Emulator) -> None:
        page = cli.page_address(emulator)
        if options.command:
            context.say(f"page: {page}")
        elif context.output.is_json:
            context.output.line({**client_variables(emulator), "page": page})
        else:
            print(cli.announcement(emulator, options.shell), flush=True)
            if is_terminal(sys.stdout):
                context.say("Run these lines in another terminal. Ctrl-C ends the emulator.")
            else:  # such as eval "$(fibonacci dev)", which waits for its end
                context.say("serving until Ctrl-C. To run a command with an emulator: fibonacci dev -- COMMAND")
        address = page.partition("#")[0]  # without the key: other programs can read a browser's arguments
        if options.open and not webbrowser.open(address):
            context.say(f"no browser could be started: open {address}")

    if options.command:
        return cli.serve_command(options, announce)
    if not options.quiet:
        cli.log_to_stderr()
    cli.serve(options, announce)
    return DONE
