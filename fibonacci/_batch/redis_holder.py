"""The run that has a journal in Redis, as seen by another process, on any machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fibonacci._batch.journal_errors import journal_error
from fibonacci._batch.journal_holder import JournalHolder
from fibonacci._batch.redis_commands import RedisCommands, opening_error
from fibonacci._batch.redis_records import keys_of
from fibonacci._batch.redis_scripts import HOLDER, STOP
from fibonacci._core.lease_messages import StoreError


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
            raise journal_error(self._path, "is not on its server: check its name, as in redis://host/0?journal=NAME")
        return None if run is None else JournalHolder(run.decode(), (process or b"").decode())
