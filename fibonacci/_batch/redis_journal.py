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
from fibonacci._batch.redis_integrity import JournalRevision, LocalMark, loss_of, lost_error
from fibonacci._batch.redis_lease import JournalLease, milliseconds
from fibonacci._batch.redis_scripts import FIND, OPENED, WRITE
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
        revision: How far it has come.
        mark: Its mark on this machine.
        is_synced: Whether a write of intents waits until the server has synced it to its disk.
    """

    may_wait = True

    def __init__(
        self,
        commands: RedisCommands,
        path: str,
        keys: Sequence[str],
        lease: JournalLease,
        revision: JournalRevision,
        mark: LocalMark,
        *,
        is_synced: bool,
    ) -> None:
        super().__init__(path, revision.rows)
        self._commands = PatientCommands(commands, path)
        self._keys = keys
        self._lease = lease
        self._local_mark = mark
        self._is_synced = is_synced
        self._revision = revision
        self._known = [revision.stamp]  # more of them after writes that may have been carried out, or not
        self._loss: Sequence[bytes | None] = ()
        self._lock = threading.Lock()

    @property
    def is_asked_to_stop(self) -> bool:
        return self._lease.is_asked_to_stop

    def renew(self, row: Row) -> None:
        self._change(records.renewed(row), added=0, is_synced=False)

    def continue_with(self, version: str) -> None:
        self._change(records.continued_with(version), added=0, is_synced=False)

    def claims(self, execution_ids: Sequence[str]) -> Claims:
        found = self._find((records.IDS,), execution_ids)
        taken = {each for each, key in zip(execution_ids, found, strict=True) if key is not None}
        try:
            claims = Claims(taken, self._open_intents(self._keys))
        except (ValueError, TypeError) as error:
            raise lost_error(self.path, f"is damaged ({error})") from error
        own = self._keys[records.HEADER]
        (workflow_id,) = self._run(("HGET", own, "workflow_id"))
        for header in chain.from_iterable(self._scan(("SCAN",), "MATCH", records.HEADERS)):
            if header != own.encode():
                self._add_other(claims, records.name_in(header), workflow_id, execution_ids)
        return claims

    def close(self) -> None:
        """End the run: another may have the journal. A second call does nothing."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._is_of_this_process:  # a fork has no part in the lease
            self._lease.release()
            self._local_mark.close()

    def _read(self, key: str) -> JournalEntry | None:
        return self._entry(key, self._find(records.FACTS, [key]))

    def _count(self) -> int:
        return self._revision.rows

    def _write(self, changes: JournalChanges) -> None:
        new, withdrawn, again, started, finished, progress = changes
        commands = chain(
            *map(records.begun, new),
            *map(records.withdrawn, withdrawn),
            *map(records.begun, again),
            *map(records.started, started),
            *(records.finished(row, result, *self._texts(result)) for row, result in finished),
            () if progress is None else records.progress_noted(progress),
        )
        self._change(commands, added=len(new), is_synced=self._is_synced and bool(new or again))

    def _ended(self) -> Iterator[JournalEntry]:
        self._find((), ())  # so that results that are missing do not pass for none
        place = 0
        while True:
            bounds = (place, place + _AT_ONCE - 1)
            (found,) = self._run(("ZRANGE", self._keys[records.ORDER], *bounds))
            if not found:
                break
            replies = self._run(*(("HMGET", self._keys[each], *found) for each in records.FACTS))
            for key, *facts in zip(found, *replies, strict=True):
                entry = self._entry(key.decode(), facts)
                if entry is not None:
                    yield entry
            place += _AT_ONCE
        if self._is_closed:
            self._commands.close()

    def _add_other(self, claims: Claims, name: str, workflow_id: bytes, execution_ids: Sequence[str]) -> None:
        """Add what the journal of a name has, if it is one of the same workflow.

        Raises:
            JournalError: If it lacks what it held, or is damaged.
        """
        keys = records.keys_of(name)
        (found,) = self._run(("EVAL", OPENED, len(keys), *keys, "workflow_id", "lost", "counts"))
        if found == b"foreign" or found[0] != workflow_id:
            return
        try:
            _, lost, expected, counts = (None if each is None else each.decode() for each in found)
            if lost is not None or expected != counts:
                raise ValueError("it lacks a part of what it held")
            claims.add(f"the journal {name}", self._taken(keys, execution_ids), self._open_intents(keys))
        except (ValueError, TypeError) as error:
            reason = (
                f"has the journal {name} beside it, which cannot be read ({error}) and may have executions of the same"
                ' workflow: remove it, or pass another if_unknown than "match"'
            )
            raise journal_error(self.path, reason) from error

    def _taken(self, keys: Sequence[str], execution_ids: Sequence[str]) -> set[str]:
        """Return those of some executions that belong to rows of another journal."""
        if not execution_ids:
            return set()
        (found,) = self._run(("HMGET", keys[records.IDS], *execution_ids))
        return {each for each, key in zip(execution_ids, found, strict=True) if key is not None}

    def _open_intents(self, keys: Sequence[str]) -> Iterator[OpenIntent]:
        """Iterate over the open intents of a journal.

        Raises:
            ValueError: If one is damaged.
        """
        for rows in self._scan(("HSCAN", keys[records.INTENTS])):
            if not rows:
                continue
            replies = self._run(*(("HMGET", keys[place], *rows) for place in records.FACTS))
            for key, *facts in zip(rows, *replies, strict=True):
                intent = records.open_intent(key.decode(), facts)
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
            before = self._revision
            # A number is not used again, whatever becomes of the write.
            next_ = before._replace(number=before.number + len(self._known), run=self._lease.token)
            self._known.append(next_.stamp)
            known = ",".join(self._known)
            arguments = (self._lease.token, milliseconds(), known, next_.stamp, *chain.from_iterable(changes))
            script = ("EVAL", WRITE, len(self._keys), *self._keys, *arguments)
            commands = (script, ("WAITAOF", 1, 0, _SYNCED_WITHIN)) if is_synced else (script,)
            ends = time.monotonic() + PATIENCE
            while True:
                (outcome, *facts), *synced = self._commands.run(*commands)
                if outcome != b"written":
                    raise self._refused(outcome, facts)
                if not synced or synced[0][0] >= 1:
                    break
                if time.monotonic() > ends:
                    reason = f"is not synced by the server for {PATIENCE:.0f} s: check the disk of its append-only file"
                    raise journal_error(self.path, reason)
            self._revision = next_._replace(rows=before.rows + added)
            self._known = [next_.stamp]
            self._local_mark.write(self._revision)

    def _find(self, places: Sequence[int], fields: Sequence[str]) -> list[bytes | None]:
        """Return fields of parts, those of the first field first.

        Raises:
            JournalError: If the journal lacks what this run wrote.
        """
        with self._lock:
            arguments = (self._lease.token, ",".join(self._known), ",".join(map(str, places)), *fields)
            (reply,) = self._run(("EVAL", FIND, len(self._keys), *self._keys, *arguments))
            outcome, facts = reply[0], [*reply[1:]]
            if outcome != b"found":
                raise self._refused(outcome, facts)
            return facts

    def _entry(self, key: str, facts: Sequence[bytes | None]) -> JournalEntry | None:
        try:
            return records.entry_of(key, facts)
        except (ValueError, TypeError) as error:
            raise lost_error(self.path, f"is damaged ({error})") from error

    def _run(self, *commands: Sequence[object]) -> list[Any]:
        self._check_process()
        return self._commands.run(*commands)

    def _refused(self, outcome: bytes, facts: Sequence[bytes | None]) -> JournalError:
        if outcome == b"taken":
            return journal_error(
                self.path,
                f"was taken over by another run ({(facts[0] or b'').decode()}) when the lease of this one had lapsed:"
                " this run starts and records nothing more. Its executions continue, and the other run has what was"
                " recorded of them",
            )
        if not self._loss:  # else what this run has recorded itself of the loss would hide what is missing
            self._loss = facts
            self._lease.lose()
        return loss_of(self.path, self._revision, self._loss)
