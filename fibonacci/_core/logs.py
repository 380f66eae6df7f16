"""The logger `fibonacci`: a line for each attempt and each retry, never a key, and no handler."""

from __future__ import annotations

import logging

from fibonacci._core.answer import Attempted, HTTPAnswer
from fibonacci._core.failures import describe
from fibonacci._core.redaction import REDACTED, redact

logger = logging.getLogger("fibonacci")
logger.addHandler(logging.NullHandler())

# httpcore logs the headers of answers; a server that echoes the key would put it there.
_CHATTY = ("httpcore.connection", "httpcore.http11", "httpcore.http2", "httpcore.proxy", "httpcore.socks")
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


def log_attempt(method: str, path: str, number: int, attempted: Attempted, api_key: str) -> None:
    """Log an attempt at DEBUG."""
    if logger.isEnabledFor(logging.DEBUG):
        result = describe(attempted)
        request_id = attempted.headers.get("x-request-id", "-") if isinstance(attempted, HTTPAnswer) else "-"
        logger.debug("%s %s: attempt %d: %s, request id %s", method, redact(path, api_key), number, result, request_id)


def log_retry(method: str, path: str, number: int, cause: str, wait: float, api_key: str | None) -> None:
    """Log at INFO that a call will be sent again."""
    logger.info("%s %s: attempt %d: %s; again in %.2f s", method, redact(path, api_key), number, cause, wait)


def protect(api_key: str) -> None:
    """Keep a key out of the logs of the libraries below."""
    _filter.learn(api_key)
