"""`fibonacci run-many ID|NAME ROWS`: run a workflow for each row of a file, and write the results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from fibonacci.cli.context import Context
    from fibonacci.cli.parser import CommandParser

_EPILOG = """\
The first line of CSV names the columns, and its values are texts: {{input.count}} is "3", not 3. Columns that are
named by --json-column hold JSON instead: 3, true, null, "text", [1, 2]. Each line of JSON Lines is an object. Both are
UTF-8. The row is the inputs of its run. No row is started if the first one is not what the workflow needs, as when a
column is misspelled.

The same command with --resume continues: rows that have ended are not run again. Their results are written all the
same. --resume refuses a journal that is not there or is empty, which would run every row again.

Exit codes: 0 every row has succeeded, 1 all have ended and one has failed, 4 no API key or a bad one, 64 a fault in an
argument or a file, 69 no usable answer from the platform, 74 the results cannot be written, 75 a row has not ended or
is unknown, 130 interrupted.
FIBONACCI_API_KEY has the key."""


_CHOICES: Final = {
    "if_unknown": "rows of unknown outcome",
    "if_quota_exceeded": "at an hourly or daily quota",
    "if_new_version": "the workflow is not at the version of the journal",
}


def add_run_many_arguments(parser: CommandParser) -> None:
    """Add the arguments of the command."""
    from fibonacci._batch.options import CHOICES
    from fibonacci.cli.numbers import count, positive, seconds_or_none
    from fibonacci.cli.parser import RAW_CSV

    parser.epilog = _EPILOG
    add = parser.add_argument
    add("workflow", metavar="ID|NAME", help="the workflow")
    add("rows", metavar="ROWS", help="a file, .csv or .jsonl, or - for stdin")
    add(
        "--journal", metavar="FILE|URL", help="what is known of each row: a SQLite file or redis://HOST/DB?journal=NAME"
    )
    add("--resume", action="store_true", help="continue the journal: refuse one that is not there or has no rows")
    add("--out", metavar="FILE", help="write the results here, .jsonl or .csv; default: JSON Lines to stdout")
    add("--format", choices=("csv", "jsonl"), help="the format of the rows; default: by the name; jsonl for stdin")
    add("--key", metavar="COLUMN", help="the column that identifies a row; default: its place in the file")
    add(
        "--json-column",
        metavar="COLUMN",
        action="append",
        default=[],
        help="a column of CSV that holds JSON; repeatable",
    )
    add("--raw-csv", action="store_true", help=RAW_CSV)
    add("--concurrency", metavar="N", type=positive, help="executions at a time; default: what the quota leaves")
    add(
        "--timeout",
        metavar="TIME",
        type=seconds_or_none,
        default=300.0,
        help="how long to wait for a row, such as 5m, or none; default: 300 s",
    )
    add("--max-failures", metavar="N", type=count, help="rows that may fail or time out before no further one starts")
    add("--max-unknown", metavar="N", type=count, help="rows that may be unknown before no further one starts")
    add("--max-rows", metavar="N", type=positive, help="how many rows to start; the same command continues")
    add("--retry-failed", action="store_true", help="start the rows again that have failed before")
    for name, meaning in _CHOICES.items():
        choices = CHOICES[name]
        flag = f"--{name.replace('_', '-')}"
        add(flag, choices=choices, default=choices[0], help=f"{meaning}; default: {choices[0]}")
    add("--ordered", action="store_true", help="results in the order of the rows")
    add("--organization-id", metavar="ID", help="whose quota counts; default: the workflow's organization")
    add("--estimate", action="store_true", help="print how long it takes and which limit binds, and run nothing")


def run_run_many(context: Context) -> int:
    """Run the rows."""
    from fibonacci.cli.run_many import run_rows

    return run_rows(context)
