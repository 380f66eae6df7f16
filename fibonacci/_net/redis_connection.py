"""Commands to Redis or Valkey, several in one round trip."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fibonacci._core.lease_messages import StoreError
from fibonacci._net.redis_client import FAILURES, check_url, failure, redis_client

# Seconds for connecting, and for a reply: a server that syncs its disk each second replies a second later.
_TIMEOUT = 5.0


class RedisConnection:
    """Sends commands to a server. It connects with the first of them, and again after a failure; threads may share it.

    Args:
        url: The URL of the server: `redis://`, `rediss://` or `unix://`. It may hold a password, which no text shows.
        source: The argument that the URL comes from, for messages.

    Raises:
        ConfigurationError: If the URL names no server.
    """

    def __init__(self, url: str, source: str) -> None:
        check_url(url, source)
        self._url = url
        self._has_worked = False
        self._client: Any = redis_client(url, _TIMEOUT)

    def run(self, *commands: Sequence[object]) -> list[Any]:
        """Carry out commands on one connection, in one round trip, and return the reply to each.

        Raises:
            StoreError: If one of them was not carried out, or it is not known whether it was.
        """
        try:
            replies = self._run(commands)
        except FAILURES as error:
            text, is_lasting = failure(error, self._url, has_worked=self._has_worked)
            raise StoreError(text, is_lasting=is_lasting) from None
        self._has_worked = True
        return replies

    def _run(self, commands: Sequence[Sequence[object]]) -> list[Any]:
        if len(commands) == 1:  # which costs less processor time
            return [self._client.execute_command(*commands[0])]
        with self._client.pipeline(transaction=False) as pipeline:
            for command in commands:
                pipeline.execute_command(*command)
            replies: list[Any] = pipeline.execute(raise_on_error=False)
        for reply in replies:
            if isinstance(reply, Exception):
                raise reply
        return replies

    def close(self) -> None:
        """Close the connections. A further command opens another."""
        self._client.close()
