"""Reading a journal in Redis, which stays as it is, and the run that has it."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from fibonacci._batch import redis_records as records
from fibonacci._batch.journal import JournalEntry
from fibonacci._batch.journal_errors import journal_error
from fibonacci._batch.journal_location import RedisJournalURL
from fibonacci._batch.journal_owner import JournalHolder
from fibonacci._batch.journal_reader import ROWS_AT_ONCE, JournalReader, absent_error
from fibonacci._batch.journal_schema import JournalHeader
from fibonacci._batch.progress import progress_in
from fibonacci._batch.redis_journal import (
    HOLDER,
    STOP,
    SURVEY,
    JournalRevision,
    RedisCommands,
    lost_error,
    opening_error,
)
from fibonacci._batch.redis_opening import look_at_journal
from fibonacci._batch.redis_records import keys_of
from fibonacci._core.shared_window import StoreError
from fibonacci.models.run_results import UNKNOWN, RunsProgress, RunsSummary


class HeldRedisJournal:
    """A journal in Redis.

    Args:
        commands: The server.
        path: The URL of the journal, for messages.
        name: The name of the journal.
    """

    def __init__(self, commands: RedisCommands, path: str, name: str) -> None:
        self._commands = commands
        self._path = path
        self._keys = keys_of(name)

    def holder(self) -> JournalHolder | None:
        return self._run(HOLDER)

    def stop(self) -> JournalHolder | None:
        return self._run(STOP)

    def _run(self, script: str) -> JournalHolder | None:
        try:
            reply: Sequence[Any] = self._commands.run(("EVAL", script, len(self._keys), *self._keys))[0]
        except StoreError as error:
            raise opening_error(self._path, error) from error
        is_there, run, process = reply
        if not is_there:
            raise journal_error(self._path, "is not on its server: check its name, as in redis://host/0?journal=NAME")
        return None if run is None else JournalHolder(run.decode(), (process or b"").decode())


_SUCCEEDED: Final = "completed"


class RedisReader(JournalReader):
    """Reads a journal in Redis. No command of it writes, and the server counts the rows itself, a part at a time.

    Args:
        commands: The server.
        location: Its URL, with the name of the journal.

    Raises:
        JournalError: If it is not there, is another program's, or lacks what it held.
    """

    def __init__(self, commands: RedisCommands, location: RedisJournalURL) -> None:
        super().__init__(location.shown)
        self._commands = commands
        self._location = location
        self._name = location.given_name
        self._keys = records.keys_of(self._name)
        try:
            self._look()
        except BaseException:
            commands.close()
            raise

    def header(self) -> JournalHeader:
        return self._look()[0]

    @property
    def is_running(self) -> bool:
        (is_there,) = self._run(("EXISTS", self._keys[records.LEASE]))
        return bool(is_there)

    def summary(self) -> RunsSummary:
        unknown_before = self._unknown_before
        _, revision = self._look()
        survey = self._survey()
        unfinished = self._facts_of(survey.unfinished)
        unknown = sum(entry.present_status(unknown_before) == UNKNOWN for entry in unfinished)
        failed, left = len(survey.failed), len(survey.unfinished) - unknown
        succeeded = max(0, revision.rows - failed - len(survey.unfinished))
        return RunsSummary(succeeded=succeeded, failed=failed, unknown=unknown, from_journal=0, left=left)

    def progress(self) -> RunsProgress | None:
        (note,) = self._run(("HGET", self._keys[records.HEADER], "progress"))
        return progress_in(note)

    def entries(self, status: str | None) -> Iterator[JournalEntry]:
        self._look()
        (ended,) = self._run(("ZRANGE", self._keys[records.ORDER], 0, -1))
        survey = self._survey()
        rows = sorted(self._facts_of(survey.unfinished.difference(ended)), key=_place)  # one may have ended meanwhile
        if status not in (None, _SUCCEEDED):
            ended = [key for key in ended if key in survey.failed]
        yield from heapq.merge(self._facts_of(ended), rows, key=_place)

    def close(self) -> None:
        self._commands.close()

    def _look(self) -> tuple[JournalHeader, JournalRevision]:
        """Return what the journal belongs to and how far it has come; it has all that it has to hold."""
        try:
            journal = look_at_journal(self._commands, self._location, self._name)
        except StoreError as error:
            raise opening_error(self.path, error) from error
        if journal is None:
            raise absent_error(self.path)
        return journal

    def _survey(self) -> _Survey:
        survey = _Survey(set(), set())
        cursor: int | bytes = 0
        while True:
            script = ("EVAL", SURVEY, len(self._keys), *self._keys, cursor, ROWS_AT_ONCE)
            ((cursor, failed, unfinished),) = self._run(script)
            survey.failed.update(failed)
            survey.unfinished.update(unfinished)
            if int(cursor) == 0:
                return survey

    def _facts_of(self, keys: Iterable[bytes]) -> Iterator[JournalEntry]:
        """Yield what the journal has of rows, in the order of the keys."""
        rest = list(keys)
        for begin in range(0, len(rest), ROWS_AT_ONCE):
            chosen = rest[begin : begin + ROWS_AT_ONCE]
            replies = self._run(*(("HMGET", self._keys[place], *chosen) for place in records.FACTS))
            for key, *facts in zip(chosen, *replies, strict=True):
                try:
                    entry = records.entry_of(key.decode(), facts)
                except (ValueError, TypeError) as error:
                    raise lost_error(self.path, f"is damaged ({error})") from error
                if entry is not None:
                    yield entry

    def _run(self, *commands: Sequence[object]) -> list[Any]:
        try:
            return self._commands.run(*commands)
        except StoreError as error:
            raise opening_error(self.path, error) from error


class _Survey(NamedTuple):
    """The keys of rows.

    Attributes:
        failed: Those that have failed.
        unfinished: Those that have no result.
    """

    failed: set[bytes]
    unfinished: set[bytes]


def _place(entry: JournalEntry) -> tuple[int, int]:
    return entry.index, entry.number
