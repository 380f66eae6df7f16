"""A shared window in Redis or Valkey."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

from fibonacci._core.shared_limits import StoreError
from fibonacci._core.stored_window import WindowMessage, WindowReply
from fibonacci._texts.redaction import shown_url
from fibonacci.errors import ConfigurationError

try:
    import redis
    from redis.backoff import NoBackoff
    from redis.exceptions import AuthenticationError, ReadOnlyError, RedisError, ResponseError
    from redis.retry import Retry
except ImportError as error:
    raise ImportError("a rate_limiter on a Redis server needs redis-py: pip install 'fibonacci-sdk[redis]'") from error

_redis: Any = redis  # whose types are partly unknown
# Seconds for connecting, and for a reply.
_TIMEOUT = 2.0
_FORMAT = 3
_REFUSALS = (AuthenticationError, ResponseError)


class RedisStore:
    """Keeps a shared window in Redis. Time is that of the Redis server, so that no machine's clock matters.

    Args:
        url: The URL of the server: `redis://`, `rediss://` or `unix://`. It may hold a password, which no text shows.
        name: The name of the window and of its key.

    Raises:
        ConfigurationError: If the URL names no server.
    """

    def __init__(self, url: str, name: str) -> None:
        tls = {"ssl_check_hostname": "ssl_cert_reqs=none" not in url} if url.startswith("rediss:") else {}
        try:
            # When to try again is for the caller to decide.
            options = {"socket_timeout": _TIMEOUT, "socket_connect_timeout": _TIMEOUT, "retry": Retry(NoBackoff(), 0)}
            client = _redis.Redis.from_url(url, **options, **tls)
            pool = client.connection_pool
            pool.connection_class(**pool.connection_kwargs)  # checks the options
            self._shown = shown_url(url)
        except (ValueError, TypeError, RedisError):
            raise ConfigurationError(
                "rate_limiter: the URL of the Redis server is not valid. It looks like redis://:password@host:6379/0, "
                "with @, / and : in the password percent-encoded"
            ) from None
        self._key = f"fibonacci:{name}-{_FORMAT}"
        self._run_script = client.register_script(_script())

    def exchange(self, message: WindowMessage, now: float | None = None) -> WindowReply:
        """Carry out a message in one script.

        Args:
            message: The message.
            now: The time in seconds, for tests. Default: the time of the server.

        Raises:
            StoreError: If Redis can't be reached, or refuses the script.
        """
        arguments = [json.dumps(message)] if now is None else [json.dumps(message), repr(now)]
        try:
            return WindowReply(*json.loads(self._run_script([self._key], arguments)))
        except (RedisError, OSError, ValueError) as error:
            text, is_untrusted = str(error), "CERTIFICATE_VERIFY_FAILED" in str(error)
            if is_untrusted:
                text += ": name the file of its CA with ?ssl_ca_certs= in the URL, or with SSL_CERT_FILE"
            # A replica may be the primary's successor, to which the name of the server leads before long.
            is_refused = isinstance(error, _REFUSALS) and not isinstance(error, ReadOnlyError)
            text = f"the rate limiter {self._shown} cannot be used: {text}"
            raise StoreError(text, is_lasting=is_refused or is_untrusted) from None


@cache
def _script() -> str:
    return files("fibonacci._net").joinpath("redis_window.lua").read_text("utf-8")
