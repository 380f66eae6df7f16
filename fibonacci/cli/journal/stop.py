"""`fibonacci journal stop`: stop the run that has a journal, and wait for its end."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from fibonacci.cli.exit_codes import DONE, NOT_ENDED, UsageError
from fibonacci.cli.journal.opened import add_journal

if TYPE_CHECKING:
    from collections.abc import Generator

    from fibonacci._batch.journal_owner import HeldJournal, JournalHolder
    from fibonacci.cli.context import Context
    from fibonacci.cli.parser import CommandParser

_EPILOG: Final = """\
The run starts no further row and waits for those under way, as after Ctrl-C; the same run-many with --resume continues.
It notices within two seconds; a program that iterates the rows itself, when it asks for its next result. The command
waits for the end of the run, also of one on another machine whose journal is in Redis. No later run is stopped.

Exit codes: 0 the run has ended, or no run has the journal, 64 there is no such journal, 75 the run has not ended within
--timeout, or another one has the journal by now."""
_LOOKED_EVERY: Final = 0.2
# Seconds in which a run has checked its journal, and has a name.
_OPENED_WITHIN: Final = 30.0


def add_arguments(parser: CommandParser) -> None:
    """Add the arguments of the verb."""
    from fibonacci.cli.numbers import seconds_or_none
    from fibonacci.cli.parser import keep_lines

    keep_lines(parser)
    parser.epilog = _EPILOG
    add_journal(parser)
    parser.add_argument(
        "--timeout",
        metavar="TIME",
        type=seconds_or_none,
        default=None,
        help="how long to wait for the end of the run, such as 5m; default: no limit",
    )
    parser.add_argument("--detach", action="store_true", help="do not wait: ask the run to stop")


def run(context: Context) -> int:
    """Stop the run."""
    from fibonacci.cli.errors import add_remedy

    options = context.options
    with _held_journal(options.journal) as (journal, shown):
        asked = _ask(journal)
        if asked is None:
            context.say(f"no run has the journal {shown}: there is nothing to stop")
            return DONE
        if not asked.run:
            context.say(f"the journal {shown} is still being opened by {asked.process}: repeat the command later")
            return NOT_ENDED
        context.say(f"asked the run ({asked.process}) to start no further row")
        if options.detach:
            return DONE
        context.say("waiting for the rows under way")
        try:
            return _wait(context, journal, asked)
        except KeyboardInterrupt as error:
            add_remedy(error, "the run stops all the same, when its rows under way have ended")
            raise


def _ask(journal: HeldJournal) -> JournalHolder | None:
    """Ask the run that has a journal to stop, as soon as it has a name; return it."""
    ends = time.monotonic() + _OPENED_WITHIN
    while (asked := journal.stop()) is not None and not asked.run and time.monotonic() < ends:
        time.sleep(_LOOKED_EVERY)
    return asked


def _wait(context: Context, journal: HeldJournal, asked: JournalHolder) -> int:
    """Wait until a run has ended that was asked to stop."""
    timeout = context.options.timeout
    began = time.monotonic()
    while (holder := journal.holder()) is not None and holder.run == asked.run:
        if timeout is not None and time.monotonic() - began >= timeout:
            context.say("it has not ended in this time, and stops when its rows under way have ended")
            return NOT_ENDED
        time.sleep(_LOOKED_EVERY)
    if holder is not None:
        context.say(
            f"the run that was asked has ended, and another one has the journal by now ({holder.process}): repeat the"
            " command to stop that one"
        )
        return NOT_ENDED
    context.say("the run has ended")
    return DONE


@contextmanager
def _held_journal(location: str) -> Generator[tuple[HeldJournal, str]]:
    """Return a journal, and its path or URL to show, during the block.

    Raises:
        UsageError: If it is neither the path of a file nor the URL of a journal in Redis.
    """
    from fibonacci._batch.journal_location import RedisJournalURL, check_journal
    from fibonacci._batch.journal_owner import HeldFile

    try:
        place = check_journal(location)
        name = place.given_name if isinstance(place, RedisJournalURL) else ""
    except ValueError as error:
        raise UsageError(str(error)) from None
    if not isinstance(place, RedisJournalURL):
        yield HeldFile(location), location
        return
    from fibonacci._batch.redis_reader import HeldRedisJournal
    from fibonacci._net.redis_client import RedisConnection

    commands = RedisConnection(place.url, "journal")
    try:
        yield HeldRedisJournal(commands, place.shown, name), place.shown
    finally:
        commands.close()
