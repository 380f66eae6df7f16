"""The logger `fibonacci`: a line for each attempt, each retry and each wait, never a key, and no handler."""

from __future__ import annotations

import logging

from fibonacci._core.error_mapping import describe
from fibonacci._core.redaction import redact
from fibonacci._core.response import APIResponse, AttemptResult

logger = logging.getLogger("fibonacci")
logger.addHandler(logging.NullHandler())


def log_attempt(method: str, path: str, number: int, result: AttemptResult, api_key: str) -> None:
    """Log an attempt at DEBUG."""
    if logger.isEnabledFor(logging.DEBUG):
        request_id = (result.request_id or "-") if isinstance(result, APIResponse) else "-"
        outcome = describe(result)
        logger.debug("%s %s: attempt %d: %s, request id %s", method, redact(path, api_key), number, outcome, request_id)


def log_retry(method: str, path: str, number: int, cause: str, delay: float, api_key: str) -> None:
    """Log a retry at INFO."""
    logger.info("%s %s: attempt %d: %s; retry in %.2f s", method, redact(path, api_key), number, cause, delay)


def log_wait(method: str, path: str, wait: str, api_key: str) -> None:
    """Log a wait before a request is sent at INFO."""
    logger.info("%s %s: waiting %s", method, redact(path, api_key), wait)
