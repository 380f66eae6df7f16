"""`fibonacci journal`: look into the journal of a `run-many`, also while it runs, stop its run, settle its rows."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from fibonacci._batch.estimate import duration_text
from fibonacci._batch.progress import MOST_UNKNOWN
from fibonacci._display.text import cell_width
from fibonacci._texts.text import counted, printable_line
from fibonacci.cli.exit_codes import DONE, NOT_ENDED, UsageError
from fibonacci.cli.parser import LISTED, RAW_CSV, Verbs
from fibonacci.cli.rendering import check_fields, encoding_of, fitted
from fibonacci.cli.standard_streams import is_dumb
from fibonacci.errors import APIStatusError, ExecutionCancelledError, ExecutionFailedError, WaitTimeoutError
from fibonacci.models.run_results import COLUMNS, UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fibonacci import JournalView, RunResult
    from fibonacci._batch.postgres_journal import PostgresReader
    from fibonacci._batch.sql_journal import JournalHolder
    from fibonacci._batch.sqlite_journal import HeldJournal
    from fibonacci.cli.context import Context
    from fibonacci.cli.parser import CommandParser


def opened_journal(context: Context) -> JournalView:
    """Return the journal that the command line names, without changing it.

    Raises:
        UsageError: If the argument names no journal.
        JournalError: If it cannot be read.
    """
    from fibonacci import read_journal

    try:
        return read_journal(context.options.journal)
    except ValueError as error:
        raise UsageError(str(error)) from None


def _status(text: str) -> str:
    from fibonacci.cli.calls.value_kinds import word

    return word(text, row_statuses())


def row_statuses() -> tuple[str, ...]:
    """Return the statuses that rows have."""
    from fibonacci.models.executions import KNOWN_STATUSES

    return (*KNOWN_STATUSES, "starting", "unknown")


UNNAMED: Final = "another reason"
"""What failures are counted as beyond the most frequent reasons."""

_MOST_REASONS: Final = 5
_FAILED: Final = ("failed", "cancelled")
_LONGEST_REASON: Final = 160
# Reading takes at most this part of the time.
_SHARE: Final = 0.1

Status = dict[str, Any]
"""How far the run of a journal has come, as values of JSON."""

FIELDS: Final = (
    *("journal", "workflow_id", "version", "is_running", "total", "succeeded", "failed", "unknown", "under_way"),
    *("left", "rows_per_minute", "seconds_left", "bound_by", "blocked_by", "failures", "unknown_keys"),
)
"""The names in the JSON of a status."""


class StatusReader:
    """Reads the status of a journal again and again, and why rows failed only when others have.

    Args:
        view: The journal.

    Attributes:
        rest: The seconds after which to read again at the earliest: a large journal takes a while.
    """

    def __init__(self, view: JournalView) -> None:
        self.rest: float = 0.0
        self._view = view
        self._failed = 0
        self._failures: list[dict[str, Any]] = []

    def read(self) -> Status:
        """Return the present status.

        Raises:
            JournalError: If the journal cannot be read.
        """
        began = monotonic()
        view = self._view
        is_running = view.is_running  # first: what the run's last write has changed is read after it
        noted, summary = view.progress, view.summary
        progress = noted if is_running else None
        unknown_keys: list[str | int] = []
        if progress is not None:  # which of its requests have no response, a run alone knows at once
            unknown_keys = list(progress.unknown_keys)
            more = max(0, min(progress.unknown - summary.unknown, summary.left))
            summary = replace(summary, unknown=summary.unknown + more, left=summary.left - more)
        elif summary.unknown:
            unknown_keys = [result.key for result in islice(view.rows(UNKNOWN), MOST_UNKNOWN)]
        if summary.failed != self._failed:
            self._failures, self._failed = _failures(view, summary.failed), summary.failed
        total, ended = None if noted is None else noted.total, summary.succeeded + summary.failed
        rate, seconds_left, blocker = (
            (progress.rows_per_minute, progress.seconds_left, progress.blocked_by) if progress else (None, None, None)
        )
        if progress is not None and seconds_left is not None:  # the age is by the clocks of two machines, perhaps
            seconds_left -= max(0.0, (datetime.now(UTC) - progress.written_at).total_seconds())
        status: Status = {
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
            "seconds_left": None if seconds_left is None else max(0, round(seconds_left)),
            "bound_by": None if progress is None else progress.bound_by,
            "blocked_by": None if blocker is None else blocker.to_dict(),
            "failures": self._failures,
            "unknown_keys": unknown_keys,
        }
        self.rest = (monotonic() - began) / _SHARE
        return status


def reason_of(result: RunResult) -> str:
    """Return why a row has failed, in words that rows with the same reason share."""
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
    counts = Counter(reason_of(result) for status in _FAILED for result in view.rows(status))
    named = counts.most_common(_MOST_REASONS)
    rest = failed - sum(number for _, number in named)
    return [{"reason": reason, "rows": number} for reason, number in [*named, (UNNAMED, rest)] if number > 0]


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_REASON else f"{line[:_LONGEST_REASON]}..."


Part = tuple[str, str]
"""A text, and its style in the words of rich."""

_LABEL: Final = 13
_NUMBER: Final = 7
_LONGEST_BAR: Final = 50
_FULL, _EMPTY = "\N{FULL BLOCK}", "\N{LIGHT SHADE}"


def status_lines(status: Status, width: int, *, is_unicode: bool) -> list[list[Part]]:
    """Return the lines that show a status, each cut to a width.

    Args:
        status: The status.
        width: The width of the terminal in cells.
        is_unicode: Whether the terminal can show blocks.
    """
    version = "" if status["version"] is None else f", version {printable_line(status['version'])}"
    state = ("running", "green") if status["is_running"] else ("not running", "yellow" if status["left"] else "")
    workflow = f"  {printable_line(status['workflow_id'])}{version}"
    title = [state, (f"  {printable_line(status['journal'])}", "bold"), (workflow, "")]
    lines = [title, _bar(status, width, is_unicode=is_unicode), [], *_counts(status)]
    if pace := list(_pace(status)):
        lines += [[], *pace]
    if status["failures"]:
        lines += [[], [("why rows failed", "bold")], *map(_failure, status["failures"])]
    ellipsis = "\N{HORIZONTAL ELLIPSIS}" if is_unicode else "..."
    return [_cut(line, width, ellipsis) for line in lines]


def _bar(status: Status, width: int, *, is_unicode: bool) -> list[Part]:
    total, ended = status["total"], status["succeeded"] + status["failed"]
    if not total:
        return [(f"{counted(ended, 'row')} ended", "")]
    share = min(1.0, ended / total)
    percent = round(100 * share)
    if 0 < share < 1:  # some rows have ended, and some have not
        percent = min(99, max(1, percent))
    text = f"  {ended:,} of {counted(total, 'row')} ended, {percent} %"
    cells = max(10, min(_LONGEST_BAR, width - len(text)))
    full = int(cells * share)
    filled, empty = (_FULL, _EMPTY) if is_unicode else ("#", ".")
    return [(filled * full, "green"), (empty * (cells - full), "dim"), (text, "")]


def _counts(status: Status) -> Iterator[list[Part]]:
    for name, style in (("succeeded", "green"), ("failed", "red"), ("unknown", "yellow")):
        line = _labeled(name, f"{status[name]:,}".rjust(_NUMBER), style if status[name] else "")
        if name == "unknown" and (keys := status["unknown_keys"]):
            more = status["unknown"] - len(keys)
            shown = ", ".join(printable_line(str(key)) for key in keys) + (f" and {more:,} more" if more > 0 else "")
            line.append((f"  rows {shown}", ""))
        yield line
    under_way = status["under_way"]
    yield _labeled("under way" if status["is_running"] else "not ended", f"{under_way:,}".rjust(_NUMBER))
    if status["left"] is not None and status["left"] > under_way:
        yield _labeled("not begun", f"{status['left'] - under_way:,}".rjust(_NUMBER))


def _pace(status: Status) -> Iterator[list[Part]]:
    if status["rows_per_minute"] is not None:
        yield _labeled("rate", f"{status['rows_per_minute']:,.1f} rows a minute")
    if status["bound_by"] is not None:
        yield _labeled("bound by", status["bound_by"])
    if (blocker := status["blocked_by"]) is not None:
        since, until = (f"{datetime.fromisoformat(blocker[name]):%H:%M:%S}" for name in ("since", "next_try_at"))
        yield _labeled("blocked", f"since {since} UTC, next try at {until} UTC: {blocker['reason']}", "yellow")
    if status["seconds_left"] is not None:
        yield _labeled("time left", f"about {duration_text(status['seconds_left'])}")


def _labeled(name: str, text: str, style: str = "") -> list[Part]:
    return [(name.ljust(_LABEL), ""), (printable_line(text), style)]


def _failure(failure: dict[str, Any]) -> list[Part]:
    number, reason = f"{failure['rows']:,}".rjust(_LABEL + _NUMBER), failure["reason"]
    return [(number, "red"), (f"  {printable_line(reason)}", "dim" * (reason == UNNAMED))]


def _cut(line: list[Part], width: int, ellipsis: str) -> list[Part]:
    """Return a line that is at most so wide."""
    cut: list[Part] = []
    for text, style in line:
        cells = min(cell_width(text), width)
        cut.append((fitted(text, cells, ellipsis), style))
        width -= cells
    return cut


_STATUS_EPILOG: Final = """\
The command only reads the journal. The run goes on, also after Ctrl-C. The run itself records the number of rows, the
rate, the limit that slows the rows down, and the time left. In a pipe, a status is a line of JSON, and --watch prints
another one whenever more than the time has changed."""
_EVERY: Final = 1.0


def run_status(context: Context) -> int:
    """Print the status, with `--watch` until no run has the journal."""
    check_fields(context.options.fields or (), FIELDS)
    with opened_journal(context) as journal:
        reader = StatusReader(journal)
        if context.options.watch:
            _watch(context, reader)
        else:
            _print(context, reader.read())
    return DONE


def _is_drawn(context: Context) -> bool:
    """Whether a person reads stdout, and has not asked for fields."""
    return context.output.is_terminal and not (context.output.is_json or context.options.fields)


def _print(context: Context, status: Status) -> None:
    if not _is_drawn(context):
        context.output.value(status)
        return
    painter = context.output.painter()
    for line in status_lines(status, painter.width, is_unicode=len(painter.ellipsis) == 1):
        painter.line(line)


def _watch(context: Context, reader: StatusReader) -> None:
    try:
        if _is_drawn(context):
            _draw(context, _until_ended(reader))
        elif context.output.is_json:
            context.output.array(_changes(_until_ended(reader)))
        else:
            for status in _changes(_until_ended(reader)):
                context.output.line(status)
    except KeyboardInterrupt as error:
        error.add_note("the run goes on")
        raise


def _until_ended(reader: StatusReader) -> Iterator[Status]:
    """Yield the status again and again, at last that of a journal which no run has any more."""
    from fibonacci.cli.tailing import sleep_while_read

    while True:
        status = reader.read()
        yield status
        if not status["is_running"]:
            return
        sleep_while_read(max(_EVERY, reader.rest))


def _changes(statuses: Iterable[Status]) -> Iterator[Status]:
    """Yield a status whenever more than the time has changed."""
    shown: object = None
    for status in statuses:
        facts = {**status, "rows_per_minute": None, "seconds_left": None}
        if facts != shown:
            shown = facts
            yield status


def _draw(context: Context, statuses: Iterator[Status]) -> None:
    """Show a status in place of the previous one, or below it if the terminal can't replace it."""
    with _live(context) as show:
        if show is None:
            for status in _changes(statuses):
                _print(context, status)
        else:
            for status in statuses:
                show(status)


