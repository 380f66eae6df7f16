"""Redis and Valkey: the client of a server, its errors, and a shared window."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from fibonacci._core.shared_limits import StoreError
from fibonacci._core.stored_window import WindowMessage, WindowReply
from fibonacci._texts.redaction import shown_url
from fibonacci.errors import ConfigurationError

try:
    import redis
    from redis.backoff import NoBackoff
    from redis.exceptions import (
        AuthenticationError,
        AuthorizationError,
        NoPermissionError,
        ReadOnlyError,
        RedisError,
        ResponseError,
    )
    from redis.retry import Retry
except ImportError as error:
    raise ImportError("a rate_limiter on a Redis server needs redis-py: pip install 'fibonacci-sdk[redis]'") from error

FAILURES: Final = (RedisError, OSError, ValueError)
"""What redis-py raises when a command can't be carried out."""

_redis: Any = redis  # whose types are partly unknown
# What another try does not change.
_LASTING = (AuthenticationError, AuthorizationError, NoPermissionError, UnicodeError)
# Seconds to find out whether a server speaks at all.
_PROBE = 1.0
_FILES = ("ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_keyfile")
_REMEDY: Final = "name the file of its CA with ?ssl_ca_certs= in the URL, or with SSL_CERT_FILE"


def check_url(url: str, source: str) -> None:
    """Check that a URL names a server. It does no I/O, but to look for the files of certificates.

    Args:
        url: The URL: `redis://`, `rediss://` or `unix://`. It may hold a password, which no text shows.
        source: The argument that it comes from.

    Raises:
        ConfigurationError: If it names none, or a file that is missing.
    """
    try:
        pool = _redis.ConnectionPool.from_url(url)
        pool.connection_class(**pool.connection_kwargs)  # which takes the options
        shown_url(url)
    except (ValueError, TypeError, RedisError):
        raise ConfigurationError(
            f"{source}: the URL of the Redis server is not valid. It looks like redis://:password@host:6379/0, with "
            "@, / and : in the password percent-encoded"
        ) from None
    options = parse_qs(urlsplit(url).query)
    for name in _FILES:
        for path in options.get(name, ()):
            if not Path(path).exists():
                raise ConfigurationError(f"{source}: the URL of the Redis server has {name}={path}, which is missing")


def redis_client(url: str, timeout: float) -> Any:
    """Return a client of redis-py. It tries nothing twice: when to try again is for the caller to decide.

    Args:
        url: The URL.
        timeout: Seconds for connecting, and for a reply.
    """
    options: dict[str, Any] = {}
    if url.startswith("rediss://") and "none" not in parse_qs(urlsplit(url).query).get("ssl_cert_reqs", ()):
        options["ssl_check_hostname"] = True  # which redis-py 5 does not do by itself
    return _redis.Redis.from_url(
        url, socket_timeout=timeout, socket_connect_timeout=timeout, retry=Retry(NoBackoff(), 0), **options
    )


def failure(error: Exception, url: str, *, has_worked: bool) -> tuple[str, bool]:
    """Return the text of a failure, without a password, and whether another try doesn't change it.

    Args:
        error: What redis-py has raised.
        url: The URL of the server.
        has_worked: Whether a command was carried out before. Then a server that accepts no writes is being replaced by
            its replica, and will be another one soon.
    """
    causes = list(_causes(error))
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        return f"{error}: {_REMEDY}", True
    text = str(error)
    if isinstance(error, ReadOnlyError):
        return f"the server is a replica, which accepts no writes: use the URL of its primary ({text})", not has_worked
    if isinstance(error, AuthenticationError) and ("HELLO" in text or "required" in text):
        return "the server asks for a password, and the URL has none: redis://:password@host:6379/0", True
    if isinstance(error, AuthenticationError):
        return f"the server rejects the user and password in the URL ({text})", True
    if isinstance(error, ResponseError) and "DB index" in text:
        return f"the server has no database with the number at the end of the URL ({text})", True
    if any("handshake operation timed out" in str(cause) for cause in causes) and _speaks_without_tls(url):
        return "the server does not use TLS on this port: the URL should begin with redis://", True
    is_lasting = any(isinstance(cause, _LASTING) or _is_about_tls(cause) for cause in causes)
    return text, is_lasting


def _speaks_without_tls(url: str) -> bool:
    """Whether a server replies to a command without TLS. To TLS it would say nothing, as to half a command."""
    parts = urlsplit(url)
    try:
        with socket.create_connection((parts.hostname or "", parts.port or 6379), _PROBE) as plain:
            plain.sendall(b"PING\r\n")
            return plain.recv(1) in (b"+", b"-")
    except OSError:
        return False


def _is_about_tls(error: BaseException) -> bool:
    """Whether the two sides can't agree on TLS; a connection that ends during it is none of these."""
    ended = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError, TimeoutError)
    return isinstance(error, ssl.SSLError) and not isinstance(error, ended)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


# Seconds for connecting, and for a reply.
_TIMEOUT = 2.0
_FORMAT = 2


class RedisStore:
    """Keeps a shared window in Redis. Time is that of the Redis server, so that no machine's clock matters.

    Args:
        url: The URL of the server: `redis://`, `rediss://` or `unix://`. It may hold a password, which no text shows.
        name: The name of the window, which becomes that of the keys.

    Raises:
        ConfigurationError: If the URL names no server. The text doesn't show it, for it may hold a password.
    """

    def __init__(self, url: str, name: str) -> None:
        check_url(url, "rate_limiter")
        self._shown = shown_url(url)
        self._url = url
        self._keys = [f"fibonacci:{name}-{_FORMAT}"]
        self._script: Any = None
        self._has_worked = False

    def exchange(self, message: WindowMessage, now: float | None = None) -> WindowReply:
        """Carry out a message in one script.

        Args:
            message: The message.
            now: The time in seconds, for tests. Default: the time of the server.

        Raises:
            StoreError: If Redis can't be reached, or refuses the script.
        """
        try:
            if self._script is None:
                self._script = redis_client(self._url, _TIMEOUT).register_script(_script())
            arguments = [json.dumps(message)] if now is None else [json.dumps(message), repr(now)]
            reply = WindowReply(*json.loads(self._script(self._keys, arguments)))
        except FAILURES as error:
            text, is_lasting = failure(error, self._url, has_worked=self._has_worked)
            raise StoreError(f"the rate limiter {self._shown} cannot be used: {text}", is_lasting=is_lasting) from None
        self._has_worked = True
        return reply


@cache
def _script() -> str:
    return files("fibonacci._net").joinpath("redis_window.lua").read_text("utf-8")
