"""The logger `fibonacci`: a line for each attempt, each retry and each wait, never a key, and no handler."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fibonacci._core.error_mapping import describe
from fibonacci._core.json_bodies import is_object
from fibonacci._core.response import APIResponse, AttemptResult, request_id_in
from fibonacci._texts.logging import client_logger, log
from fibonacci._texts.redaction import redact_url

if TYPE_CHECKING:
    from logging import Logger

    from fibonacci._core.call import Call
    from fibonacci.models.workflows import Workflow

_DEBUG: Final = 10
_INFO: Final = 20
_WARNING: Final = 30

_is_switch_logged = False


def log_attempt(call: Call) -> None:
    """Log an attempt that has ended at DEBUG."""
    if logger := client_logger(_DEBUG):
        values = call.attempts, describe(call.result), _request_id(call.result) or "-"
        _log(logger, _DEBUG, "attempt %d: %s, request id %s", *values, call=call, result=call.result)


def log_retry(call: Call, delay: float) -> None:
    """Log the retry of an attempt at INFO."""
    if logger := client_logger(_INFO):
        values = call.attempts, describe(call.result), delay
        _log(logger, _INFO, "attempt %d: %s; retry in %.2f s", *values, call=call, result=call.result)


def log_wait(call: Call, attempt: int, wait: str, *, is_long: bool) -> None:
    """Log a wait of an attempt before its request is sent at INFO, or a long one at WARNING."""
    level = _WARNING if is_long else _INFO
    if logger := client_logger(level):
        _log(logger, level, "waiting %s", wait, call=call, attempt=attempt)


def log_switch(replaced: str) -> None:
    """Log at WARNING, once in a process, that calls go through httpx although nobody has asked for it.

    Args:
        replaced: The function of httpx or httpcore that a tool has replaced.
    """
    global _is_switch_logged
    if not _is_switch_logged and (logger := client_logger(_WARNING)):
        _is_switch_logged = True
        log(
            logger,
            _WARNING,
            "calls go through httpx while a tool has replaced %s, so that the tool sees them. To choose, pass"
            ' transport="httpx", or "socket" for connections that the tool doesn\'t see, or set'
            " FIBONACCI_TRANSPORT",
            replaced,
        )


def log_workflow(workflow: Workflow, done: str) -> None:
    """Log at INFO what was done to a workflow by its name."""
    if logger := client_logger(_INFO):
        log(logger, _INFO, "workflow %s (%s) was %s", repr(workflow.name), workflow.id, done)


def log_journal(path: str, text: str, *, is_warning: bool = False) -> None:
    """Log what a user should know about a journal: a wait at INFO, a danger at WARNING.

    Args:
        path: The path of the journal.
        text: The text, as the end of a sentence that the path begins.
        is_warning: Whether it is a danger.
    """
    level = _WARNING if is_warning else _INFO
    if logger := client_logger(level):
        log(logger, level, "journal %s %s", path, text)


def _log(
    logger: Logger,
    level: int,
    text: str,
    *args: object,
    call: Call,
    attempt: int | None = None,
    result: AttemptResult | None = None,
) -> None:
    method, path = call.request.method, redact_url(call.request.path, call.api_key).partition("?")[0]
    log(
        logger,
        level,
        f"%s %s: {text}",
        *(method, path, *args),
        method=method,
        path=path,
        status=result.status if isinstance(result, APIResponse) else None,
        attempt=call.attempts if attempt is None else attempt,
        elapsed=call.elapsed,
        request_id=_request_id(result),
        execution_id=_started_execution(result) if path.endswith("/execute") else None,
    )


def _request_id(result: AttemptResult | None) -> str | None:
    if not isinstance(result, APIResponse):
        return None
    return result.request_id or request_id_in(result.readable_body)


def _started_execution(result: AttemptResult | None) -> str | None:
    """Return the ID of the execution that a response to `execute` states."""
    body = result.readable_body if isinstance(result, APIResponse) else None
    data = body.get("data", body) if is_object(body) else None
    execution_id = (data.get("execution_id") or data.get("id")) if is_object(data) else None
    return execution_id if isinstance(execution_id, str) else None