@contextmanager
def _live(context: Context) -> Generator[Callable[[Status], object] | None]:
    """Yield what keeps a status up to date on a terminal, or None if it cannot, or without rich (extra `cli`)."""
    if is_dumb():
        yield None
        return
    try:
        from rich.console import Console, Group
        from rich.text import Text

        from fibonacci.cli.live_display import LiveDisplay
    except ImportError:
        yield None
        return
    no_color = context.options.no_color or None
    console = Console(file=sys.stdout, no_color=no_color, highlight=False, markup=False, emoji=False)
    is_unicode = encoding_of(sys.stdout).lower().startswith("utf")
    shown: list[Status] = []

    def render() -> Group:
        lines = [line for status in shown for line in status_lines(status, console.width, is_unicode=is_unicode)]
        return Group(*(Text.assemble(*line, no_wrap=True) for line in lines))

    def show(status: Status) -> None:
        shown[:] = [status]

    with LiveDisplay(console, render):
        yield show


_ROWS_EPILOG: Final = """\
The command only reads the journal, so you can use it during a run. A row without a result is pending, starting, running
or unknown. Unknown means that the row may have been started. During a run, a row becomes unknown if the request that
starts it gets no response within 60 s. The candidates of an unknown row are the executions with the same inputs that
were listed at the end of the last run. Use `fibonacci journal settle` to say which one it is."""
_COLUMNS: Final = ("index", "key", "status", "execution_id", "error", "candidates")


