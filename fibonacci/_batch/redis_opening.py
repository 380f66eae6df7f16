"""Opening a journal in Redis: its header, its lease, and what the server keeps."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Final

from fibonacci._batch.journal_errors import journal_error
from fibonacci._batch.journal_location import RedisJournalURL
from fibonacci._batch.journal_schema import SCHEMA_VERSION, JournalHeader, newer_schema
from fibonacci._batch.redis_commands import RedisCommands, opening_error
from fibonacci._batch.redis_durability import can_wait_for_sync, dangers
from fibonacci._batch.redis_journal import RedisJournal
from fibonacci._batch.redis_lease import JournalLease
from fibonacci._batch.redis_records import keys_of
from fibonacci._batch.redis_scripts import OPENED
from fibonacci._core.lease_messages import StoreError
from fibonacci._core.logs import log_journal

OPENED_WITHIN: Final = 5.0
"""Seconds for which a server is waited for that does not answer: a job is often started together with it."""

_PAUSE: Final = 0.1
_PROGRAM: Final = "fibonacci-sdk"
_ANOTHER: Final = "another name, as in redis://host/0?journal=NAME,"
_FIELDS: Final = ("program", "schema", *JournalHeader._fields, "rows")


def open_redis_journal(commands: RedisCommands, location: RedisJournalURL, header: JournalHeader) -> RedisJournal:
    """Open a journal in Redis, which is created if it is missing. Without a name it is that of the workflow.

    Args:
        commands: The server.
        location: Its URL, and the name of the journal.
        header: What the run belongs to.

    Raises:
        JournalError: If it cannot be used; the message has the reason and the remedy.
    """
    path, keys = location.shown, keys_of(location.name or header.workflow_id)
    lease = JournalLease(commands, path, keys)
    try:
        _check_patiently(path, commands, keys, header)
        lease.acquire(_fields(header))
    except StoreError as error:
        raise opening_error(path, error) from error
    try:
        rows = _check(path, commands, keys, header)  # another run may have written it meanwhile
        is_synced = can_wait_for_sync(commands)
        for danger in dangers(commands, is_synced=is_synced):
            log_journal(path, danger, is_warning=True)
        return RedisJournal(commands, path, keys, lease, rows, is_synced=is_synced)
    except StoreError as error:
        lease.release()
        raise opening_error(path, error) from error
    except BaseException:
        lease.release()
        raise


def check_redis_journal(commands: RedisCommands, location: RedisJournalURL, header: JournalHeader) -> None:
    """Check that a run could use the journal in Redis, which is not created.

    Raises:
        JournalError: If it could not.
    """
    path = location.shown
    try:
        _check(path, commands, keys_of(location.name or header.workflow_id), header)
    except StoreError as error:
        raise opening_error(path, error) from error
    finally:
        commands.close()


def _check_patiently(path: str, commands: RedisCommands, keys: Sequence[str], header: JournalHeader) -> None:
    """Check a journal, and wait a few seconds for a server that is being started.

    Raises:
        JournalError: If it is not one that this run can use.
        StoreError: If the server cannot be used.
    """
    ends = time.monotonic() + OPENED_WITHIN
    is_told = False
    while True:
        try:
            _check(path, commands, keys, header)
        except StoreError as error:
            if error.is_lasting or time.monotonic() > ends:
                raise
            if not is_told:
                log_journal(path, f"cannot be opened ({error}): waiting up to {OPENED_WITHIN:.0f} s")
                is_told = True
        else:
            return
        time.sleep(_PAUSE)


def _check(path: str, commands: RedisCommands, keys: Sequence[str], header: JournalHeader) -> int:
    """Return the number of rows of a journal.

    Raises:
        JournalError: If it is not one that this run can use.
    """
    (found,) = commands.run(("EVAL", OPENED, len(keys), *keys, *_FIELDS))
    fault = "has keys of another program: pass another name" if found == b"foreign" else _fault(found, header)
    if fault is not None:
        raise journal_error(path, fault)
    return int(found[-1])


def _fault(found: Sequence[Any], header: JournalHeader) -> str | None:
    """Return why a journal cannot be used, as the end of a sentence; None if it can.

    Args:
        found: The fields of its header, None where they are missing, and the number of its rows.
        header: What the run belongs to.
    """
    program, schema, workflow_id, version, key_rule, rows = (
        None if each is None else each.decode() for each in found[:-1]
    )
    if program is None and schema is None and found[-1] == 0:
        return None
    if program != _PROGRAM:
        return f"has keys of another program, or has lost its header: pass {_ANOTHER} or remove its keys"
    if not (schema or "").isdecimal() or int(schema or 0) > SCHEMA_VERSION:
        return newer_schema(schema)
    if int(rows or 0) != found[-1]:
        return (
            f"has {found[-1]} rows of {rows or 0}: the server has lost or removed some. Restore it; with {_ANOTHER}"
            " rows that have run are run again"
        )
    return JournalHeader(workflow_id or "", version or None, key_rule or "").difference(header, _ANOTHER.rstrip(","))


def _fields(header: JournalHeader) -> list[object]:
    values = (_PROGRAM, SCHEMA_VERSION, *(value or "" for value in header), 0)
    return [each for pair in zip(_FIELDS, values, strict=True) for each in pair]
