"""`fibonacci journal export`: the rows of a journal with inputs and outputs, as `run-many --out` writes results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fibonacci.cli.exit_codes import DONE, UsageError
from fibonacci.cli.journal.opened import add_journal, add_status, opened_journal

if TYPE_CHECKING:
    from fibonacci.cli.context import Context
    from fibonacci.cli.parser import CommandParser

_EPILOG: Final = """\
Every row of the journal, those without a result included, to stdout: lines of JSON, or CSV in which inputs and outputs
are cells of JSON. Both are those of run-many --out. All of them unless --limit is given. Nothing is changed, and a run
may have the journal meanwhile.

    fibonacci journal export runs.db --format csv > rows.csv
    fibonacci journal export runs.db --status failed > failed.jsonl
"""


def add_arguments(parser: CommandParser) -> None:
    """Add the arguments of the verb."""
    from fibonacci.cli.parser import RAW_CSV, keep_lines

    keep_lines(parser)
    parser.epilog = _EPILOG
    add_journal(parser)
    add_status(parser)
    parser.add_argument("--format", choices=("csv", "jsonl"), help="the format of the rows; default: jsonl")
    parser.add_argument("--raw-csv", action="store_true", help=RAW_CSV)


def run(context: Context) -> int:
    """Write the rows."""
    from fibonacci.cli.output import first
    from fibonacci.cli.run_many.arguments import check_fields
    from fibonacci.cli.run_many.result_files import stdout_stream

    options = context.options
    if options.format == "csv" and (options.json or options.fields):
        raise UsageError("--format csv has columns of its own: leave out --json and --fields")
    check_fields(options.fields or ())
    with opened_journal(context) as journal:
        stream = stdout_stream(
            options.fields or (),
            is_json=options.json,
            remedy="redirect it to a file",
            name=options.format or "jsonl",
            is_raw=options.raw_csv,
        )
        for row in first(journal.rows(options.status), options.limit):
            stream.write(row)
        stream.finish()
    return DONE
