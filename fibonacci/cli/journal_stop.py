"""`fibonacci journal stop`: stop the run that has a journal, and wait for its end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from fibonacci._batch.journal_holder import HeldFile, HeldJournal, JournalHolder
from fibonacci._batch.journal_location import check_journal
from fibonacci.cli.errors import add_remedy
from fibonacci.cli.exit_codes import DONE, NOT_ENDED, UsageError

if TYPE_CHECKING:
    from fibonacci.cli.context import Context

_LOOKED_EVERY: Final = 0.2
# Seconds that a run takes at most, as a rule, to check a large journal, before it has a name.
_OPENED_WITHIN: Final = 30.0


def stop_run(context: Context) -> int:
    """Carry out the command.

    Args:
        context: The context of the command.

    Returns:
        The exit code.
    """
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
        if options.no_wait:
            return DONE
        context.say("waiting for the rows under way")
        try:
            return _wait(context, journal, asked, options.timeout)
        except KeyboardInterrupt as error:
            add_remedy(error, "the run stops all the same, when its rows under way have ended")
            raise


def _ask(journal: HeldJournal) -> JournalHolder | None:
    """Ask the run that has a journal to stop, as soon as it has a name; return it."""
    ends = time.monotonic() + _OPENED_WITHIN
    while (asked := journal.stop()) is not None and not asked.run and time.monotonic() < ends:
        time.sleep(_LOOKED_EVERY)
    return asked


def _wait(context: Context, journal: HeldJournal, asked: JournalHolder, timeout: float | None) -> int:
    """Wait until a run has ended that was asked to stop."""
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
def _held_journal(location: str) -> Iterator[tuple[HeldJournal, str]]:
    """Return a journal, and its path or URL to show, during the block.

    Raises:
        UsageError: If it is neither the path of a file nor the URL of a journal in Redis.
    """
    try:
        place = check_journal(location)
    except ValueError as error:
        raise UsageError(str(error)) from None
    if place is None or isinstance(place, str):
        yield HeldFile(location), location
        return
    if place.name is None:
        raise UsageError(
            f"{place.shown}: name the journal, as in redis://host/0?journal=NAME; without a name, that of a workflow"
            " has the id of the workflow"
        )
    from fibonacci._batch.redis_holder import HeldRedisJournal
    from fibonacci._net.redis_connection import RedisConnection

    commands = RedisConnection(place.url, "journal")
    try:
        yield HeldRedisJournal(commands, place.shown, place.name), place.shown
    finally:
        commands.close()
