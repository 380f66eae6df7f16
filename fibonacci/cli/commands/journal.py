"""`fibonacci journal`: look into the journal of a `run-many` (even while it runs), stop it, and settle its rows."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from datetime import datetime
from functools import partial
from itertools import islice
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, Final

from fibonacci._texts.text import counted, printable_line
from fibonacci.cli.exit_codes import DONE, NOT_ENDED, UsageError
from fibonacci.cli.parser import LISTED, RAW_CSV, add_verb
from fibonacci.cli.standard_streams import is_dumb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from fibonacci import JournalView, RunResult
    from fibonacci.cli.context import Context
    from fibonacci.cli.parser import CommandParser


UNNAMED: Final = "another reason"
"""The label under which less frequent reasons for failures are counted."""

_MOST_REASONS: Final = 5
_LONGEST_REASON: Final = 160

Status = dict[str, Any]
"""How far the `run-many` of a journal has come, as JSON."""

FIELDS: Final = (
    *("journal", "workflow_id", "version", "is_running", "total", "succeeded", "failed", "unknown", "under_way"),
    *("left", "rows_per_minute", "seconds_left", "bound_by", "blocked_by", "failures", "unknown_keys"),
)
"""The names in the JSON of a status."""


def statuses(view: JournalView) -> Iterator[Status]:
    """Yield the current status of a journal at each iteration.

    Raises:
        JournalError: If the journal cannot be read.
    """
    from fibonacci._batch.progress import MOST_UNKNOWN
    from fibonacci.models.run_results import UNKNOWN

    known_failed, failures = 0, list[dict[str, Any]]()  # the reasons are read again only when more rows have failed
    while True:
        is_running = view.is_running  # first, so that what its last write changed is read afterwards
        noted, summary = view.progress, view.summary
        progress = noted if is_running else None
        unknown_keys: list[str | int] = []
        if progress is not None:  # only the process itself knows at once which requests have no response
            unknown_keys = list(progress.unknown_keys)
            more = max(0, min(progress.unknown - summary.unknown, summary.left))
            summary = replace(summary, unknown=summary.unknown + more, left=summary.left - more)
        elif summary.unknown:
            unknown_keys = [result.key for result in islice(view.rows(UNKNOWN), MOST_UNKNOWN)]
        if summary.failed != known_failed:
            failures, known_failed = _failures(view, summary.failed), summary.failed
        total, ended = None if noted is None else noted.total, summary.succeeded + summary.failed
        rate, seconds_left, blocker = (
            (progress.rows_per_minute, progress.seconds_left, progress.blocked_by) if progress else (None, None, None)
        )
        yield {
            "journal": view.path,
            "workflow_id": view.workflow_id,
            "version": view.version,
            "is_running": is_running,
            "total": total,
            "succeeded": summary.succeeded,
            "failed": summary.failed,
            "unknown": summary.unknown,
            "under_way": summary.left,
            "left": None if total is None else max(summary.left, total - ended - summary.unknown),
            "rows_per_minute": None if rate is None else round(rate, 1),
            "seconds_left": None if seconds_left is None else round(seconds_left),
            "bound_by": None if progress is None else progress.bound_by,
            "blocked_by": None if blocker is None else blocker.to_dict(),
            "failures": failures,
            "unknown_keys": unknown_keys,
        }


def reason_of(result: RunResult) -> str:
    """Return why a row failed, in the same words for all rows with the same reason."""
    from fibonacci.errors import APIStatusError, ExecutionCancelledError, ExecutionFailedError, WaitTimeoutError

    error = result.error
    if isinstance(error, WaitTimeoutError):
        return "timed out"
    if isinstance(error, ExecutionCancelledError):
        return "canceled"
    if isinstance(error, ExecutionFailedError):
        return _short(error.reason or "failed, but the platform gives no reason")
    if isinstance(error, APIStatusError):
        return _short(f"{error.status_code} {error.code or ''}: {error.message}".replace(" :", ":"))
    return result.status if error is None else _short(f"{type(error).__name__}: {error}")


def _failures(view: JournalView, failed: int) -> list[dict[str, Any]]:
    counts = Counter(reason_of(result) for status in ("failed", "cancelled") for result in view.rows(status))
    named = counts.most_common(_MOST_REASONS)
    rest = failed - sum(number for _, number in named)
    return [{"reason": reason, "rows": number} for reason, number in [*named, (UNNAMED, rest)] if number > 0]


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_REASON else f"{line[:_LONGEST_REASON]}..."


Part = tuple[str, str]
"""A text and its style."""

_LABEL: Final = 13
_NUMBER: Final = 7
_LONGEST_BAR: Final = 50


def status_lines(status: Status, width: int, *, is_unicode: bool) -> list[list[Part]]:
    """Return the lines that show a status, each cut to a width.

    Args:
        status: The status.
        width: The width of the terminal in cells.
        is_unicode: Whether the terminal can show blocks.
    """
    from fibonacci._batch.estimate import duration_text

    def labeled(name: str, value: float | str, style: str = "", more: str = "") -> list[Part]:
        text = value if isinstance(value, str) else f"{value:,}".rjust(_NUMBER)
        return [(name.ljust(_LABEL), ""), (printable_line(text), style), (printable_line(more), "")]

    is_running, unknown, keys = status["is_running"], status["unknown"], status["unknown_keys"]
    under_way, left, rate, blocker = (status[name] for name in ("under_way", "left", "rows_per_minute", "blocked_by"))
    version = "" if status["version"] is None else f", version {status['version']}"
    more = f" and {unknown - len(keys):,} more" if unknown > len(keys) else ""
    state = ("running", "green") if is_running else ("not running", "yellow" if left else "")
    lines = [
        [state, (f"  {status['journal']}", "bold"), (f"  {status['workflow_id']}{version}", "")],
        _bar(status, width, is_unicode=is_unicode),
        [],
        labeled("succeeded", status["succeeded"], "green"),
        labeled("failed", status["failed"], "red" if status["failed"] else ""),
        labeled(
            "unknown", unknown, "yellow" if unknown else "", f"  rows {', '.join(map(str, keys))}{more}" * bool(keys)
        ),
        labeled("under way" if is_running else "not ended", under_way),
    ]
    if left is not None and left > under_way:
        lines.append(labeled("not begun", left - under_way))
    if rate is not None:
        lines += [[], labeled("rate", f"{rate:,.1f} rows a minute")]
    if status["bound_by"] is not None:
        lines.append(labeled("bound by", status["bound_by"]))
    if blocker is not None:
        since, until = (f"{datetime.fromisoformat(blocker[name]):%H:%M:%S}" for name in ("since", "next_try_at"))
        lines.append(labeled("blocked", f"since {since} UTC, next try at {until} UTC: {blocker['reason']}", "yellow"))
    if status["seconds_left"] is not None:
        lines.append(labeled("time left", f"about {duration_text(status['seconds_left'])}"))
    if status["failures"]:
        lines += [[], [("why rows failed", "bold")]]
        lines += [
            [(f"{each['rows']:,}".rjust(_LABEL + _NUMBER), "red"), (f"  {printable_line(each['reason'])}", "")]
            for each in status["failures"]
        ]
    ellipsis = "\N{HORIZONTAL ELLIPSIS}" if is_unicode else "..."
    return [_cut(line, width, ellipsis) for line in lines]


def _bar(status: Status, width: int, *, is_unicode: bool) -> list[Part]:
    total, ended = status["total"], status["succeeded"] + status["failed"]
    if not total:
        return [(f"{counted(ended, 'row')} ended", "")]
    share = min(1.0, ended / total)
    percent = round(100 * share)
    if 0 < share < 1:  # some rows have ended, but not all
        percent = min(99, max(1, percent))
    text = f"  {ended:,} of {counted(total, 'row')} ended, {percent} %"
    cells = max(10, min(_LONGEST_BAR, width - len(text)))
    full = int(cells * share)
    filled, empty = ("\N{FULL BLOCK}", "\N{LIGHT SHADE}") if is_unicode else ("#", ".")
    return [(filled * full, "green"), (empty * (cells - full), "dim"), (text, "")]


def _cut(line: list[Part], width: int, ellipsis: str) -> list[Part]:
    """Cut a line to a width."""
    from fibonacci._display.text import cell_width
    from fibonacci.cli.rendering import fitted

    cut: list[Part] = []
    for text, style in line:
        shown = printable_line(text)
        cells = min(cell_width(shown), width)
        cut.append((fitted(shown, cells, ellipsis), style))
        width -= cells
    return cut


_STATUS_EPILOG: Final = """\
The command only reads the journal. The run goes on, also after Ctrl-C. The run itself records the number of rows, the
rate, the limit that slows the rows down, and the time left. In a pipe, a status is a line of JSON, and --watch prints
another one whenever more than the time has changed."""
_EVERY: Final = 1.0


def run_status(context: Context) -> int:
    """Print the status, with `--watch` until no process uses the journal."""
    from fibonacci import read_journal
    from fibonacci.cli.rendering import check_fields

    output, options = context.output, context.options
    check_fields(options.fields or (), FIELDS)
    with read_journal(context.options.journal) as journal:
        read = statuses(journal)
        shown = _changes(_until_ended(read)) if options.watch else islice(read, 1)
        try:
            if output.is_json and options.watch:
                output.array(shown)
            elif output.is_terminal and not (output.is_json or options.fields):
                _draw(context, shown)
            else:
                for status in shown:
                    (output.line if options.watch else output.value)(status)
        except KeyboardInterrupt as error:
            error.add_note("the run goes on")
            raise
    return DONE


def _until_ended(read: Iterator[Status]) -> Iterator[Status]:
    """Yield the status repeatedly, and a last time when no process uses the journal any more."""
    from fibonacci.cli.tailing import sleep_while_read

    for status in read:
        yield status
        if not status["is_running"]:
            return
        sleep_while_read(_EVERY)


def _changes(read: Iterator[Status]) -> Iterator[Status]:
    """Yield a status whenever something besides the time has changed."""
    shown: object = None
    for status in read:
        facts = {**status, "rows_per_minute": None, "seconds_left": None}
        if facts != shown:
            shown = facts
            yield status


def _draw(context: Context, shown: Iterator[Status]) -> None:
    """Show each status in place of the previous one, or below it if the terminal can't replace it."""
    height = 0
    for status in shown:
        painter = context.output.painter()
        if height and not is_dumb():
            print(f"\x1b[{height}A\x1b[J", end="")
        lines = status_lines(status, painter.width, is_unicode=len(painter.ellipsis) == 1)
        height = len(lines)
        for line in lines:
            painter.line(line)


