"""The client of a Redis server: its URL, its certificate, and what its errors mean. This file alone names redis-py."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from fibonacci._core.redaction import shown_url
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
    raise ImportError(
        "a rate_limiter or journal that is the URL of a Redis server needs redis-py: pip install 'fibonacci-sdk[redis]'"
    ) from error

FAILURES: Final = (RedisError, OSError, ValueError)
"""What redis-py raises when a command cannot be carried out."""

_redis: Any = redis  # whose types are partly unknown
# What another try does not change.
_LASTING = (AuthenticationError, AuthorizationError, NoPermissionError, UnicodeError)
# Seconds to find out whether a server speaks at all.
_PROBE = 1.0
_FILES = ("ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_keyfile")
_REMEDY: Final = "name the file of its authority by ?ssl_ca_certs= in the URL, or by SSL_CERT_FILE"


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
            f"{source}: the URL of the Redis server cannot be read; it is like redis://:password@host:6379/0,"
            " and has @, / and : in a password percent-encoded"
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
    """Return the text of a failure, without a password, and whether another try does not change it.

    Args:
        error: What redis-py has raised.
        url: The URL of the server.
        has_worked: Whether a command was carried out before. Then a server that accepts no writes is being replaced by
            its replica, and will be another one soon.
    """
    causes = list(_causes(error))
    if any(isinstance(each, ssl.SSLCertVerificationError) for each in causes):
        return f"{error}: {_REMEDY}", True
    text = str(error)
    if isinstance(error, ReadOnlyError):
        return f"the server is a replica, which accepts no writes; name its primary ({text})", not has_worked
    if isinstance(error, AuthenticationError) and ("HELLO" in text or "required" in text):
        return "the server asks for a password, and the URL has none: redis://:password@host:6379/0", True
    if isinstance(error, AuthenticationError):
        return f"the server does not accept the user and password of the URL ({text})", True
    if isinstance(error, ResponseError) and "DB index" in text:
        return f"the server has no database of the number at the end of the URL ({text})", True
    if any("handshake operation timed out" in str(each) for each in causes) and _speaks_without_tls(url):
        return "the server does not speak TLS on this port: the URL should begin with redis://", True
    is_lasting = any(isinstance(each, _LASTING) or _is_about_tls(each) for each in causes)
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
    """Whether the two sides cannot agree on TLS; a connection that ends during it is none of these."""
    ended = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError, TimeoutError)
    return isinstance(error, ssl.SSLError) and not isinstance(error, ended)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
