"""Journals, and rows in them."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from pathlib import Path

from fibonacci import Fibonacci, RunResult, read_journal
from fibonacci._batch.journal import JournalEntry, attempt
from fibonacci._batch.journal_schema import JournalHeader, checksum_of, read_header, write_mark
from fibonacci._batch.options import postgres_place
from fibonacci._batch.rows import Row, digest_of, key_in
from fibonacci._batch.sql_journal import SQLJournal
from fibonacci._batch.sqlite_journal import open_journal
from fibonacci.models import Execution

HEADER = JournalHeader("wf-1", "3", "column id")


def settle_by_candidates(path: str | os.PathLike[str]) -> None:
    """Settle the rows of unknown outcome of a batch whose rows have different inputs, and which alone has run them."""
    with read_journal(path) as journal:
        for row in list(journal.rows("unknown")):
            ids = [each.id for each in row.candidates]
            assert len(ids) <= 1, f"row {row.key} was started more than once"
            journal.settle(row.key, execution_id=ids[0] if ids else None, not_started=not ids)


class JournalPlace:
    """A place for a journal, which is new, and for itself.

    Args:
        location: What `run_many` gets.

    Attributes:
        location: What `run_many` gets.
        shown: What texts have of it.
    """

    def __init__(self, location: str) -> None:
        self.location: str = location
        self._postgres = postgres_place(location)
        self.shown: str = location if self._postgres is None else self._postgres.shown

    def open(self, header: JournalHeader, resume: bool | None = None) -> SQLJournal:
        """Open it as `run_many` does."""
        if self._postgres is None:
            return open_journal(self.location, header, resume)
        from fibonacci._batch.postgres_journal import open_postgres_journal

        return open_postgres_journal(self._postgres, header, resume)

    def content(self) -> bytes:
        """Return all that it has of its rows."""
        if self._postgres is None:
            return Path(self.location).read_bytes()
        import psycopg

        with psycopg.connect(self._postgres.url) as connection:
            query = (
                "SELECT r.* FROM fibonacci_rows AS r JOIN fibonacci_journals AS j ON j.id = r.journal WHERE j.name = %s"
            )
            return repr(connection.execute(query, (self._postgres.name,)).fetchall()).encode()


def fill(path: str, header: JournalHeader, rows: int) -> None:
    """Make a journal with rows that have ended: keys and inputs are those of `{"n": index}` without a key."""
    open_journal(path, header).close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.create_function("digest_of", 1, digest_of, deterministic=True)
        connection.create_function("checksum_of", -1, lambda *record: checksum_of(record), deterministic=True)
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?), r AS"
            " (SELECT i + 1, CAST(i AS TEXT), i, digest_of('{\"n\":' || i || '}'), '{\"n\":' || i || '}', 'a', 1.0,"
            " 'exec_' || i, 'completed', NULL, NULL,"
            ' \'{"execution_id": "exec_\' || i || \'", "status": "completed"}\', NULL, NULL, NULL FROM n)'
            " INSERT INTO rows SELECT *, 0 FROM r",
            (rows,),
        )
        connection.execute(f"UPDATE rows SET checksum = checksum_of({', '.join(JournalEntry._fields)})")
        (total,) = connection.execute("SELECT sum(checksum) FROM rows").fetchone()
        _, mark = read_header(connection)
        write_mark(connection, str(mark._replace(commits=mark.commits + 1, rows=rows, total=total)))


def entry_of(journal: SQLJournal, key: str) -> JournalEntry | None:
    """Return what a journal has of a row."""
    return journal.find(Row(0, key, {}, "{}"), is_unique=False)


def row(number: int) -> Row:
    made = Row(number, f"k{number}", {"n": number}, f'{{"n":{number}}}')
    made.intend(1_000.0)
    return made


def started_as(row: Row, execution_id: str) -> Row:
    """Return a row with the id of its execution."""
    row.execution_id = execution_id
    return row


def completed(of: Row) -> RunResult:
    """Return the result of a row whose execution has completed."""
    execution = Execution.model_validate({"execution_id": f"exec_{of.index}", "status": "completed", "outputs": {}})
    return RunResult(
        index=of.index,
        key=key_in(of.key),
        inputs=of.inputs,
        execution=execution,
        error=None,
        status="completed",
        attempts=(attempt(of.execution_id, "completed", of.intended_at, of.version),),
    )


def ended(row: Row, result: RunResult | None = None) -> Row:
    """Return a row with its result, that of an execution which has completed if none is passed."""
    row.result = result or completed(row)
    return row


def counts(client: Fibonacci, workflow: str) -> dict[int, int]:
    """Return how many executions the rows have, as the emulator has recorded them."""
    found = client.executions.list(workflow_id=workflow, page_size=200)
    return Counter((each.inputs or {})["id"] for each in found)


@contextmanager
def another_process(open_it: Callable[[], SQLJournal]) -> Generator[int]:
    """Let another process have a journal until the block ends, by a kill of the process, whose id this returns."""
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        try:
            with closing(open_it()):
                os.write(writing, b".")
                threading.Event().wait()
        finally:
            os._exit(1)
    os.close(writing)
    try:
        with os.fdopen(reading, "rb", buffering=0) as pipe:
            assert pipe.read(1) == b"."
        yield process
    finally:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
