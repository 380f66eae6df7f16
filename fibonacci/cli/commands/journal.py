"""`fibonacci journal`: the journal of `run-many`, from another terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fibonacci.cli.verbs import Verbs

if TYPE_CHECKING:
    from fibonacci.cli.context import Context
    from fibonacci.cli.parser import CommandParser

_STOP = """\
The run starts no further row, and waits for those under way; the same `run-many` with --resume continues. It notices
within about two seconds, or when a program that iterates the rows itself asks for its next result. The command waits
for the end of the run, also of one on another machine whose journal is in Redis. If no run has the journal, it says so.

Exit codes: 0 no run has the journal any more, 64 there is no journal, 75 the run has not ended within --timeout, or
another one has the journal by now."""


def add_arguments(parser: CommandParser) -> None:
    """Add the arguments of the command."""
    from fibonacci.cli.durations import seconds_or_none
    from fibonacci.cli.help_texts import keep_lines

    stop = Verbs(parser).add("stop", "stop the run that has a journal, once its rows under way have ended", _stop)
    keep_lines(stop)
    stop.epilog = _STOP
    stop.add_argument("journal", metavar="JOURNAL", help="a SQLite file or redis://HOST/DB?journal=NAME")
    stop.add_argument(
        "--timeout",
        metavar="TIME",
        type=seconds_or_none,
        default=None,
        help="how long to wait for its end, such as 5m; default: no limit",
    )
    stop.add_argument("--no-wait", action="store_true", help="ask the run to stop, and do not wait for its end")


def _stop(context: Context) -> int:
    from fibonacci.cli.journal_stop import stop_run

    return stop_run(context)
