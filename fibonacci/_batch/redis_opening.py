"""Opening a journal in Redis, and reading one, which stays as it is, beside the run that has it."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple
from uuid import uuid4

from fibonacci._batch import redis_records as records
from fibonacci._batch.journal import JournalEntry
from fibonacci._batch.journal_errors import journal_error
from fibonacci._batch.journal_location import DURABILITIES, RedisJournalURL
from fibonacci._batch.journal_reader import ROWS_AT_ONCE, JournalReader, absent_error
from fibonacci._batch.journal_schema import SCHEMA_VERSION, JournalHeader, newer_schema
from fibonacci._batch.progress import progress_in, resume_fault
from fibonacci._batch.redis_journal import (
    ANOTHER_NAME,
    HOLDER,
    OPENED,
    PROGRAM,
    STOP,
    SURVEY,
    JournalLease,
    JournalRevision,
    LocalMark,
    RedisCommands,
    RedisJournal,
    lost_error,
    missing_parts,
    opening_error,
    rows_text,
)
from fibonacci._batch.redis_records import COUNTED, keys_of
from fibonacci._batch.sqlite_journal import JournalHolder
from fibonacci._core.logs import log_journal
from fibonacci._core.shared_window import StoreError
from fibonacci.models.run_results import UNKNOWN, RunResult, RunsProgress, RunsSummary

_SETTINGS: Final = ("appendonly", "appendfsync", "maxmemory-policy")
_NONE, _, _ALWAYS = DURABILITIES


def check_durability(path: str, commands: RedisCommands, required: str) -> bool:
    """Check what a server promises of its writes, and return whether each write can wait until it is on the disk.

    Args:
        path: The URL of the journal, for messages.
        commands: The server.
        required: The least that it has to promise.

    Raises:
        JournalError: If it promises less.
        StoreError: If the server can't be used.
    """
    commands.run(("PING",))
    is_synced = _can_wait_for_sync(commands)
    faults = _faults(commands, required, is_synced=is_synced)
    if required != _NONE:
        if faults:
            raise journal_error(path, faults[0])
        return is_synced
    for fault in faults:
        log_journal(path, fault.partition(":")[0], is_warning=True)
    return False


def _faults(commands: RedisCommands, required: str, *, is_synced: bool) -> list[str]:
    """Return in what a server promises too little, as ends of sentences on the journal."""
    try:
        replies = commands.run(*(("CONFIG", "GET", name) for name in _SETTINGS))
    except StoreError:  # many hosted servers refuse it
        if is_synced:  # which they do only with an append-only file
            return []
        return [
            "is on a server that does not say whether it keeps its writes (it refuses CONFIG): if its provider "
            "guarantees that it does, add durability=none to the URL to skip this check"
        ]
    appendonly, appendfsync, policy = map(_value, replies)
    promised = appendfsync if appendonly == "yes" else _NONE
    promised = promised if promised in DURABILITIES else _NONE
    faults: list[str] = []
    if DURABILITIES.index(promised) < DURABILITIES.index(_ALWAYS if required == _NONE else required):
        setting = f"appendfsync {appendfsync}" if appendonly == "yes" else "appendonly no"
        loses = "its last writes" if promised != _NONE else "all of it"
        faults.append(
            f"is on a server with {setting}, which may lose {loses} in a crash, so that rows would run again: set "
            f"appendonly yes and appendfsync {_ALWAYS} on the server, or add durability={promised} to the URL"
        )
    if policy.startswith("allkeys"):
        faults.append(
            f"is on a server with maxmemory-policy {policy}, which may evict it when memory is short: set "
            f"maxmemory-policy noeviction on the server, or add durability={_NONE} to the URL"
        )
    return faults


def _can_wait_for_sync(commands: RedisCommands) -> bool:
    """Whether the server tells when what was written is on its disk."""
    try:
        commands.run(("WAITAOF", 1, 0, 1))
    except StoreError:  # an older server, or one without an append-only file
        return False
    return True


def _value(reply: Any) -> str:
    """Return the value of a setting, from a list of name and value or a mapping."""
    values: list[bytes] = [*reply.values()] if hasattr(reply, "values") else [*reply][1:]
    return values[0].decode() if values else ""


OPENED_WITHIN: Final = 5.0
"""Seconds for which a server is waited for that doesn't answer: a job is often started together with it."""

_PAUSE: Final = 0.1
_FOREIGN: Final = f"has keys that belong to another program: pass {ANOTHER_NAME}"
_NO_COUNTS: Final = ",".join("0" for _ in COUNTED)
_BELONGS_TO: Final = ("program", "schema", *JournalHeader._fields)
_FIELDS: Final = (*_BELONGS_TO, "id", "revision", "counts", "lost", "holder")


