"""A shared window in Redis or Valkey, for processes on several machines. One script does what `SharedWindow` does."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

from fibonacci._core.lease_messages import LeaseMessage, LeaseReply, StoreError
from fibonacci._core.redaction import shown_url
from fibonacci._net.redis_client import FAILURES, check_url, failure, redis_client

# Seconds for connecting, and for a reply.
_TIMEOUT = 2.0
_FORMAT = 1


class RedisStore:
    """Keeps a shared window in Redis. Time is that of the Redis server, so that no machine's clock matters.

    Args:
        url: The URL of the server: `redis://`, `rediss://` or `unix://`. It may hold a password, which no text shows.
        name: The name of the window, which becomes that of the keys.

    Raises:
        ConfigurationError: If the URL names no server. The text does not show it, for it may hold a password.
    """

    def __init__(self, url: str, name: str) -> None:
        check_url(url, "rate_limiter")
        self._shown = shown_url(url)
        self._url = url
        self._keys = [f"fibonacci:{{{name}-{_FORMAT}}}:{part}" for part in ("window", "leases", "queue", "places")]
        self._script: Any = None
        self._has_worked = False

    def exchange(self, message: LeaseMessage, now: float | None = None) -> LeaseReply:
        """Carry out a message in one script.

        Args:
            message: The message.
            now: The time in seconds, for tests. Default: the time of the server.

        Raises:
            StoreError: If Redis cannot be reached, or refuses the script.
        """
        try:
            reply = self._run(json.dumps(message), *([] if now is None else [repr(now)]))
        except FAILURES as error:
            text, is_lasting = failure(error, self._url, has_worked=self._has_worked)
            raise StoreError(f"the rate limiter {self._shown} cannot be used: {text}", is_lasting=is_lasting) from None
        self._has_worked = True
        try:
            return _reply(reply)
        except (ValueError, TypeError, AttributeError):
            text = f"the rate limiter {self._shown} cannot be used: its replies are not those of Redis 5 or later"
            raise StoreError(text) from None

    def _run(self, *arguments: str) -> Any:
        if self._script is None:
            # A lost reply does no harm, so a new attempt is ours to make: in time for the call that waits.
            client = redis_client(self._url, _TIMEOUT)
            self._script = client.register_script(_script())
        return self._script(self._keys, arguments)


@cache
def _script() -> str:
    return files("fibonacci._net").joinpath("redis_window.lua").read_text("utf-8")


def _reply(values: Any) -> LeaseReply:
    epoch, granted, delay, is_fixed, limit, left, ends_in = values
    leases = [(name.decode(), float(at)) for name, at in zip(granted[::2], granted[1::2], strict=True)]
    return LeaseReply(epoch.decode(), leases, float(delay), is_fixed == 1, int(limit), int(left), float(ends_in))
