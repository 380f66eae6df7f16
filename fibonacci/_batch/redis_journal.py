"""The journal in Redis or Valkey, for runs that move from one machine to another.

KEYS are those of the journal, in the order of `redis_records.PARTS`, where nothing else is said. The header has:

    program, schema, workflow_id, workflow_version, key_rule    what it belongs to
    id              that of this journal: one of the same name that is begun later has another
    stop            the token of a run that was requested to stop
    holder, process the token of the run that took the lease last, and its process
    run:TOKEN       of each run: the number of the last write before it, and once another has followed, that of its own
    revision        the number of the last write, and the token of its run
    counts          of the parts that have rows, after that write
    progress        what the run has last said of its pace, for those who watch it
    lost            who noticed that something is missing; no run continues such a journal

The header has the counts of all parts and a revision, which each write replaces. A part that was removed or evicted
differs from its count. A server that was emptied, or has older data, differs from what the run knows and, when that has
ended, from the mark that it left on its machine: a file, which nothing that happens to the server takes along.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol
from uuid import uuid4

from fibonacci._batch import redis_records as records
from fibonacci._batch.journal import Journal, JournalChanges, JournalEntry
from fibonacci._batch.journal_errors import incomplete_error, journal_error
from fibonacci._batch.journal_location import RedisJournalURL
from fibonacci._batch.journal_schema import SCHEMA_VERSION
from fibonacci._batch.redis_records import COUNTED, PARTS
from fibonacci._batch.rows import Row
from fibonacci._core.logs import log_journal
from fibonacci._core.shared_window import StoreError
from fibonacci._files import open_state
from fibonacci._remedies import joined, remedy
from fibonacci.errors import JournalError

_COUNTS: Final = """
local function counts()
  local found = {}
  for part = 3, 7 do
    found[#found + 1] = redis.call('HLEN', KEYS[part])
  end
  found[#found + 1] = redis.call('ZCARD', KEYS[8])
  return table.concat(found, ',')
end
"""

OPENED: Final = f"""
{_COUNTS}
local kind = redis.call('TYPE', KEYS[1]).ok
if kind ~= 'none' and (kind ~= 'hash' or redis.call('HEXISTS', KEYS[1], 'program') == 0) then
  return 'foreign'
end
local fields = redis.call('HMGET', KEYS[1], unpack(ARGV))
fields[#fields + 1] = counts()
return fields
"""
"""Returns fields of the header, and the counts. ARGV: the names of the fields."""

ACQUIRE: Final = """
local holder = redis.call('GET', KEYS[2])
if holder and holder ~= ARGV[1] then
  return {holder, redis.call('PTTL', KEYS[2]), redis.call('HGET', KEYS[1], 'process')}
end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
for at = 4, #ARGV, 2 do
  redis.call('HSETNX', KEYS[1], ARGV[at], ARGV[at + 1])
end
local before = redis.call('HMGET', KEYS[1], 'holder', 'revision')
if before[1] ~= ARGV[1] then
  local number = string.match(before[2], '^%d+')
  if before[1] then
    redis.call('HSET', KEYS[1], 'run:' .. before[1], number)
  end
  redis.call('HSET', KEYS[1], 'run:' .. ARGV[1], number, 'holder', ARGV[1], 'process', ARGV[3])
end
return {ARGV[1]}
"""
"""Takes the lease unless another run has it, and gives a new journal a header. Returns the token of the holder, and of
another one the milliseconds left and its process. ARGV: the token, milliseconds, the process, fields of the header."""

RENEW: Final = """
if redis.call('HEXISTS', KEYS[1], 'run:' .. ARGV[1]) == 0 then
  return -1
end
if redis.call('HGET', KEYS[1], 'holder') ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
return redis.call('HGET', KEYS[1], 'stop') == ARGV[1] and 2 or 1
"""
"""Renews the lease. It may have lapsed: only who takes it becomes the holder. Returns 2 if this run was requested to
stop, 0 if another has the lease, -1 if the server doesn't know this run any more. ARGV: the token, milliseconds."""

HOLDER: Final = """
local holder = redis.call('GET', KEYS[2])
return {redis.call('HEXISTS', KEYS[1], 'program'), holder, redis.call('HGET', KEYS[1], 'process')}
"""
"""Returns whether the journal is there, the token of the run that has the lease, or nil, and its process."""

STOP: Final = f"""
if redis.call('EXISTS', KEYS[2]) == 1 then
  redis.call('HSET', KEYS[1], 'stop', redis.call('GET', KEYS[2]))
end
{HOLDER}
"""
"""Requests that the run stops that has the lease, and returns the same as `HOLDER`."""

RELEASE: Final = """
if redis.call('GET', KEYS[2]) == ARGV[1] then
  redis.call('DEL', KEYS[2])
end
return redis.call('HEXISTS', KEYS[1], 'run:' .. ARGV[1]) * 2 - 1
"""
"""Releases the lease. Returns -1 if the server doesn't know this run any more. ARGV: the token."""

LOSE: Final = """
redis.call('HSETNX', KEYS[1], 'program', ARGV[1])
redis.call('HSETNX', KEYS[1], 'schema', ARGV[2])
redis.call('HSETNX', KEYS[1], 'lost', ARGV[3])
return 1
"""
"""Records that the journal lacks what it held. ARGV: the program, the schema, who noticed it."""

_HELD: Final = f"""
{_COUNTS}
local held = redis.call('HMGET', KEYS[1], 'lost', 'revision', 'counts', 'holder', 'process', 'run:' .. ARGV[1])
local found = counts()
local function is_whole(known)
  local is_known = held[2] and string.find(',' .. known .. ',', ',' .. held[2] .. ',', 1, true)
  return is_known and held[6] and not held[1] and held[3] == found
end
local function lost()
  return {{'lost', held[1], held[2], held[3], found}}
end
"""

FIND: Final = f"""
{_HELD}
if not is_whole(ARGV[2]) and held[4] == ARGV[1] or not held[6] then
  return lost()
end
local facts = {{'found'}}
for at = 4, #ARGV do
  for part in string.gmatch(ARGV[3], '%d+') do
    facts[#facts + 1] = redis.call('HGET', KEYS[part + 1], ARGV[at])
  end
end
return facts
"""
"""Returns fields of parts, if the journal is what the run knows. ARGV: the token, the stamps that the run knows, the
places of the parts, the names of the fields."""

WRITE: Final = f"""
{_HELD}
if held[6] and not held[1] and held[4] ~= ARGV[1] then
  return {{'taken', held[5]}}
end
if not is_whole(ARGV[3]) then
  return lost()
end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
for at = 5, #ARGV, 4 do
  redis.call(ARGV[at], KEYS[tonumber(ARGV[at + 1]) + 1], ARGV[at + 2], ARGV[at + 3])
end
redis.call('HSET', KEYS[1], 'revision', ARGV[4], 'counts', counts())
return {{'written'}}
"""
"""Writes, if the run is still the holder and the server has all that it wrote before. It may be sent again when its
reply was lost. ARGV: the token, milliseconds of the lease, the stamps that the run knows, the new one, changes."""

SURVEY: Final = """
local found = redis.call('HSCAN', KEYS[3], ARGV[1], 'COUNT', ARGV[2])
local failed, unfinished = {}, {}
for at = 1, #found[2], 2 do
  local key = found[2][at]
  local result = redis.call('HGET', KEYS[7], key)
  if not result then
    unfinished[#unfinished + 1] = key
  elseif string.match(result, '^........%[%-?%d+, "([^"]*)"') ~= 'completed' then
    failed[#failed + 1] = key
  end
end
return {found[1], failed, unfinished}
"""
"""Returns, of a part of the rows, the keys of those that have failed and of those that have no result. It writes
nothing. ARGV: the cursor of the part, how many rows. Returns the cursor of the next part first, 0 for none."""


PATIENCE: Final = 30.0
"""Seconds for which a run waits for a server that doesn't answer."""

# Seconds after a server was given up: workers that have something to write fail together.
_TRIED_AGAIN_AFTER: Final = 5.0
_FIRST_DELAY: Final = 0.05
_LONGEST_DELAY: Final = 1.0


class RedisCommands(Protocol):
    """Carries out commands. Threads may share it."""

    def run(self, *commands: Sequence[object]) -> list[Any]:
        """Carry out commands on one connection, in one round trip, and return the reply to each.

        Raises:
            StoreError: If one of them wasn't carried out, or it isn't known whether it was.
        """
        ...

    def close(self) -> None:
        """Close the connections. A further command opens another."""
        ...


class RetryingCommands:
    """Carries out commands again and again until they are carried out: each of them may be repeated.

    Once the server was given up, what else the run has to write doesn't wait for it again.

    Args:
        commands: The server.
        path: The URL of the journal, for messages.
    """

    def __init__(self, commands: RedisCommands, path: str) -> None:
        self._commands = commands
        self._path = path
        self._given_up: StoreError | None = None
        self._try_again_at = 0.0

    def run(self, *commands: Sequence[object]) -> list[Any]:
        """Carry out commands in one round trip, and return the reply to each.

        Raises:
            JournalError: If the server can't be used for so long, or what it says doesn't change with time.
        """
        began, delay = time.monotonic(), _FIRST_DELAY
        if self._given_up is not None and began < self._try_again_at:
            raise _given_up(self._path, self._given_up, 0.0) from self._given_up
        while True:
            try:
                replies = self._commands.run(*commands)
            except StoreError as error:
                now = time.monotonic()
                if error.is_lasting or self._given_up is not None or now - began + delay > PATIENCE:
                    self._given_up, self._try_again_at = error, now + _TRIED_AGAIN_AFTER
                    raise _given_up(self._path, error, now - began) from error
                if delay == _FIRST_DELAY:
                    log_journal(self._path, f"cannot be used ({error}): waiting up to {PATIENCE:.0f} s")
            else:
                self._given_up = None
                return replies
            time.sleep(delay)
            delay = min(_LONGEST_DELAY, 2 * delay)

    def close(self) -> None:
        """Close the connections. A further command opens another."""
        self._commands.close()


def opening_error(path: str, error: StoreError) -> JournalError:
    """Return the error of a journal whose server doesn't let it be opened."""
    remedy = (
        "check the URL, including the user and password" if error.is_lasting else "check the URL, and start the server"
    )
    return journal_error(path, f"cannot be opened ({error}): {remedy}")


def _given_up(path: str, error: StoreError, waited: float) -> JournalError:
    since = f" for {waited:.0f} s" if waited >= 1 else ""
    return journal_error(
        path,
        f"cannot be used{since} ({error}). Check the server. When it works again, the same call continues, unless "
        "the server has lost what was recorded",
    )


ANOTHER_NAME: Final = "another name (redis://host/0?journal=NAME)"

_REMEDY: Final = joined(
    "Rows that it lacks may have run, and a new journal runs all rows again. Restore the server's data, or find out "
    "with ",
    remedy("list executions"),
    f" which rows have run, and pass the others with {ANOTHER_NAME}",
)
# Characters: longer than a mark can be, so that each replaces the one before as a whole.
_MARK_LENGTH: Final = 256


class JournalRevision(NamedTuple):
    """How far a journal has come.

    Attributes:
        journal: The ID of the journal, which it was given when it was created. Empty if it isn't known.
        number: The number of its last write.
        run: The token of the run that wrote it.
        rows: How many rows it had then.
    """

    journal: str
    number: int
    run: str
    rows: int

    @property
    def stamp(self) -> str:
        """What the header says of it: no two writes have the same."""
        return f"{self.number}-{self.run}"


def missing_parts(expected: str, counted: str) -> str:
    """Return what a journal has of its parts, such as `0 of 12 rows`.

    Args:
        expected: The counts that the header has, with commas.
        counted: How many there are.
    """
    counts = zip(COUNTED, counted.split(","), expected.split(","), strict=False)
    return ", ".join(f"{has} of {had} {PARTS[part]}" for part, has, had in counts if has != had)


def lost_error(path: str, reason: str, more: str = "") -> JournalError:
    """Return the error of a journal that lacks what it held: the same call wouldn't help.

    Args:
        path: The URL of the journal.
        reason: What it lacks, as the end of a sentence that its URL begins.
        more: What can be done besides, as a sentence.
    """
    return incomplete_error(path, joined(f"{reason}. ", _REMEDY, more))


class LocalMark:
    """The revision of a journal that a run of this user on this machine has seen last, in a file.

    Where it can't be written, a loss is noticed while a run lasts, and no longer.

    Args:
        location: The URL of the journal.
        name: Its name.
    """

    def __init__(self, location: RedisJournalURL, name: str) -> None:
        self._shown = location.shown
        try:
            self.path: Path = _folder() / f"{sha256(f'{location.database} {name}'.encode()).hexdigest()[:32]}.json"
        except RuntimeError:  # this user has no home folder
            self.path = Path(os.devnull)
        self._descriptor: int | None = None
        self._is_usable = True

    def read(self) -> JournalRevision | None:
        """Return the revision, or None if there is none. One that can't be read says that there was a journal."""
        try:
            with os.fdopen(open_state(self.path, os.O_RDONLY), encoding="utf-8") as file:
                text = file.read()
        except OSError:
            return None
        if not text and self.path == Path(os.devnull):
            return None
        try:
            return JournalRevision(*json.loads(text))
        except (ValueError, TypeError):  # the machine crashed before the file was on its disk
            return JournalRevision("", 0, "", 0)

    def written_at(self) -> str:
        """Return when it was written last, as text."""
        return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(self.path.stat().st_mtime))

    def write(self, revision: JournalRevision) -> None:
        """Write a revision, which outlives this process, though perhaps not a crash of this machine."""
        if not self._is_usable:
            return
        try:
            if self._descriptor is None:
                self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._descriptor = open_state(self.path, os.O_WRONLY | os.O_CREAT)
            os.lseek(self._descriptor, 0, os.SEEK_SET)
            os.write(self._descriptor, json.dumps(revision).ljust(_MARK_LENGTH).encode())
        except OSError as error:
            self._is_usable = False
            log_journal(self._shown, f"has no mark on this machine, so lost data would go unnoticed ({error})")

    def close(self) -> None:
        """Close the file, which stays."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _folder() -> Path:
    """Return the folder for what programs of this user remember."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "fibonacci" / "journals"
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "fibonacci" / "journals"


def loss_of(path: str, known: JournalRevision, outcome: Sequence[bytes | None]) -> JournalError:
    """Return the error of a run that finds less than it wrote.

    Args:
        path: The URL of the journal.
        known: What the run has written last.
        outcome: The notice of an earlier loss, the stamp, the counts of the header and those there are.
    """
    notice, stamp, expected, counted = (None if value is None else value.decode() for value in outcome)
    if notice is not None:
        return lost_error(path, f"has lost data, as {notice}")
    if stamp is None:
        return lost_error(path, f"was emptied or removed on its server. It held {rows_text(known.rows)} of this run")
    number, _, run = stamp.partition("-")
    if missing := missing_parts(expected or "", counted or ""):
        return lost_error(path, f"has lost part of its data: {missing}")
    if run != known.run:
        return lost_error(path, "has different data from what this run left there: everything it wrote is missing")
    return lost_error(path, f"has older data: the last {known.number - int(number)} writes of this run are missing")


def rows_text(count: int) -> str:
    """Return a number of rows as text."""
    return "1 row" if count == 1 else f"{count} rows"


PROGRAM: Final = "fibonacci-sdk"
"""What the header of a journal says of who wrote it."""

SECONDS: Final = 9.0
"""How long a lease lasts after it was last renewed."""

# In the time of a lease: one a second, by whose reply a run learns that it is to stop.
_RENEWALS: Final = 9
_CLOSED_WITHIN: Final = 1.0
_IS_LOST, _IS_TAKEN, _, _IS_ASKED_TO_STOP = range(-1, 3)
# The leases of this process. Another run in it need not wait to see whether one is renewed.
_held: set[str] = set()


class JournalLease:
    """The right to write to a journal. What is written without it is refused by the server.

    Args:
        commands: The server.
        path: The URL of the journal, for messages.
        keys: The keys of the journal.

    Attributes:
        token: What the server knows this run by.
        is_asked_to_stop: Whether another process has requested that this run stops.
    """

    def __init__(self, commands: RedisCommands, path: str, keys: Sequence[str]) -> None:
        self.token: str = uuid4().hex
        self.is_asked_to_stop: bool = False
        self._commands = commands
        self._path = path
        self._keys = keys
        self._ended = threading.Event()
        self._is_kept = False  # by the thread, which says so itself
        self._process = f"process {os.getpid()} on {socket.gethostname()}"
        self._thread = threading.Thread(target=self._keep, name="fibonacci-journal-lease", daemon=True)

    def acquire(self, header: Sequence[object]) -> None:
        """Take the lease, and keep it until it is released.

        A lease of another run that isn't renewed is waited for: its process may have been killed a moment ago.

        Args:
            header: Fields and values of the header, for a new journal.

        Raises:
            JournalError: If another run renews it.
            StoreError: If the server can't be used.
        """
        left_before: float | None = None
        while True:
            reply = self._run(ACQUIRE, self.token, milliseconds(), self._process, *header)
            holder = reply[0].decode()
            if holder == self.token:
                break
            left, other = max(0.0, reply[1] / 1000), (reply[2] or b"").decode()
            if holder in _held or (left_before is not None and left > left_before):
                raise self._is_used(other, left)
            if left_before is None:
                log_journal(self._path, f"is used by another run ({other}): waiting up to {left:.0f} s for its lease")
            left_before = left
            time.sleep(min(left, SECONDS / 20) + 0.005)
        _held.add(self.token)
        try:
            self._thread.start()
        except BaseException as error:
            self.release()
            if isinstance(error, RuntimeError):
                raise StoreError(f"cannot start a thread to renew its lease: {error}") from None
            raise

    def release(self) -> None:
        """Release the lease. If the server doesn't answer at once, it lapses by itself."""
        self._ended.set()
        if not self._is_kept:  # its thread wasn't started
            self._give_back()
        elif threading.current_thread() is not self._thread:
            self._thread.join(_CLOSED_WITHIN)
        _held.discard(self.token)

    def lose(self) -> None:
        """Record on the server, if it can be reached, that the journal lacks what it held: no run continues it then."""
        at = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())
        with suppress(StoreError):
            self._run(LOSE, PROGRAM, SCHEMA_VERSION, f"{self._process} noticed at {at} UTC")

    def _keep(self) -> None:
        """Renew the lease again and again, in a thread. A failure has no effect here: a write meets it too."""
        self._is_kept = True
        while not self._ended.wait(SECONDS / _RENEWALS):
            try:
                renewed = self._run(RENEW, self.token, milliseconds())
            except StoreError:
                continue
            if renewed == _IS_LOST:
                self.lose()
            if renewed in (_IS_LOST, _IS_TAKEN):
                return
            self.is_asked_to_stop = renewed == _IS_ASKED_TO_STOP
        self._give_back()

    def _give_back(self) -> None:
        with suppress(StoreError):
            if self._run(RELEASE, self.token) == _IS_LOST:
                self.lose()
        self._commands.close()

    def _run(self, script: str, *arguments: object) -> Any:
        return self._commands.run(("EVAL", script, len(self._keys), *self._keys, *arguments))[0]

    def _is_used(self, process: str, left: float) -> JournalError:
        at = time.strftime("%H:%M:%S", time.gmtime(time.time() + left))
        lease = f"whose lease expires in {left:.0f} s, at {at} UTC, unless it is renewed"
        reason = joined(f"is used by another run ({process}), {lease}: ", remedy("another run"))
        return journal_error(self._path, reason)


def milliseconds() -> int:
    """Return how long a lease lasts, as Redis takes it."""
    return round(1000 * SECONDS)


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
        self._commands = RetryingCommands(commands, path)
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
        new, withdrawn, again, started, finished, _, progress = changes
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
        self._find((), ())  # so that missing results don't pass for none
        place = 0
        while True:
            bounds = (place, place + _AT_ONCE - 1)
            (keys,) = self._run(("ZRANGE", self._keys[records.ORDER], *bounds))
            if not keys:
                break
            replies = self._run(*(("HMGET", self._keys[fact], *keys) for fact in records.FACTS))
            for key, *facts in zip(keys, *replies, strict=True):
                entry = self._entry(key.decode(), facts)
                if entry is not None:
                    yield entry
            place += _AT_ONCE
        if self._is_closed:
            self._commands.close()

    def _change(self, changes: Iterable[records.Change], *, added: int, is_synced: bool) -> None:
        """Write changes, and wait until they are on the server's disk where that was asked for.

        Raises:
            JournalError: If this run may not write any more, or what it wrote isn't there any more.
        """
        self._check_process()
        with self._lock:
            before = self._revision
            # A number isn't used again, whatever becomes of the write.
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
                    reason = (
                        f"has not been synced by the server for {PATIENCE:.0f} s: check the disk of its "
                        "append-only file"
                    )
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
                f"was taken over by another run ({(facts[0] or b'').decode()}) after this run's lease expired: this "
                "run starts and records nothing more. Its executions continue, and the other run has what was "
                "recorded about them",
            )
        if not self._loss:  # otherwise this run's own record of the loss would hide what is missing
            self._loss = facts
            self._lease.lose()
        return loss_of(self.path, self._revision, self._loss)
