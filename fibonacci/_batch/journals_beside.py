"""The journals of the same workflow in the folder of one in SQLite: those of other runs, as when a file is a chunk."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from fibonacci._batch.journal_errors import journal_error
from fibonacci._batch.journal_schema import APPLICATION_ID, JournalMark, read_header, verify
from fibonacci._batch.locks import LOCK_SUFFIX, read_note
from fibonacci._batch.search import OpenIntent

_TAKEN: Final = """
WITH asked AS (SELECT value AS id FROM json_each(?))
SELECT execution_id FROM rows WHERE execution_id IN (SELECT id FROM asked)
UNION SELECT json_extract(start.value, '$[0]') FROM rows, json_each(rows.earlier) AS start
WHERE rows.earlier IS NOT NULL AND json_extract(start.value, '$[0]') IN (SELECT id FROM asked)
"""
_OPEN: Final = (
    "SELECT idempotency_key, digest FROM rows"
    " WHERE idempotency_key IS NOT NULL AND execution_id IS NULL AND status IS NULL"
)


def taken_of(connection: sqlite3.Connection, execution_ids: Sequence[str]) -> set[str]:
    """Return those of some executions that belong to rows of a journal, by their present or an earlier start."""
    return {execution_id for (execution_id,) in connection.execute(_TAKEN, (json.dumps(execution_ids),))}


def open_intents(connection: sqlite3.Connection) -> list[OpenIntent]:
    """Return the open intents of a journal."""
    return [OpenIntent(*record) for record in connection.execute(_OPEN)]


def claims_beside(
    path: str, workflow_id: str, execution_ids: Sequence[str]
) -> Iterator[tuple[str, set[str], list[OpenIntent]]]:
    """Yield what the other journals of a workflow in the folder of a journal have.

    Args:
        path: The path of the journal.
        workflow_id: The id of the workflow.
        execution_ids: The ids of executions.

    Yields:
        The path of each, those of the executions that belong to its rows, and its open intents.

    Raises:
        JournalError: If a file cannot be read that may be one.
    """
    own = Path(path)
    for lock in sorted(own.parent.glob(f"*{LOCK_SUFFIX}")):
        # A file without a lock is not opened: closing it would release what this process has locked in it itself.
        journal = lock.with_name(lock.name.removesuffix(LOCK_SUFFIX))
        try:
            if not journal.is_file() or journal.samefile(own):
                continue
            noted = read_note(lock)  # before the database, which is never behind it
            with closing(sqlite3.connect(f"{journal.as_uri()}?mode=ro", uri=True)) as connection:
                connection.execute("BEGIN")  # so that all is of one commit
                if _is_of(connection, workflow_id, str(lock), JournalMark.read(noted)):
                    yield str(journal), taken_of(connection, execution_ids), open_intents(connection)
        except FileNotFoundError:  # it was removed meanwhile
            continue
        except (sqlite3.Error, OSError, ValueError, OverflowError, MemoryError) as error:
            reason = (
                f"has {journal.name} beside it, which cannot be read ({error}) and may have executions of the same"
                ' workflow: move it to another folder, or pass another if_unknown than "match"'
            )
            raise journal_error(path, reason) from error


def _is_of(connection: sqlite3.Connection, workflow_id: str, lock: str, noted: JournalMark | None) -> bool:
    """Whether a database is a journal of a workflow, with all that it has to hold.

    Raises:
        ValueError: If it is less than what it has to hold.
    """
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        if noted is not None:
            raise ValueError("it does not say that it is a journal")
        return False
    header, mark = read_header(connection)
    if header.workflow_id != workflow_id:
        return False
    fault = mark.fault(noted, lock)
    if fault is not None:
        raise ValueError(f"it {fault}")
    verify(connection, mark)
    return True
