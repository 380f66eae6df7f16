"""The kinds of journals, for tests that hold for each of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

from fibonacci._batch.journal import Journal
from fibonacci._batch.journal_files import open_journal
from fibonacci._batch.journal_location import RedisJournalURL, check_journal
from fibonacci._batch.journal_schema import JournalHeader
from fibonacci._batch.redis_opening import open_redis_journal
from fibonacci._net.redis_connection import RedisConnection
from tests.kit.redis import RedisServer

KINDS = ("file", "redis")


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
