"""`fibonacci executions watch ID`: follow an execution to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fibonacci.cli.context import Context
    from fibonacci.cli.parser import CommandParser

_EPILOG = """\
It is polled after 1 s, growing to 15 s, and never with more than a fair share of the rate limit: at most 9 requests
in the first minute and 4 in each further one. Piped, each change is a line of JSON. An execution that fails or is
canceled is exit code 1, with the reason on stderr. One that has not ended within --timeout is exit code 75."""


def add_arguments(parser: CommandParser) -> None:
    """Add the arguments of the command."""
    from fibonacci.cli.numbers import seconds_or_none

    parser.epilog = _EPILOG
    parser.add_argument("execution", metavar="ID", help="the execution, such as exec_abc123")
    parser.add_argument(
        "--timeout",
        metavar="TIME",
        type=seconds_or_none,
        default=None,
        help="how long to wait, such as 5m; default: no limit",
    )


def run(context: Context) -> int:
    """Follow the execution, and print its outputs."""
    from fibonacci.cli.following import follow

    options, client = context.options, context.client
    return follow(
        context,
        lambda update: client.executions.wait(options.execution, timeout=options.timeout, on_update=update),
        is_watched=True,
    )