_ROWS_EPILOG: Final = """\
The command only reads the journal, so you can use it during a run. A row without a result is pending, starting, running
or unknown. Unknown means that the row may have been started. During a run, a row becomes unknown if the request that
starts it gets no response within 60 s. The candidates of an unknown row are the executions with the same inputs that
were listed at the end of the last run. Use `fibonacci journal settle` to say which one it is."""
_COLUMNS: Final = ("index", "key", "status", "execution_id", "error", "candidates")


def run_rows(context: Context) -> int:
    """List the rows."""
    from fibonacci import read_journal
    from fibonacci.cli.rendering import check_fields
    from fibonacci.models.run_results import COLUMNS

    check_fields(context.options.fields or (), (*COLUMNS, "candidates"))
    with read_journal(context.options.journal) as journal:
        context.output.items(map(_with_candidates, journal.rows(context.options.status)), _COLUMNS)
    return DONE


def _with_candidates(row: RunResult) -> dict[str, Any]:
    from fibonacci._batch.journal import candidate_facts

    return {**row.to_dict(), "candidates": [*map(candidate_facts, row.candidates)]}


_EXPORT_EPILOG: Final = """\
The command writes every row of the journal to stdout, also rows without a result, unless you pass --limit. Each row is
a line of JSON, or a line of CSV in which inputs and outputs are JSON. The fields are those of run-many --out. The
command only reads the journal, so you can use it during a run.

    fibonacci journal export runs.db --format csv > rows.csv
    fibonacci journal export runs.db --status failed > failed.jsonl"""


