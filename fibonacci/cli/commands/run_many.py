"""`fibonacci run-many ID|NAME ROWS`: run a workflow for each row of a file, and write the results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from fibonacci.cli.context import Context
    from fibonacci.cli.parser import CommandParser

_EPILOG = """\
In CSV, the first line names the columns, and all values are strings: {{input.count}} is "3", not 3. To read a column as
JSON, such as 3, true, null, "text" or [1, 2], name it with --json-column. In JSON Lines, each line is an object. Both
formats are UTF-8. Each row has the inputs of one run. If the first row does not fit the workflow, for example because a
column is misspelled, no row starts.

To continue an interrupted run, repeat the command with --resume. It does not run rows again that have ended, but it
writes their results too. --resume refuses a journal that does not exist or is empty, because every row would run again.

Exit codes: 0 every row succeeded, 1 every row ended and at least one failed, 4 the API key is missing or bad, 64 an
argument or a file has a problem, 69 there is no usable answer from the platform, 74 the results can't be written, 75 a
row has not ended or its outcome is unknown, 130 interrupted by Ctrl-C."""


_CHOICES: Final = {
    "if_unknown": "what to do with rows whose outcome is unknown",
    "if_quota_exceeded": "what to do when an hourly or daily quota is used up",
    "if_new_version": "what to do if the workflow has another version than the journal",
}


def add_run_many_arguments(parser: CommandParser) -> None:
    """Add the arguments of the command."""
    from fibonacci._batch.options import CHOICES
    from fibonacci.cli.numbers import count, positive, seconds_or_none
    from fibonacci.cli.parser import RAW_CSV

    parser.epilog = _EPILOG
    add = parser.add_argument
    add("workflow", metavar="ID|NAME", help="the workflow")
    add("rows", metavar="ROWS", help="a .csv or .jsonl file, or - for stdin")
    add("--journal", metavar="FILE", help="the file, or a postgresql:// URL, in which to record each row")
    add("--resume", action="store_true", help="continue the journal, and refuse one that does not exist or has no rows")
    add("--out", metavar="FILE", help="write the results to this .jsonl or .csv file; default: JSON Lines to stdout")
    add(
        "--format",
        choices=("csv", "jsonl"),
        help="the format of the rows; default: that of the file name, or jsonl for stdin",
    )
    add("--key", metavar="COLUMN", help="the column that identifies a row; default: its position in the file")
    add(
        "--json-column",
        metavar="COLUMN",
        action="append",
        default=[],
        help="a CSV column that holds JSON. You can repeat it",
    )
    add("--raw-csv", action="store_true", help=RAW_CSV)
    add(
        "--concurrency",
        metavar="N",
        type=positive,
        help="how many executions run at a time; default: as many as the quota leaves",
    )
    add(
        "--timeout",
        metavar="TIME",
        type=seconds_or_none,
        default=300.0,
        help="how long to wait for a row, such as 5m, or none for no limit; default: 300 s",
    )
    add(
        "--max-failures",
        metavar="N",
        type=count,
        help="how many rows may fail, time out or have an unknown outcome before no more rows start",
    )
    add("--max-rows", metavar="N", type=positive, help="how many rows to start. The same command starts the next ones")
    add("--retry-failed", action="store_true", help="also run rows again that failed before")
    for name, meaning in _CHOICES.items():
        choices = CHOICES[name]
        flag = f"--{name.replace('_', '-')}"
        add(flag, choices=choices, default=choices[0], help=f"{meaning}; default: {choices[0]}")
    add("--ordered", action="store_true", help="write the results in the order of the rows")
    add(
        "--estimate",
        action="store_true",
        help="run nothing, and print how long the rows take and which limit slows them down",
    )


def run_run_many(context: Context) -> int:
    """Run the rows."""
    from fibonacci.cli.run_many import run_rows

    return run_rows(context)
