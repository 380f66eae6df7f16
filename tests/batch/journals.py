"""The kinds of journals, for tests that hold for each of them."""

from __future__ import annotations

import os
import pickle
import signal
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from fibonacci import Fibonacci, JournalError, RunResult, read_journal
from fibonacci._batch.journal import Journal, attempt
from fibonacci._batch.journal_location import RedisJournalURL, check_journal
from fibonacci._batch.journal_schema import JournalHeader, checksum_of, read_header, write_mark
from fibonacci._batch.redis_opening import open_redis_journal
from fibonacci._batch.rows import Row, digest_of, key_in
from fibonacci._batch.sqlite_journal import COLUMNS, open_journal
from fibonacci._net.redis_client import RedisConnection
from fibonacci.models import Execution
from tests.kit.redis import RedisServer

KINDS = ("file", "redis")
REDIS_PASSWORD = "swordfish-7"
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
        folder: Where it is, in a file.
        server: The server that it is on instead.
    """

    def __init__(self, folder: Path, server: RedisServer | None = None) -> None:
        self.location: str = str(folder / "runs.db")
        if server is not None:
            self.location = f"{server.url}?journal={uuid4().hex}&durability=none"
        self._folder = folder
        self._server = server

    def open(self, header: JournalHeader, resume: bool | None = None) -> Journal:
        """Open it as `run_many` does."""
        return opened(self.location, header, resume)

    def content(self) -> bytes:
        """Return all that it holds."""
        if self._server is None:
            return b"".join(path.read_bytes() for path in self._folder.iterdir())
        client = self._server.client()
        name = name_of(self)
        values = [_value(client, key) for key in sorted(client.keys(f"*{name}*"))]
        client.close()
        return repr(values).encode()


def opened(location: str, header: JournalHeader, resume: bool | None = None) -> Journal:
    """Open a journal of either kind as `run_many` does."""
    place = check_journal(location)
    if isinstance(place, RedisJournalURL):
        return open_redis_journal(RedisConnection(place.url), place, header, resume)
    return open_journal(str(place), header, resume)


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
        connection.execute(f"UPDATE rows SET checksum = checksum_of({COLUMNS})")
        (total,) = connection.execute("SELECT sum(checksum) FROM rows").fetchone()
        _, mark = read_header(connection)
        write_mark(connection, str(mark._replace(commits=mark.commits + 1, rows=rows, total=total)))


def _value(client: Any, key: bytes) -> Any:
    match client.type(key):
        case b"hash":
            return sorted(client.hgetall(key).items())
        case b"zset":
            return client.zrange(key, 0, -1)
        case _:
            return client.get(key)


def name_of(place: JournalPlace) -> str:
    found = check_journal(place.location)
    assert isinstance(found, RedisJournalURL)
    return str(found.name)


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


def refusal(location: str, header: JournalHeader = HEADER, resume: bool | None = None) -> str:
    with pytest.raises(JournalError) as caught:
        opened(location, header, resume)
    assert REDIS_PASSWORD not in f"{caught.value!r} {caught.value.path}"
    assert REDIS_PASSWORD.encode() not in pickle.dumps(caught.value)
    return str(caught.value)


def counts(client: Fibonacci, workflow: str) -> dict[int, int]:
    """Return how many executions the rows have, as the emulator has recorded them."""
    found = client.executions.list(workflow_id=workflow, page_size=200)
    return Counter((each.inputs or {})["id"] for each in found)


@contextmanager
def another_process(open_it: Callable[[], Journal]) -> Generator[int]:
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


class Servers:
    """A server that a test ends and starts again.

    Args:
        server: The server.
    """

    def __init__(self, server: RedisServer) -> None:
        self.server = server
        self._stack = ExitStack()
        self.process = self._stack.enter_context(server.running())

    def kill(self) -> None:
        """End it as a crash does."""
        self.process.kill()
        self.process.wait()

    def start(self) -> None:
        """Start it again, with what it has kept."""
        self.process = self._stack.enter_context(self.server.running())

    def close(self) -> None:
        """End it."""
        self._stack.close()
