"""The command `journal status`: print how far a run has come, once or until it has ended."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Final

from fibonacci import read_journal
from fibonacci._suggestions import did_you_mean
from fibonacci.cli.errors import add_remedy
from fibonacci.cli.exit_codes import DONE, UsageError
from fibonacci.cli.journal_status.status import FIELDS, JournalStatus, StatusReader
from fibonacci.cli.journal_status.status_lines import status_lines, summary_line
from fibonacci.cli.tailing.sleeping import sleep_while_read

if TYPE_CHECKING:
    from fibonacci.cli.context import Context

_EVERY: Final = 1.0
_GOES_ON: Final = "the run goes on; `fibonacci journal stop` ends it"


def show_status(context: Context) -> int:
    """Print the status of a journal, with `--watch` until no run has it.

    Args:
        context: The context of the command.

    Returns:
        The exit code.

    Raises:
        JournalError: If the journal cannot be read.
        UsageError: If `--fields` has a name that a status does not have.
    """
    _check_fields(context.options.fields or ())
    with read_journal(context.options.journal) as view:
        reader = StatusReader(view)
        if context.options.watch:
            _watch(context, reader)
        else:
            _print(context, reader.read())
    return DONE


def _check_fields(fields: Sequence[str]) -> None:
    for path in fields:
        name = path.partition(".")[0]
        if name not in FIELDS:
            remedy = did_you_mean(name, FIELDS) or f": the fields are {', '.join(FIELDS)}"
            raise UsageError(f"--fields has the unknown name {name!r}{remedy}")


def _print(context: Context, status: JournalStatus) -> None:
    if not context.output.is_terminal or context.output.is_json or context.options.fields:
        context.output.value(status.to_dict())
        return
    painter = context.output.painter()
    for line in status_lines(status, painter.width, is_unicode=len(painter.ellipsis) == 1):
        painter.line(line)


def _watch(context: Context, reader: StatusReader) -> None:
    output = context.output
    statuses = _until_ended(reader)
    is_for_people = output.is_terminal and not (output.is_json or context.options.fields)
    live = _live(context) if is_for_people else None
    try:
        if live is not None:
            with live as show:
                for status in statuses:
                    show(status)
        elif output.is_json:
            output.array(status.to_dict() for status in _changes(statuses))
        else:
            for status in _changes(statuses):
                if is_for_people:
                    output.text(summary_line(status))
                else:
                    output.line(status.to_dict())
    except KeyboardInterrupt as error:
        add_remedy(error, _GOES_ON)
        raise


def _until_ended(reader: StatusReader) -> Iterator[JournalStatus]:
    """Yield the status again and again, at last that of a journal which no run has any more."""
    while True:
        status = reader.read()
        yield status
        if not status.is_running:
            return
        sleep_while_read(_EVERY)


def _changes(statuses: Iterable[JournalStatus]) -> Iterator[JournalStatus]:
    """Yield a status whenever more than time has passed."""
    shown: object = None
    for status in statuses:
        if status.facts != shown:
            shown = status.facts
            yield status


def _live(context: Context) -> AbstractContextManager[Callable[[JournalStatus], object]] | None:
    """Return what keeps a picture up to date on a terminal that can do that; None without rich (extra `cli`)."""
    if os.environ.get("TERM") in ("dumb", "unknown"):
        return None
    try:
        from fibonacci.cli.journal_status.live_status import live_status
    except ImportError:
        return None
    return live_status(sys.stdout, no_color=context.options.no_color)
