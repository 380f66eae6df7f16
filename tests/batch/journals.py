"""The kinds of journals, for tests that hold for each of them."""

from __future__ import annotations

import pickle
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from fibonacci import Fibonacci, JournalError, RunResult
from fibonacci._batch.journal import Journal
from fibonacci._batch.journal_files import open_journal
from fibonacci._batch.journal_location import RedisJournalURL, check_journal
from fibonacci._batch.journal_schema import JournalHeader
from fibonacci._batch.keys import key_in
from fibonacci._batch.redis_opening import open_redis_journal
from fibonacci._batch.row import Row
from fibonacci._net.redis_connection import RedisConnection
from fibonacci.models import Execution
from tests.kit.redis import RedisServer

KINDS = ("file", "redis")
REDIS_PASSWORD = "swordfish-7"
HEADER = JournalHeader("wf-1", "3", "column id")


class JournalPlace:
    """A place for a journal, which is new, and for itself.

    Args:
        folder: Where it is, in a file.
        server: The server that it is on instead.
    """

    def __init__(self, folder: Path, server: RedisServer | None = None) -> None:
        self.location: str = str(folder / "runs.db") if server is None else f"{server.url}?journal={uuid4().hex}"
        self._folder = folder
        self._server = server

    def open(self, header: JournalHeader) -> Journal:
        """Open it as `run_many` does."""
        return opened(self.location, header)

    def content(self) -> bytes:
        """Return all that it holds."""
        if self._server is None:
            return b"".join(path.read_bytes() for path in self._folder.iterdir())
        client = self._server.client()
        name = self.location.partition("=")[2]
        values = [_value(client, key) for key in client.keys(f"*{name}*")]
        client.close()
        return repr(values).encode()


def opened(location: str, header: JournalHeader) -> Journal:
    """Open a journal of either kind as `run_many` does."""
    place = check_journal(location)
    if isinstance(place, RedisJournalURL):
        return open_redis_journal(RedisConnection(place.url, "journal"), place, header)
    return open_journal(str(place), header)


def _value(client: Any, key: bytes) -> Any:
    match client.type(key):
        case b"hash":
            return client.hgetall(key)
        case b"zset":
            return client.zrange(key, 0, -1)
        case _:
            return client.get(key)


def name_of(place: JournalPlace) -> str:
    return place.location.partition("=")[2]


def row(number: int) -> Row:
    made = Row(number, f"k{number}", {"n": number}, f'{{"n":{number}}}')
    made.intend(1_000.0)
    return made


def completed(of: Row) -> RunResult:
    """Return the result of a row whose execution has completed."""
    execution = Execution.model_validate({"execution_id": f"exec_{of.index}", "status": "completed", "outputs": {}})
    key = key_in(of.key)
    return RunResult(index=of.index, key=key, inputs=of.inputs, execution=execution, error=None, status="completed")


def refusal(location: str, header: JournalHeader = HEADER) -> str:
    with pytest.raises(JournalError) as caught:
        opened(location, header)
    assert REDIS_PASSWORD not in f"{caught.value!r} {caught.value.path}"
    assert REDIS_PASSWORD.encode() not in pickle.dumps(caught.value)
    return str(caught.value)


def counts(client: Fibonacci, workflow: str) -> dict[int, int]:
    """Return how many executions the rows have, as the emulator has recorded them."""
    found = client.executions.list(workflow_id=workflow, page_size=200)
    return Counter((each.inputs or {})["id"] for each in found)


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
