"""Keeps keys out of the logs of the libraries below.

It has a file of its own because loggers outlive modules: what can be reached from here is still there when the
interpreter has cleared the rest, and is taken apart by its slowest pass. With all that `logs` imports, the end of a
short script took a quarter longer.
"""

from __future__ import annotations

import logging

from fibonacci._core.redaction import REDACTED

# The libraries of a client that is given log the headers of answers; a server that echoes the key would put it there.
_CHATTY = (
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
    """Takes the keys in use out of the records of another library's logger."""

    def __init__(self) -> None:
        super().__init__()
        self._keys: dict[str, None] = {}

    def learn(self, key: str) -> None:
        """Remember a key, and forget the oldest."""
        self._keys[key] = None
        if len(self._keys) > _KEPT_KEYS:
            del self._keys[next(iter(self._keys))]

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite a record that holds a key."""
        message = record.getMessage()
        if any(key in message for key in list(self._keys)):
            for key in list(self._keys):
                message = message.replace(key, REDACTED)
            record.msg, record.args = message, None
        return True


_filter = _KeyFilter()
for _name in _CHATTY:
    logging.getLogger(_name).addFilter(_filter)


def protect(api_key: str) -> None:
    """Keep a key out of the logs of the libraries below."""
    _filter.learn(api_key)
