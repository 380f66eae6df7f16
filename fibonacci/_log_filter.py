"""Redaction of API keys in the logs of HTTP libraries, and in what the platform echoes.

It has a file of its own because loggers outlive modules: whatever is reachable from here survives until the last and
slowest pass of the interpreter's shutdown. With everything that `logs` imports, a short script ended a quarter later.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from fibonacci._redaction import REDACTED, redact_json

if TYPE_CHECKING:
    from logging import LogRecord


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
