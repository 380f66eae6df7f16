"""The logger `fibonacci`: a line for each attempt and each retry, never a key, and no handler."""

from __future__ import annotations

import logging

from fibonacci._core.error_mapping import describe
from fibonacci._core.redaction import redact
from fibonacci._core.response import APIResponse, AttemptResult

logger = logging.getLogger("fibonacci")
logger.addHandler(logging.NullHandler())


def log_attempt(method: str, path: str, number: int, attempted: AttemptResult, api_key: str) -> None:
    """Log an attempt at DEBUG."""
    if logger.isEnabledFor(logging.DEBUG):
        result = describe(attempted)
        request_id = attempted.headers.get("x-request-id", "-") if isinstance(attempted, APIResponse) else "-"
        logger.debug("%s %s: attempt %d: %s, request id %s", method, redact(path, api_key), number, result, request_id)


def log_retry(method: str, path: str, number: int, cause: str, wait: float, api_key: str | None) -> None:
    """Log at INFO that a call will be sent again."""
    logger.info("%s %s: attempt %d: %s; again in %.2f s", method, redact(path, api_key), number, cause, wait)
