"""Logging: records with the SDK's fields, so that a formatter may name them, and no API key in what HTTP libraries log.

The client and the emulator, which share nothing else, both log with it. Text from others is one line without control
characters in a record, because a model's line break would look like a new record.

This is a separate file because loggers outlive modules. Whatever is reachable from here survives until the last and
slowest pass of the interpreter's shutdown. With everything that `logs` imports, a short script took a quarter longer to
end.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from fibonacci._texts.redaction import REDACTED, redact_json
from fibonacci._texts.text import printable_line

if TYPE_CHECKING:
    from logging import Logger, LogRecord


_WARNING: Final = 30
_client_logger: Logger | None = None


def client_logger(level: int) -> Logger | None:
    """Return the logger `fibonacci` if a record of the level would be read by anybody. It gets no handler.

    A program that hasn't imported `logging` reads nothing but warnings, which Python writes to stderr. To import it for
    other records would take 2 ms of the first call.
    """
    global _client_logger
    if _client_logger is None and (level >= _WARNING or "logging" in sys.modules):
        import logging

        _client_logger = logging.getLogger("fibonacci")
    return _client_logger if _client_logger is not None and _client_logger.isEnabledFor(level) else None


def log(
    logger: Logger,
    level: int,
    text: str,
    *args: object,
    with_exception: bool = False,
    method: str | None = None,
    path: str | None = None,
    status: int | None = None,
    attempt: int | None = None,
    elapsed: float | None = None,
    request_id: str | None = None,
    execution_id: str | None = None,
) -> None:
    """Log a record whose fields are None where they aren't known.

    Args:
        logger: The logger.
        level: The level of the record.
        text: The message.
        args: The arguments of the message.
        with_exception: Whether to add the exception that is being handled.
        method: The HTTP method.
        path: The path of the request, without its query.
        status: The HTTP status.
        attempt: The number of the attempt, from 1.
        elapsed: Seconds since the call began.
        request_id: The ID that the platform gave the request.
        execution_id: The ID of the execution. Taken from the path if the path has one.
    """
    if not logger.isEnabledFor(level):
        return
    fields = {
        "method": method,
        "path": None if path is None else path.partition("?")[0],
        "status": status,
        "attempt": attempt,
        "elapsed": elapsed,
        "request_id": _safe(request_id),
        "execution_id": _safe(execution_id or _execution_id(path or "")),
    }
    file, line, function, _ = logger.findCaller(stacklevel=2)
    error = sys.exc_info() if with_exception else None
    record = logger.makeRecord(logger.name, level, file, line, text, tuple(map(_safe, args)), error, function)
    # Not `extra=`: where the application's record factory sets a `request_id` of its own, that is a KeyError.
    vars(record).update({name: value for name, value in fields.items() if name not in vars(record)})
    logger.handle(record)


def _safe(value: object) -> object:
    return printable_line(str(value)) if isinstance(value, str | Exception) else value


def _execution_id(path: str) -> str | None:
    rest = path.partition("?")[0].partition("/executions/")[2]
    return unquote(rest.partition("/")[0]) or None


# httpx and httpcore log response headers, where a server that echoes the key would put it.
_LOGGERS = (
    "httpx",
    "httpx2",
    *(
        f"{library}.{part}"
        for library in ("httpcore", "httpcore2")
        for part in ("connection", "http11", "http2", "proxy", "socks")
    ),
)
_KEPT_KEYS = 64


class _KeyFilter:
    """Redacts the keys in use in the records of other libraries' loggers."""

    def __init__(self) -> None:
        self._keys: dict[str, None] = {}
        self._is_installed = False

    @property
    def keys(self) -> list[str]:
        """The keys in use."""
        return list(self._keys)

    def add(self, key: str) -> None:
        """Add a key, and drop the oldest."""
        if not (self._is_installed and key in self._keys):
            self._add(key)

    def _add(self, key: str) -> None:
        self._keys[key] = None
        if len(self._keys) > _KEPT_KEYS:
            del self._keys[next(iter(self._keys))]
        if not self._is_installed and "logging" in sys.modules:  # else there are no records: see `logs`
            self._install()

    def _install(self) -> None:
        import logging

        for name in _LOGGERS:
            logging.getLogger(name).addFilter(self.filter)
        self._is_installed = True

    def filter(self, record: LogRecord) -> bool:
        """Redact a record that holds a key, in its message or in a field that `extra=` has given it."""
        message = record.getMessage()
        for key in self.keys:
            if key in message:
                message = message.replace(key, REDACTED)
                record.msg, record.args = message, None
            for name, value in list(vars(record).items()):
                if isinstance(value, str) and key in value:
                    setattr(record, name, value.replace(key, REDACTED))
        return True


_filter = _KeyFilter()


def redact_in_logs(api_key: str) -> None:
    """Redact a key in the logs of HTTP libraries from now on."""
    _filter.add(api_key)


def redact_keys_in_use(value: Any) -> Any:
    """Return decoded JSON without the keys that the clients of this process have used."""
    for key in _filter.keys:
        value = redact_json(value, key)
    return value