def run_rows(context: Context) -> int:
    """List the rows."""
    check_fields(context.options.fields or (), (*COLUMNS, "candidates"))
    with opened_journal(context) as journal:
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
    from fibonacci.cli.context import first
    from fibonacci.cli.row_files import stdout_stream

    options = context.options
    if options.format == "csv" and (options.json or options.fields):
        raise UsageError("--format csv always has the same columns: leave out --json and --fields")
    check_fields(options.fields or (), COLUMNS)
    with opened_journal(context) as journal:
        stream = stdout_stream(
            options.fields or (),
            is_json=options.json,
            remedy="redirect it to a file",
            name=options.format or "jsonl",
            is_raw=options.raw_csv,
        )
        for row in first(journal.rows(options.status), options.limit):
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
run has not ended within --timeout, or another run is using the journal by now."""
_LOOKED_EVERY: Final = 0.2
# Seconds in which a run has checked its journal, and has a name.
_OPENED_WITHIN: Final = 30.0


def run_stop(context: Context) -> int:
    """Stop the run."""
    options = context.options
    journal = _held_journal(options.journal)
    asked = _ask(journal)
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
    try:
        return _wait(context, journal, asked)
    except KeyboardInterrupt as error:
        error.add_note("the run still stops, when its rows under way have ended")
        raise


def _ask(journal: HeldJournal | PostgresReader) -> JournalHolder | None:
    """Ask the run that has a journal to stop, as soon as it has a name, and return it."""
    ends = time.monotonic() + _OPENED_WITHIN
    while (asked := journal.stop()) is not None and not asked.run and time.monotonic() < ends:
        time.sleep(_LOOKED_EVERY)
    return asked


def _wait(context: Context, journal: HeldJournal | PostgresReader, asked: JournalHolder) -> int:
    """Wait until a run has ended that was asked to stop."""
    timeout = context.options.timeout
    began = time.monotonic()
    while (holder := journal.holder()) is not None and holder.run == asked.run:
        if timeout is not None and time.monotonic() - began >= timeout:
            context.say("the run has not ended within --timeout. It stops when its rows under way have ended")
            return NOT_ENDED
        time.sleep(_LOOKED_EVERY)
    if holder is not None:
        context.say(
            f"that run has ended, but another one is using the journal by now ({holder.process}): repeat the"
            " command to stop that one"
        )
        return NOT_ENDED
    context.say("the run has ended")
    return DONE


def _held_journal(journal: str) -> HeldJournal | PostgresReader:
    """Return the journal that the command line names.

    Raises:
        UsageError: If it can't be a journal.
    """
    from fibonacci._batch.options import check_journal, postgres_place
    from fibonacci._batch.sqlite_journal import HeldJournal

    try:
        check_journal(journal)
        place = postgres_place(journal)
    except ValueError as error:
        raise UsageError(str(error)) from None
    if place is None:
        return HeldJournal(journal)
    from fibonacci._batch.postgres_journal import PostgresReader

    return PostgresReader(place)


_SETTLE_EPILOG: Final = """\
Use it for a row of unknown outcome, after you found out what became of it. `fibonacci journal rows JOURNAL --status
unknown` lists its candidates: executions with the same inputs that were created since. The decision is recorded in the
journal, and the same run-many command then continues. A run that is using the journal has to end first."""


def run_settle(context: Context) -> int:
    """Settle a row."""
    options = context.options
    with opened_journal(context) as journal:
        try:
            journal.settle(
                options.key, execution_id=options.execution, not_started=options.not_started, failed=options.failed
            )
        except ValueError as error:  # an id that is empty
            raise UsageError(str(error)) from None
    context.say(f"settled row {options.key}. To continue, repeat the run-many command with --resume")
    return DONE


_FIELDS: Final = ("json", "fields")


def add_journal_arguments(parser: CommandParser) -> None:
    """Add the arguments of the command."""
    from fibonacci.cli.numbers import seconds_or_none

    verbs = Verbs(parser)

    def add(
        name: str, help: str, epilog: str, run: Callable[[Context], int], options: Iterable[str] = ()
    ) -> CommandParser:
        verb = verbs.add(name, help, run, options)
        verb.epilog = epilog
        verb.add_argument("journal", metavar="JOURNAL", help="the path or the URL of the journal")
        return verb

    status_help = "show the progress of a run, once or until it has ended"
    status = add("status", status_help, _STATUS_EPILOG, run_status, _FIELDS)
    status.add_argument("--watch", action="store_true", help="keep the status up to date until the run has ended")
    rows = add("rows", "list the rows with their status", _ROWS_EPILOG, run_rows, (*_FIELDS, *LISTED))
    export_help = "write the rows with their inputs and outputs to stdout"
    export = add("export", export_help, _EXPORT_EPILOG, run_export, (*_FIELDS, *LISTED))
    for verb in (rows, export):
        verb.add_argument("--status", metavar="WORD", type=_status, help="only rows with this status, such as failed")
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
