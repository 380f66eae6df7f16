"""`fibonacci executions tail`: the executions of an organization, as they are started and change."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fibonacci.cli.context import Context
    from fibonacci.cli.parser import CommandParser
    from fibonacci.models import Execution

_EPILOG = """\
Each execution is printed when it is started and whenever its status changes, until Ctrl-C; piped and with --json, as a
line of JSON. Outages and rate limits are waited for. The list is polled after 1 s, growing to 15 s while nothing
changes, and with at most a quarter of the plan's rate limit: of the Free plan, 15 requests a minute, and 4 while
nothing happens. --limit N ends it after N lines."""
_LAST = 10


def add_arguments(parser: CommandParser) -> None:
    """Add the arguments of the command."""
    parser.epilog = _EPILOG
    parser.add_argument("--status", metavar="S", type=_status, help="those that get this status alone, such as failed")
    parser.add_argument("--workflow", metavar="ID|NAME", help="those of this workflow alone")
    parser.add_argument(
        "--last", metavar="N", type=_count, default=_LAST, help=f"begin with the last N; default: {_LAST}, 0 for none"
    )


def run(context: Context) -> int:
    """Print executions until Ctrl-C."""
    from fibonacci.cli.exit_codes import DONE
    from fibonacci.cli.tailing.feed import ExecutionFeed
    from fibonacci.cli.tailing.sleeping import sleep_while_read
    from fibonacci.cli.tailing.tail import Tail
    from fibonacci.cli.workflow_names import workflow_id_of

    options, client = context.options, context.client
    workflow_id = None if options.workflow is None else workflow_id_of(client, options.workflow)
    tail = Tail(ExecutionFeed(client, workflow_id), context.say, sleep_while_read)
    for number, execution in enumerate(tail.executions(last=options.last, status=options.status), 1):
        _show(context, execution)
        if number == options.limit:
            break
    return DONE


def _show(context: Context, execution: Execution) -> None:
    output = context.output
    if output.is_json or not output.is_terminal:
        output.line(execution)
        return
    from fibonacci.cli.tailing.columns import columns_of

    output.text(columns_of(execution))


def _status(text: str) -> str:
    from fibonacci._suggestions import did_you_mean
    from fibonacci.models.executions import KNOWN_STATUSES

    if text not in KNOWN_STATUSES:
        remedy = did_you_mean(text, KNOWN_STATUSES) or f": it is one of {', '.join(KNOWN_STATUSES)}"
        raise argparse.ArgumentTypeError(f"unknown status {text!r}{remedy}")
    return text


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0")
    return int(text)