def run_export(context: Context) -> int:
    """Write the rows."""
    from fibonacci import read_journal
    from fibonacci.cli.context import take_first
    from fibonacci.cli.rendering import check_fields
    from fibonacci.cli.row_files import stdout_stream
    from fibonacci.models.run_results import COLUMNS

    options = context.options
    if options.format == "csv" and (options.json or options.fields):
        raise UsageError("--format csv always has the same columns: leave out --json and --fields")
    check_fields(options.fields or (), COLUMNS)
    with read_journal(context.options.journal) as journal:
        stream = stdout_stream(
            options.fields or (),
            is_json=options.json,
            remedy="redirect it to a file",
            name=options.format or "jsonl",
            is_raw=options.raw_csv,
        )
        for row in take_first(journal.rows(options.status), options.limit):
            with context.output.writing():
                stream.write(row)
        stream.finish()
    return DONE


_STOP_EPILOG: Final = """\
The run starts no more rows and waits for those under way, as after Ctrl-C. To continue later, repeat the run-many
command with --resume. The run notices the request within two seconds. A program that iterates the rows itself notices
it when it asks for its next result. This command waits until the run has ended. It does not stop a
later run.

Exit codes: 0 the run has ended, or no run is using the journal, 64 the file does not exist or is not a journal, 75 the
run has not ended within --timeout."""


