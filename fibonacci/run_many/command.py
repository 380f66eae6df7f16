"""The command `run-many`: run a workflow for each row of a file, and write the results."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing, contextmanager
from importlib.util import find_spec
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

from fibonacci import (
    AuthenticationError,
    ConfigurationError,
    Fibonacci,
    FibonacciError,
    UnknownOutcomeError,
)
from fibonacci.run_many.arguments import CommandParser, add_arguments, check_arguments
from fibonacci.run_many.result_files import ResultFile, discard_stdout, stdout_stream
from fibonacci.run_many.row_files import open_rows
from fibonacci.run_many.usage import DONE, FAILED, NO_CREDENTIALS, USAGE
from fibonacci.run_many.workflow_names import workflow_id_of

if TYPE_CHECKING:  # which takes longer to import than a mistake in the arguments to say
    from fibonacci import RunResult, Runs

_PROGRAM: Final = "python -m fibonacci.run_many"
_RESUME: Final = "The same command again continues."
_UNKNOWN_REMEDY: Final = "--on-unknown skip leaves them as they are, --on-unknown rerun starts them, perhaps twice."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: The arguments of the command line. Default: those in `sys.argv`.

    Returns:
        The exit code.
    """
    parser = CommandParser(prog=_PROGRAM, allow_abbrev=False)
    add_arguments(parser)
    return run(parser.parse_args(arguments))


def run(options: argparse.Namespace) -> int:
    """Carry out the command with parsed arguments, and print what is wrong, in a line, to stderr.

    Args:
        options: What a parser with `add_arguments` has parsed.

    Returns:
        The exit code.
    """
    _log_to_stderr()
    try:
        with _interrupting_sigterm():
            return _run(options)
    except KeyboardInterrupt as interrupt:
        number = next(iter(interrupt.args), signal.SIGINT)
        _say("interrupted" if options.estimate else f"interrupted. {_RESUME}")
        return 128 + int(number)
    except BrokenPipeError:
        discard_stdout()
        _say(f"the reader of the results has closed. {_RESUME}")
        return FAILED
    except OSError as error:
        _say(f"{error.filename or 'a file'}: {error.strerror or error}. {_RESUME}")
        return FAILED
    except (FibonacciError, ValueError, ImportError) as error:
        _say(_one_line(error))
        return _exit_code(error)


def _run(options: argparse.Namespace) -> int:
    rows_format, out_format = check_arguments(options)
    with open_rows(options.rows, rows_format) as rows, Fibonacci() as client:
        workflow_id = workflow_id_of(client, options.workflow)
        with _runs(client, workflow_id, rows, options) as runs:
            if options.estimate:
                print(runs.estimate())
                return DONE
            if out_format is None:
                return _write_results(runs, stdout_stream().write)
            with closing(ResultFile(options.out, out_format)) as file:
                return _write_file(runs, file)


def _write_file(runs: Runs, file: ResultFile) -> int:
    try:
        code = _write_results(runs, file.write)
        file.finish()
    except BaseException:
        if file.is_begun:
            _say(f"the results so far are in {file.written_to}")
        raise
    return code


def _write_results(runs: Runs, write: Callable[[RunResult], None]) -> int:
    """Write the result of each row, and say on stderr how many there are of each kind."""
    try:
        for result in runs:
            write(result)
    except UnknownOutcomeError as error:
        for result in error.results:
            write(result)
        names = ", ".join(result.key for result in error.results[:10])
        more = f" and {len(error.results) - 10} more" if len(error.results) > 10 else ""
        _say(f"{runs.summary}")
        _say(f"it is not known whether these rows were started: {names}{more}. Check them; {_UNKNOWN_REMEDY}")
        return FAILED
    except (KeyboardInterrupt, OSError):  # other errors have it in a note
        _say(str(runs.summary))
        raise
    summary = runs.summary
    _say(str(summary))
    return FAILED if summary.failed or summary.unknown or summary.left else DONE


def _runs(client: Fibonacci, workflow_id: str, rows: Iterable[Any], options: argparse.Namespace) -> Runs:
    return client.workflows.run_many(
        workflow_id,
        rows,
        key=options.key,
        journal=options.journal,
        concurrency=options.concurrency,
        timeout=options.timeout,
        max_failures=options.max_failures,
        on_unknown=options.on_unknown,
        on_quota=options.on_quota,
        ordered=options.ordered,
        organization=options.organization,
        progress=_can_show_progress(options.out),
    )


def _can_show_progress(out: str | None) -> bool:
    """Whether there is a bar for a terminal that results do not fill; elsewhere, the progress is a line of the log."""
    if sys.stderr is None or not sys.stderr.isatty():
        return True
    return find_spec("tqdm") is not None and (out is not None or not sys.stdout.isatty())


def _log_to_stderr() -> None:
    """Log waits, retries, and the progress where there is no terminal."""
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S", stream=sys.stderr)
    logging.getLogger("fibonacci").setLevel(logging.INFO)


def _exit_code(error: Exception) -> int:
    # Of the mistakes in the configuration, those in the key are about credentials; each names the variable.
    is_about_key = isinstance(error, ConfigurationError) and "FIBONACCI_API_KEY" in error.message
    if isinstance(error, AuthenticationError) or is_about_key:
        return NO_CREDENTIALS
    return USAGE if isinstance(error, ValueError) else FAILED


def _one_line(error: Exception) -> str:
    notes = [*getattr(error, "__notes__", ())]
    return " ".join(" ".join([str(error), *notes]).split())


def _say(text: str) -> None:
    if sys.stderr is not None:  # else it would be printed among the results
        print(f"run-many: {text}", file=sys.stderr, flush=True)


@contextmanager
def _interrupting_sigterm() -> Generator[None]:
    """Let SIGTERM end the block as Ctrl-C does, unless it is ignored or handled."""
    if signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt(number)
