"""`fibonacci executions tail`: the executions of an organization, as they are started and change."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fibonacci.cli.context import Context
    from fibonacci.cli.parser import CommandParser
    from fibonacci.models import Execution

_EPILOG = """\
Each execution is printed when it is started and whenever its status changes, until Ctrl-C; piped, as a line of JSON.
--limit N ends it after N of them; with --json they are an array, which ends with that. Outages and rate limits are
waited for. The list is polled after 1 s, growing to 15 s while nothing changes, and with at most a quarter of the
plan's rate limit: of the Free plan, 15 requests a minute, and 4 while nothing happens."""
_LAST = 10


def add_arguments(parser: CommandParser) -> None:
    """Add the arguments of the command."""
    from fibonacci.cli.numbers import count

    parser.epilog = _EPILOG
    parser.add_argument("--status", metavar="WORD", type=_status, help="those that get this status, such as failed")
    parser.add_argument("--workflow", metavar="ID|NAME", help="those of this workflow")
    parser.add_argument(
        "--last", metavar="N", type=count, default=_LAST, help=f"begin with the last N; default: {_LAST}, 0 for none"
    )


def run(context: Context) -> int:
    """Print executions until Ctrl-C."""
    from fibonacci.cli.exit_codes import DONE
    from fibonacci.cli.inputs import workflow_id_of
    from fibonacci.cli.output import first
    from fibonacci.cli.tailing import ExecutionFeed, Tail, sleep_while_read

    options, client = context.options, context.client
    workflow_id = None if options.workflow is None else workflow_id_of(client, options.workflow)
    tail = Tail(ExecutionFeed(client, workflow_id), context.say, sleep_while_read)
    executions = first(tail.executions(last=options.last, status=options.status), options.limit)
    if context.output.is_json:
        context.output.array(executions)
        return DONE
    for execution in executions:
        _show(context, execution)
    return DONE


def _show(context: Context, execution: Execution) -> None:
    if not context.output.is_terminal:
        context.output.line(execution)
        return
    from fibonacci.cli.tailing import columns_of

    context.output.text(columns_of(execution))


def _status(text: str) -> str:
    from fibonacci.cli.calls.value_kinds import word
    from fibonacci.models.executions import KNOWN_STATUSES

    return word(text, KNOWN_STATUSES)
