"""The journal in Redis or Valkey, for runs that move from one machine to another."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, Final

from fibonacci._batch import redis_records as records
from fibonacci._batch.claims import Claims, OpenIntent
from fibonacci._batch.journal import Journal, JournalChanges, JournalEntry
from fibonacci._batch.journal_errors import journal_error
from fibonacci._batch.redis_commands import PATIENCE, PatientCommands, RedisCommands
from fibonacci._batch.redis_lease import JournalLease, milliseconds
from fibonacci._batch.redis_scripts import FIND, WRITE
from fibonacci._batch.row import Row
from fibonacci.errors import JournalError

_AT_ONCE: Final = 500
# Milliseconds: less than a connection waits for a reply.
_SYNCED_WITHIN: Final = 3_000


class RedisJournal(Journal):
    """A journal in Redis. A write is one script, which the server carries out only for the run that has the lease.

    Args:
        commands: The server.
        path: The URL of the journal, for messages.
        keys: The keys of the journal.
        lease: The lease, which was acquired.
        last: The number of rows that it has.
        is_synced: Whether a write of intents waits until the server has synced it to its disk.
    """

    may_wait = True

    def __init__(
        self,
        commands: RedisCommands,
        path: str,
        keys: Sequence[str],
        lease: JournalLease,
        last: int,
        *,
        is_synced: bool,
    ) -> None:
        super().__init__(path, last)
        self._commands = PatientCommands(commands, path)
        self._keys = keys
        self._lease = lease
        self._is_synced = is_synced
        self._writes = 0
        self._rows = last
        self._lock = threading.Lock()

    def renew(self, row: Row) -> None:
        self._change(records.renewed(row), added=0, is_synced=False)

    def claims(self, execution_ids: Sequence[str]) -> Claims:
        claims = Claims(self._taken(self._keys, execution_ids), self._open_intents(self._keys))
        own = self._keys[records.HEADER]
        (workflow_id,) = self._run(("HGET", own, "workflow_id"))
        for header in chain.from_iterable(self._scan(("SCAN",), "MATCH", records.HEADERS)):
            name, (found,) = records.name_in(header), self._run(("HGET", header, "workflow_id"))
            if header != own.encode() and found == workflow_id:
                keys = records.keys_of(name)
                claims.add(f"the journal {name}", self._taken(keys, execution_ids), self._open_intents(keys))
        return claims

    def close(self) -> None:
        """End the run: another may have the journal. A second call does nothing."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._is_of_this_process:  # a fork has no part in the lease
            self._lease.release()

    def _read(self, key: str) -> JournalEntry | None:
        hashes = [self._keys[place] for place in records.FACTS]
        (facts,) = self._run(("EVAL", FIND, len(hashes), *hashes, key))
        return records.entry_of(key, facts)

    def _write(self, changes: JournalChanges) -> None:
        new, withdrawn, again, started, finished = changes
        commands = chain(
            *map(records.begun, new),
            *map(records.withdrawn, withdrawn),
            *map(records.begun, again),
            *map(records.started, started),
            *(records.finished(row, result, *self._texts(result)) for row, result in finished),
        )
        self._change(commands, added=len(new), is_synced=self._is_synced and bool(new or again))

    def _ended(self) -> Iterator[JournalEntry]:
        place = 0
        while True:
            bounds = (place, place + _AT_ONCE - 1)
            (found,) = self._run(("ZRANGE", self._keys[records.ORDER], *bounds))
            if not found:
                break
            replies = self._run(*(("HMGET", self._keys[each], *found) for each in records.FACTS))
            for key, *facts in zip(found, *replies, strict=True):
                entry = records.entry_of(key.decode(), facts)
                if entry is not None:
                    yield entry
            place += _AT_ONCE
        if self._is_closed:
            self._commands.close()

    def _taken(self, keys: Sequence[str], execution_ids: Sequence[str]) -> set[str]:
        """Return those of some executions that belong to rows of a journal."""
        if not execution_ids:
            return set()
        (found,) = self._run(("HMGET", keys[records.IDS], *execution_ids))
        return {each for each, key in zip(execution_ids, found, strict=True) if key is not None}

    def _open_intents(self, keys: Sequence[str]) -> Iterator[OpenIntent]:
        """Iterate over the open intents of a journal."""
        for rows in self._scan(("HSCAN", keys[records.INTENTS])):
            if not rows:
                continue
            replies = self._run(*(("HMGET", keys[place], *rows) for place in records.FACTS))
            for facts in zip(*replies, strict=True):
                intent = records.open_intent(facts)
                if intent is not None:
                    yield intent

    def _scan(self, command: Sequence[str], *options: str) -> Iterator[list[bytes]]:
        """Iterate over the keys, or the fields of a hash: those that are there all the while come once at least."""
        cursor = 0
        while True:
            ((cursor, found),) = self._run((*command, cursor, *options, "COUNT", _AT_ONCE))
            yield list(found)  # the client makes a dict of a hash
            if cursor == 0:
                return

    def _change(self, changes: Iterable[records.Change], *, added: int, is_synced: bool) -> None:
        """Write changes, and wait until they are on the server's disk where that was asked for.

        Raises:
            JournalError: If this run may not write any more, or what it wrote is not there any more.
        """
        self._check_process()
        with self._lock:
            before = (self._writes, self._rows, self._rows + added)
            arguments = (self._lease.token, milliseconds(), *before, *chain.from_iterable(changes))
            script = ("EVAL", WRITE, len(self._keys), *self._keys, *arguments)
            commands = (script, ("WAITAOF", 1, 0, _SYNCED_WITHIN)) if is_synced else (script,)
            ends = time.monotonic() + PATIENCE
            while True:
                outcome, *synced = self._commands.run(*commands)
                if outcome[0] != b"written":
                    raise self._refused(outcome)
                if not synced or synced[0][0] >= 1:
                    break
                if time.monotonic() > ends:
                    reason = f"is not synced by the server for {PATIENCE:.0f} s: check the disk of its append-only file"
                    raise journal_error(self.path, reason)
            self._writes += 1
            self._rows += added

    def _run(self, *commands: Sequence[object]) -> list[Any]:
        self._check_process()
        return self._commands.run(*commands)

    def _refused(self, outcome: Sequence[bytes | None]) -> JournalError:
        if outcome[0] == b"taken":
            process = (outcome[1] or b"").decode()
            reason = (
                f"was taken over by another run ({process}) when the lease of this one had lapsed: this run starts and"
                " records nothing more. Its executions continue, and the other run has what was recorded of them"
            )
        else:
            reason = (
                "has lost what this run wrote: the server was restarted without it, or has removed it. Rows of this run"
                " that it does not have are run again by another call. Set appendonly yes and maxmemory-policy"
                " noeviction on the server"
            )
        return journal_error(self.path, reason)
