"""`fibonacci journal status`: how far the run of a journal has come, once or until it has ended."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

from fibonacci.cli.exit_codes import DONE, UsageError
from fibonacci.cli.journal.opened import add_journal, opened_journal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from fibonacci.cli.context import Context
    from fibonacci.cli.journal.run_status import RunStatus, StatusReader
    from fibonacci.cli.parser import CommandParser

_EPILOG: Final = """\
Nothing is changed: the run goes on, also after Ctrl-C. The number of rows, the rate, the limit that binds and the time
left are what the run has noted in the journal. Piped, a status is a line of JSON, and --watch prints one whenever more
than the time has changed."""
_EVERY: Final = 1.0


def add_arguments(parser: CommandParser) -> None:
    """Add the arguments of the verb."""
    parser.epilog = _EPILOG
    add_journal(parser)
    parser.add_argument("--watch", action="store_true", help="keep it up to date until the run has ended")


def run(context: Context) -> int:
    """Print the status, with `--watch` until no run has the journal."""
    from fibonacci.cli.journal.run_status import StatusReader

    _check_fields(context.options.fields or ())
    with opened_journal(context) as journal:
        reader = StatusReader(journal)
        if context.options.watch:
            _watch(context, reader)
        else:
            _print(context, reader.read())
    return DONE


def _check_fields(fields: Sequence[str]) -> None:
    from fibonacci._suggestions import did_you_mean
    from fibonacci.cli.journal.run_status import FIELDS

    for path in fields:
        name = path.partition(".")[0]
        if name not in FIELDS:
            remedy = did_you_mean(name, FIELDS) or f": the fields are {', '.join(FIELDS)}"
            raise UsageError(f"--fields has the unknown name {name!r}{remedy}")


def _is_drawn(context: Context) -> bool:
    """Whether a person reads stdout, and has not asked for fields."""
    return context.output.is_terminal and not (context.output.is_json or context.options.fields)


def _print(context: Context, status: RunStatus) -> None:
    if not _is_drawn(context):
        context.output.value(status.to_dict())
        return
    from fibonacci.cli.journal.status_lines import status_lines

    painter = context.output.painter()
    for line in status_lines(status, painter.width, is_unicode=len(painter.ellipsis) == 1):
        painter.line(line)


def _watch(context: Context, reader: StatusReader) -> None:
    from fibonacci.cli.errors import add_remedy

    try:
        if _is_drawn(context):
            _draw(context, _until_ended(reader))
        elif context.output.is_json:
            context.output.array(status.to_dict() for status in _changes(_until_ended(reader)))
        else:
            for status in _changes(_until_ended(reader)):
                context.output.line(status.to_dict())
    except KeyboardInterrupt as error:
        add_remedy(error, "the run goes on")
        raise


def _until_ended(reader: StatusReader) -> Iterator[RunStatus]:
    """Yield the status again and again, at last that of a journal which no run has any more."""
    from fibonacci.cli.tailing.sleeping import sleep_while_read

    while True:
        status = reader.read()
        yield status
        if not status.is_running:
            return
        sleep_while_read(max(_EVERY, reader.rest))


def _changes(statuses: Iterable[RunStatus]) -> Iterator[RunStatus]:
    """Yield a status whenever more than the time has changed."""
    shown: object = None
    for status in statuses:
        if status.facts != shown:
            shown = status.facts
            yield status


def _draw(context: Context, statuses: Iterator[RunStatus]) -> None:
    """Show a status in the place of the one before, or in a line of its own where the terminal cannot do that."""
    live = _live(context)
    if live is None:
        from fibonacci.cli.journal.status_lines import summary_line

        for status in _changes(statuses):
            context.output.text(summary_line(status))
        return
    with live as show:
        for status in statuses:
            show(status)


def _live(context: Context) -> AbstractContextManager[Callable[[RunStatus], object]] | None:
    """Return what keeps a status up to date on a terminal; None if it cannot, or without rich (extra `cli`)."""
    if os.environ.get("TERM") in ("dumb", "unknown"):
        return None
    try:
        from fibonacci.cli.journal.live_status import live_status
    except ImportError:
        return None
    return live_status(sys.stdout, no_color=context.options.no_color)
