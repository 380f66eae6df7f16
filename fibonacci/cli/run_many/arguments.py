"""The arguments of the command, each checked before anything is read or sent."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from fibonacci._batch.journal_location import check_journal
from fibonacci._files import check_replaceable, check_state, is_stream
from fibonacci.cli.exit_codes import UsageError
from fibonacci.cli.numbers import count, positive, seconds_or_none
from fibonacci.cli.parser import RAW_CSV, keep_lines
from fibonacci.cli.run_many.row_files import EXTENSIONS, STDIN, RowFormat, RowsFormat

_ROWS = """\
The first line of CSV names the columns, and its values are texts: {{input.count}} is "3", not 3. Columns that are
named by --json-column hold JSON instead: 3, true, null, "text", [1, 2]. Each line of JSON Lines is an object. Both are
UTF-8. The row is the inputs of its run. No row is started if the first one is not what the workflow needs, as when a
column is misspelled.

The same command with --resume continues: rows that have ended are not run again. Their results are written all the
same. --resume refuses a journal that is not there or is empty, which would run every row again.

Exit codes: 0 every row has succeeded, 1 all have ended and one has failed, 4 no API key or a bad one, 64 a fault in an
argument or a file, 69 no usable answer from the platform, 75 a row has not ended or is unknown, 130 interrupted.
FIBONACCI_API_KEY has the key."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command to a parser, which may be that of a larger command."""
    keep_lines(parser)
    parser.epilog = _ROWS
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
    add(
        "--if-unknown",
        choices=("raise", "skip", "match", "rerun"),
        default="raise",
        help="rows of unknown outcome; default: raise",
    )
    add(
        "--if-quota-exceeded",
        choices=("wait", "raise"),
        default="wait",
        help="at an hourly or daily quota; default: wait",
    )
    add(
        "--if-new-version",
        choices=("raise", "continue"),
        default="raise",
        help="the workflow is not at the version of the journal; default: raise",
    )
    add("--ordered", action="store_true", help="results in the order of the rows")
    add("--organization-id", metavar="ID", help="whose quota counts; default: the workflow's organization")
    add("--estimate", action="store_true", help="print how long it takes and which limit binds, and run nothing")


def check_arguments(options: argparse.Namespace) -> tuple[RowsFormat, RowFormat | None]:
    """Check what the arguments say together; return the formats of the rows and of the results.

    Args:
        options: The parsed arguments.

    Returns:
        The format of the rows, and that of `--out`; None without.

    Raises:
        UsageError: If they do not fit each other.
    """
    rows_format = _rows_format(options)
    if options.estimate:
        return rows_format, None
    if options.fields:
        if options.out is not None:
            raise UsageError("--fields is for stdout: the file of --out has every field")
        check_fields(options.fields)
    if not options.journal:
        raise UsageError("--journal FILE is missing: without it, an interrupted run cannot be continued")
    try:
        journal = check_journal(options.journal)
    except ValueError as error:
        raise UsageError(str(error)) from None
    if options.out is None:
        return rows_format, None
    _check_paths(options, journal if isinstance(journal, str) else None)
    name = EXTENSIONS.get(Path(options.out).suffix.lower())
    if name is None and is_stream(options.out):  # as /dev/stdout
        name = "jsonl"
    if name is None:
        raise UsageError(f"--out {options.out}: its name must end in .jsonl or .csv")
    return rows_format, name


def check_fields(fields: Sequence[str]) -> None:
    """Check `--fields` before a result is there: all have the same fields.

    Raises:
        UsageError: If one has another name.
    """
    from fibonacci._suggestions import did_you_mean
    from fibonacci.models.run_results import COLUMNS  # which takes longer to import than the help to print

    for path in fields:
        name = path.partition(".")[0]
        if name not in COLUMNS:
            remedy = did_you_mean(name, COLUMNS) or f": the fields are {', '.join(COLUMNS)}"
            raise UsageError(f"--fields has the unknown name {name!r}{remedy}")


def _rows_format(options: argparse.Namespace) -> RowsFormat:
    by_name = "jsonl" if options.rows == STDIN else EXTENSIONS.get(Path(options.rows).suffix.lower())
    name = options.format or by_name
    if name is None:
        raise UsageError(f"{options.rows}: its name ends neither in .csv nor in .jsonl: pass --format")
    if options.json_column and name != "csv":
        raise UsageError("--json-column is for CSV: the values of JSON Lines have types")
    return RowsFormat(name, options.key, options.json_column, is_raw=options.raw_csv)


def _check_paths(options: argparse.Namespace, journal: str | None) -> None:
    """Check that results can be written, and not over another file; the journal may be none."""
    try:
        if is_stream(options.out):
            return
        out = os.path.realpath(check_replaceable(options.out))
        check_state(f"{out}.partial")
    except OSError as error:
        file = options.out if error.filename is None else error.filename
        raise UsageError(f"--out {options.out}: {file} {error.strerror}") from error
    folder = Path(out).parent
    if not (folder.is_dir() and os.access(folder, os.W_OK)):
        raise UsageError(f"--out {options.out}: name a file in a folder that can be written")
    for name, path in (("the rows", options.rows), ("the journal", journal)):
        if path is not None and os.path.realpath(path) in (out, f"{out}.partial"):
            raise UsageError(f"--out {options.out}: this is the file of {name}")
