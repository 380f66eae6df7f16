"""Redaction of API keys in the logs of HTTP libraries.

It has a file of its own because loggers outlive modules: whatever is reachable from here survives until the last and
slowest pass of the interpreter's shutdown. With everything that `logs` imports, a short script ended a quarter later.
"""

from __future__ import annotations

import logging

from fibonacci._core.redaction import REDACTED

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


class _KeyFilter(logging.Filter):
    """Redacts the keys in use in the records of another library's logger."""

    def __init__(self) -> None:
        super().__init__()
        self._keys: dict[str, None] = {}

    def add(self, key: str) -> None:
        """Add a key, and drop the oldest."""
        self._keys[key] = None
        if len(self._keys) > _KEPT_KEYS:
            del self._keys[next(iter(self._keys))]

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact a record that holds a key, in its message or in a field that `extra=` has given it."""
        message = record.getMessage()
        for key in list(self._keys):
            if key in message:
                message = message.replace(key, REDACTED)
                record.msg, record.args = message, None
            for name, value in list(vars(record).items()):
                if isinstance(value, str) and key in value:
                    setattr(record, name, value.replace(key, REDACTED))
        return True


_filter = _KeyFilter()
for _name in _LOGGERS:
    logging.getLogger(_name).addFilter(_filter)


def redact_in_logs(api_key: str) -> None:
    """Redact a key in the logs of HTTP libraries from now on."""
    _filter.add(api_key)
