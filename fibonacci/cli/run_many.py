"""The command `run-many`: check its arguments, run a workflow for each row of a file, and write the results."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Generator, Iterable
from contextlib import closing, contextmanager
from dataclasses import asdict
from importlib.util import find_spec
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fibonacci import Fibonacci, FibonacciError, UnknownOutcomeError
from fibonacci._batch.options import check_journal
from fibonacci._system.files import is_stream
from fibonacci.cli.debug_log import LogFormatter
from fibonacci.cli.exit_codes import DONE, FAILED, NOT_ENDED, UnwrittenResultError, UsageError
from fibonacci.cli.inputs import untyped_inputs
from fibonacci.cli.rendering import check_fields
from fibonacci.cli.row_files import (
    EXTENSIONS,
    STDIN,
    ResultFile,
    ResultStream,
    RowFormat,
    RowsFormat,
    open_rows,
    stdout_stream,
)
from fibonacci.cli.standard_streams import is_terminal
from fibonacci.cli.values import check_out
from fibonacci.cli.workflow_names import workflow_id_of
from fibonacci.definitions.checks.inputs import InputsError
from fibonacci.models.run_results import COLUMNS

if TYPE_CHECKING:
    from fibonacci import Runs
    from fibonacci.cli.context import Context


def check_arguments(options: argparse.Namespace) -> tuple[RowsFormat, RowFormat | None]:
    """Check that the arguments fit together, and return the formats of the rows and of the results.

    Args:
        options: The parsed arguments.

    Returns:
        The format of the rows, and the format of `--out`, or None without it.

    Raises:
        UsageError: If they don't fit together.
    """
    rows_format = _rows_format(options)
    if options.estimate:
        return rows_format, None
    if options.fields:
        if options.out is not None:
            raise UsageError("--fields is for stdout: the file of --out has every field")
        check_fields(options.fields, COLUMNS)  # all results have the same
    if not options.journal:
        raise UsageError("--journal FILE is missing: without it, you can't continue an interrupted run")
    check_journal(options.journal)
    if options.out is None:
        return rows_format, None
    _check_paths(options)
    name = EXTENSIONS.get(Path(options.out).suffix.lower())
    if name is None and is_stream(options.out):  # for example, /dev/stdout
        name = "jsonl"
    if name is None:
        raise UsageError(f"--out {options.out}: its name must end in .jsonl or .csv")
    return rows_format, name


def _rows_format(options: argparse.Namespace) -> RowsFormat:
    by_name = "jsonl" if options.rows == STDIN else EXTENSIONS.get(Path(options.rows).suffix.lower())
    name = options.format or by_name
    if name is None:
        raise UsageError(f"{options.rows}: its name ends neither in .csv nor in .jsonl: pass --format")
    if options.json_column and name != "csv":
        raise UsageError("--json-column is for CSV: the values of JSON Lines already have types")
    return RowsFormat(name, options.key, options.json_column, is_raw=options.raw_csv)


def _check_paths(options: argparse.Namespace) -> None:
    """Check that results can be written without overwriting another file."""
    out = check_out(options.out, with_partial=True)
    if out is None:
        return
    for name, path in (("the rows", options.rows), ("the journal", options.journal)):
        if os.path.realpath(path) in (out, f"{out}.partial"):
            raise UsageError(f"--out {options.out}: this is also the file of {name}")


def run_rows(context: Context) -> int:
    """Run the command. Errors get a note on how to continue.

    Args:
        context: The context of the command.

    Returns:
        The exit code.
    """
    options = context.options
    if not options.quiet:
        _log_to_stderr()
    rows_format, out_format = check_arguments(options)
    with open_rows(options.rows, rows_format) as rows:
        runs = _runs(context.client, workflow_id_of(context.client, options.workflow), rows, options)
        if options.estimate:
            estimate = runs.estimate()
            if context.output.is_json:
                context.output.value(asdict(estimate))
            else:
                context.output.text(str(estimate))
            return DONE
        try:
            with _results(context, out_format) as results:
                return _write_results(context, runs, results)
        except InputsError as error:
            if rows_format.name == "csv" and any(untyped_inputs(error.problems, error.inputs)):
                error.add_note("the cells of CSV are strings: --json-column COLUMN reads a column as JSON")
            raise


@contextmanager
def _results(context: Context, out_format: RowFormat | None) -> Generator[ResultFile | ResultStream]:
    """Yield the destination of the results: stdout, or the file of `--out`.

    Raises:
        UsageError: If it cannot be opened.
    """
    options = context.options
    if out_format is None:
        yield stdout_stream(options.fields or (), is_json=options.json, remedy="pass --out")
        return
    try:
        file = ResultFile(options.out, out_format, is_raw=options.raw_csv)
    except OSError as error:
        raise UsageError(f"--out {options.out}: {error.strerror}") from error
    with closing(file):
        try:
            yield file
        finally:
            if file.is_begun and not file.is_finished:
                context.say(f"the results so far are in {file.written_to}")


def _write_results(context: Context, runs: Runs, results: ResultFile | ResultStream) -> int:
    """Run the rows, write each result, and print how many there are of each kind and how to continue."""
    context.output.record_change("rows were started")
    code = None
    try:
        with runs:
            try:
                for result in runs:
                    with context.output.writing(context.options.out):
                        results.write(result)
            except UnknownOutcomeError as error:
                for text in (error.message, *error.__notes__):
                    context.say(text)
                code = NOT_ENDED
            summary = runs.summary
            if code is None:
                context.say(str(summary))
                code = NOT_ENDED if summary.unknown or summary.left else FAILED if summary.failed else DONE
            if code != NOT_ENDED or not isinstance(results, ResultFile):  # only a complete file gets its final name
                with context.output.writing(context.options.out):
                    results.finish()
            return code
    except (KeyboardInterrupt, OSError, UnwrittenResultError) as error:
        if not isinstance(error, FibonacciError):  # the client's errors say so in a note
            if code is None:
                context.say(str(runs.summary))
            error.add_note("the same command with --resume continues")
        raise


def _runs(client: Fibonacci, workflow_id: str, rows: Iterable[Any], options: argparse.Namespace) -> Runs:
    run_many = client.workflows.run_many
    others = signature(run_many).parameters.keys() - {"workflow_id", "rows"}
    given: dict[str, Any] = {name: value for name, value in vars(options).items() if name in others}
    given["resume"] = options.resume or None
    given["progress"] = not options.quiet and _can_show_progress(options.out)
    return run_many(workflow_id, rows, **given)


def _can_show_progress(out: str | None) -> bool:
    """Whether to show a bar: on a terminal without results. Otherwise the log shows the progress."""
    if not is_terminal(sys.stderr):
        return True
    return find_spec("tqdm") is not None and (out is not None or not is_terminal(sys.stdout))


def _log_to_stderr() -> None:
    """Log waits, retries, and without a terminal the progress."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LogFormatter("%(asctime)s %(message)s", "%H:%M:%S"))
    logging.basicConfig(handlers=[handler])
    logging.getLogger("fibonacci").setLevel(logging.INFO)