def run_stop(context: Context) -> int:
    """Stop the run."""
    from fibonacci._batch.journal_view import journal_reader

    options = context.options
    journal = journal_reader(options.journal)
    asked = journal.stop()
    if asked is None:
        context.say(f"no run is using the journal {journal.path}: there is nothing to stop")
        return DONE
    if not asked.run:
        context.say(f"{asked.process} is still opening the journal {journal.path}: repeat the command later")
        return NOT_ENDED
    context.say(f"asked the run ({asked.process}) to start no more rows")
    if options.detach:
        return DONE
    context.say("waiting for the rows under way")
    ends = math.inf if options.timeout is None else monotonic() + options.timeout
    try:
        while (holder := journal.holder()) is not None and holder.run == asked.run:
            if monotonic() >= ends:
                context.say("the run has not ended within --timeout. It stops when its rows under way have ended")
                return NOT_ENDED
            sleep(0.2)
    except KeyboardInterrupt as error:
        error.add_note("the run still stops, when its rows under way have ended")
        raise
    context.say("the run has ended")
    return DONE


_SETTLE_EPILOG: Final = """\
Use it for a row of unknown outcome, after you found out what became of it. `fibonacci journal rows JOURNAL --status
unknown` lists its candidates: executions with the same inputs that were created since. The decision is recorded in the
journal, and the same run-many command then continues. A run that is using the journal has to end first."""


def run_settle(context: Context) -> int:
    """Settle a row."""
    from fibonacci import read_journal

    options = context.options
    with read_journal(context.options.journal) as journal:
        journal.settle(
            options.key, execution_id=options.execution, not_started=options.not_started, failed=options.failed
        )
    context.say(f"settled row {options.key}. To continue, repeat the run-many command with --resume")
    return DONE


_FIELDS: Final = ("json", "fields")


def add_journal_arguments(parser: CommandParser) -> None:
    """Add the arguments of the command."""
    from fibonacci.cli.calls.entries import execution_statuses
    from fibonacci.cli.calls.value_kinds import word
    from fibonacci.cli.numbers import seconds_or_none

    commands = parser.add_commands("VERB")

    def add(
        name: str, help: str, epilog: str, run: Callable[[Context], int], options: Iterable[str] = ()
    ) -> CommandParser:
        verb = add_verb(commands, name, help, run, options)
        verb.epilog = epilog
        verb.add_argument("journal", metavar="JOURNAL", help="the path or the URL of the journal")
        return verb

    status_help = "show the progress of a run, once or until it has ended"
    status = add("status", status_help, _STATUS_EPILOG, run_status, _FIELDS)
    status.add_argument("--watch", action="store_true", help="keep the status up to date until the run has ended")
    rows = add("rows", "list the rows with their status", _ROWS_EPILOG, run_rows, (*_FIELDS, *LISTED))
    export_help = "write the rows with their inputs and outputs to stdout"
    export = add("export", export_help, _EXPORT_EPILOG, run_export, (*_FIELDS, *LISTED))
    status_of = partial(word, choices=(*execution_statuses(), "starting", "unknown"))
    for verb in (rows, export):
        verb.add_argument("--status", metavar="WORD", type=status_of, help="only rows with this status, such as failed")
    export.add_argument("--format", choices=("csv", "jsonl"), help="the format of the rows; default: jsonl")
    export.add_argument("--raw-csv", action="store_true", help=RAW_CSV)
    stop = add("stop", "stop the run after the rows that are under way", _STOP_EPILOG, run_stop)
    stop.add_argument(
        "--timeout",
        metavar="TIME",
        type=seconds_or_none,
        default=None,
        help="how long to wait for the end of the run, such as 5m; default: no limit",
    )
    stop.add_argument("--detach", action="store_true", help="ask the run to stop, and don't wait for its end")
    settle = add("settle", "record what became of a row of unknown outcome", _SETTLE_EPILOG, run_settle)
    settle.add_argument("key", metavar="KEY", help="the key of the row")
    outcome = settle.add_mutually_exclusive_group(required=True)
    outcome.add_argument(
        "--execution", metavar="ID", help="the execution that the row started: the next run waits for it"
    )
    outcome.add_argument(
        "--not-started", action="store_true", help="no execution was started: the next run starts the row"
    )
    outcome.add_argument(
        "--failed", action="store_true", help="the row has failed: the next run starts it only with --retry-failed"
    )