def open_redis_journal(
    commands: RedisCommands, location: RedisJournalURL, header: JournalHeader, resume: bool | None = None
) -> RedisJournal:
    """Open a journal in Redis, which is created if it is missing. Without a name it is that of the workflow.

    Args:
        commands: The server.
        location: Its URL, and the name of the journal.
        header: What the run belongs to.
        resume: Whether it has to have rows, or must not have any. None for either.

    Raises:
        JournalError: If it can't be used. The message has the reason and the remedy.
    """
    path, name = location.shown, location.name or header.workflow_id
    keys, mark = keys_of(name), LocalMark(location, name)
    opening = _Opening(path, commands, keys, header, mark)
    lease = JournalLease(commands, path, keys)
    try:
        seen = _patiently(path, opening.first_look)
        fault = resume_fault(resume, seen.rows)
        if fault is not None:
            raise journal_error(path, fault)
        is_synced = check_durability(path, commands, location.durability)
        lease.acquire(_new_header(header))
    except BaseException as error:
        commands.close()  # which the lease does from now on
        if isinstance(error, StoreError):
            raise opening_error(path, error) from error
        raise
    try:
        revision = opening.second_look(seen)  # another run may have written it meanwhile
        return RedisJournal(commands, path, keys, lease, revision, mark, is_synced=is_synced)
    except StoreError as error:
        lease.release()
        raise opening_error(path, error) from error
    except BaseException:
        lease.release()
        raise


def check_redis_journal(
    commands: RedisCommands, location: RedisJournalURL, header: JournalHeader, resume: bool | None = None
) -> None:
    """Check that a run could use the journal in Redis, which isn't created.

    Args:
        commands: The server.
        location: Its URL, and the name of the journal.
        header: What the run belongs to.
        resume: Whether it has to have rows, or must not have any. None for either.

    Raises:
        JournalError: If it couldn't.
    """
    path, name = location.shown, location.name or header.workflow_id
    opening = _Opening(path, commands, keys_of(name), header, LocalMark(location, name))
    try:
        fault = resume_fault(resume, opening.first_look().rows)
        if fault is not None:
            raise journal_error(path, fault)
        check_durability(path, commands, location.durability)
    except StoreError as error:
        raise opening_error(path, error) from error
    finally:
        commands.close()


def look_at_journal(
    commands: RedisCommands, location: RedisJournalURL, name: str
) -> tuple[JournalHeader, JournalRevision] | None:
    """Return what a journal belongs to and how far it has come, without a change, or None if it isn't there.

    Args:
        commands: The server.
        location: Its URL.
        name: The name of the journal.

    Raises:
        JournalError: If it is another program's, or lacks what it held.
        StoreError: If the server can't be used.
    """
    opening = _Opening(location.shown, commands, keys_of(name), None, LocalMark(location, name))
    revision = opening.first_look()
    return None if opening.begun is None else (opening.begun, revision)


class _Opening:
    """Checks a journal before it is opened.

    Args:
        path: Its URL, for messages.
        commands: The server.
        keys: Its keys.
        header: What the run belongs to. None if it is read alone.
        mark: The mark of it on this machine.

    Attributes:
        begun: What the journal belongs to. None before it was looked at, and if it isn't there.
    """

    def __init__(
        self, path: str, commands: RedisCommands, keys: Sequence[str], header: JournalHeader | None, mark: LocalMark
    ) -> None:
        self._path = path
        self._commands = commands
        self._keys = keys
        self._header = header
        self._mark = mark
        self.begun: JournalHeader | None = None

    def first_look(self) -> JournalRevision:
        """Return how far the journal has come. Its ID is empty if it doesn't exist.

        Raises:
            JournalError: If it isn't one that this run can use.
            StoreError: If the server can't be used.
        """
        seen = self._mark.read()
        if seen is None:
            return self._look(None)
        when = f"when a run on this machine last used it ({self._mark.written_at()})"
        remedy = f". To use the name anyway, remove {self._mark.path}, which remembers this"
        return self._look(seen, when, remedy)

    def second_look(self, seen: JournalRevision) -> JournalRevision:
        """Return how far the journal has come, which is there by now.

        Args:
            seen: What the first look returned.

        Raises:
            JournalError: If it isn't one that this run can use.
            StoreError: If the server can't be used.
        """
        return self._look(seen if seen.rows else None, "a moment ago")

    def _look(self, seen: JournalRevision | None, when: str = "", remedy: str = "") -> JournalRevision:
        """Return how far the journal has come, if it has all that it had when it was seen last."""
        run = "" if seen is None else f"run:{seen.run}"
        (fields,) = self._commands.run(("EVAL", OPENED, len(self._keys), *self._keys, *_FIELDS, run))
        if fields == b"foreign":
            raise journal_error(self._path, _FOREIGN)
        values = {
            name: None if value is None else value.decode()
            for name, value in zip((*_FIELDS, "seen", "found"), fields, strict=True)
        }
        self._check_header(values)
        number, _, run = (values["revision"] or "0-").partition("-")
        rows = (values["found"] or _NO_COUNTS).split(",")[0]
        try:
            revision = JournalRevision(values["id"] or "", int(number), run, int(rows))
            last = revision.number if seen is not None and values["holder"] == seen.run else int(values["seen"] or 0)
        except ValueError as error:
            raise lost_error(self._path, f"has a damaged header ({error})") from error
        reason = None if seen is None else _lacks(seen, revision, last, when)
        if reason is not None:
            raise lost_error(self._path, reason, remedy)
        return revision

    def _check_header(self, values: dict[str, str | None]) -> None:
        """Check what the journal says of itself."""
        program, schema, workflow_id, version, key_rule = (values[name] for name in _BELONGS_TO)
        counts, counted = values["counts"] or _NO_COUNTS, values["found"] or _NO_COUNTS
        if program is None and counted == _NO_COUNTS:
            return
        if program is None:
            raise lost_error(self._path, "has lost its header")
        if program != PROGRAM:
            raise journal_error(self._path, _FOREIGN)
        if not (schema or "").isdecimal() or int(schema or 0) > SCHEMA_VERSION:
            raise journal_error(self._path, newer_schema(schema))
        if values["lost"] is not None:
            raise lost_error(self._path, f"has lost data, as {values['lost']}")
        if counts != counted:
            raise lost_error(self._path, f"has lost part of its data: {missing_parts(counts, counted)}")
        self.begun = JournalHeader(workflow_id or "", version or None, key_rule or "")
        difference = None if self._header is None else self.begun.difference(self._header, ANOTHER_NAME)
        if difference is not None:
            raise journal_error(self._path, difference)


def _lacks(seen: JournalRevision, revision: JournalRevision, last: int, when: str) -> str | None:
    """Return what a journal lacks of what it had when it was seen, as the end of a sentence, or None if it has all.

    Args:
        seen: How far it had come then.
        revision: How far it has come.
        last: The number of the last write that it has of the run that it was seen by.
        when: When that was.
    """
    had = f"had {rows_text(seen.rows)} {when}"
    if not revision.journal:
        return f"is no longer on its server, and {had}"
    if seen.journal and revision.journal != seen.journal:
        return f"was removed and started over: the previous one {had}"
    if last < seen.number:
        return f"has older data: it {had}, and the last {seen.number - last} writes before that are missing"
    return None


def _patiently(path: str, check: Callable[[], JournalRevision]) -> JournalRevision:
    """Check a journal, and wait a few seconds for a server that is being started.

    Raises:
        JournalError: If it isn't one that this run can use.
        StoreError: If the server can't be used.
    """
    ends = time.monotonic() + OPENED_WITHIN
    is_told = False
    while True:
        try:
            return check()
        except StoreError as error:
            if error.is_lasting or time.monotonic() > ends:
                raise
            if not is_told:
                log_journal(path, f"cannot be opened ({error}): waiting up to {OPENED_WITHIN:.0f} s")
                is_told = True
        time.sleep(_PAUSE)


def _new_header(header: JournalHeader) -> list[object]:
    """Return the fields and values of the header of a new journal."""
    made = {"id": uuid4().hex, "revision": "0-", "counts": _NO_COUNTS}
    values = dict(zip(_BELONGS_TO, (PROGRAM, SCHEMA_VERSION, *(value or "" for value in header)), strict=True)) | made
    return [part for pair in values.items() for part in pair]


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
            raise journal_error(self._path, "is not on its server: check its name in redis://host/0?journal=NAME")
        return None if run is None else JournalHolder(run.decode(), (process or b"").decode())


_SUCCEEDED: Final = "completed"


class RedisReader(JournalReader):
    """Reads a journal in Redis. No command of it writes, and the server counts the rows itself, a part at a time.

    Args:
        commands: The server.
        location: Its URL, with the name of the journal.

    Raises:
        JournalError: If it isn't there, is another program's, or lacks what it held.
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

    def _settle(self, key: str, execution_id: str | None, *, has_failed: bool) -> RunResult:
        raise journal_error(self.path, "is in Redis, where no row can be settled")

    def close(self) -> None:
        self._commands.close()

    def _look(self) -> tuple[JournalHeader, JournalRevision]:
        """Return what the journal belongs to and how far it has come, once it is certain that nothing is missing."""
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
