"""The starts of a row, their errors, and what the error of one means for the others; how journals have both."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Literal

from fibonacci import errors
from fibonacci._core.json_types import is_object
from fibonacci.errors import (
    APIConnectionError,
    APIError,
    APIStatusError,
    AuthenticationError,
    ExecutionFailedError,
    FibonacciError,
    NotFoundError,
    PermissionDeniedError,
    QuotaExceededError,
    RateLimitError,
    ServerError,
)
from fibonacci.models.executions import Execution, execution_error
from fibonacci.models.run_results import RunAttempt


def attempt(execution_id: str | None, status: str, intended_at: float, version: str | None) -> RunAttempt:
    """Return a start of a row.

    Args:
        execution_id: The id of its execution; None or empty where none is known.
        status: What has become of it.
        intended_at: The Unix time of the intent, on the platform's clock.
        version: The version of the workflow that it ran; None where that is not known.
    """
    started_at = datetime.fromtimestamp(intended_at, UTC)
    return RunAttempt(execution_id=execution_id or None, status=status, started_at=started_at, version=version)


def attempts_text(attempts: tuple[RunAttempt, ...]) -> str | None:
    """Return starts as JSON; None for none."""
    if not attempts:
        return None
    return json.dumps(
        [
            [attempt.execution_id, attempt.status, attempt.started_at.timestamp(), attempt.version]
            for attempt in attempts
        ]
    )


def attempts_in(text: str | None) -> tuple[RunAttempt, ...]:
    """Return the starts of which `attempts_text` made a text."""
    return () if text is None else tuple(attempt(*values) for values in json.loads(text))


StartOutcome = Literal["unknown", "quota", "again", "row", "all"]
"""`unknown`: it may have been carried out. `quota`: a quota refused it. `again`: nothing was started, and later it may
be. `row`: the platform refuses this row. `all`: it would refuse every row."""

_SAME_FOR_ALL = (AuthenticationError, PermissionDeniedError, NotFoundError)


def start_outcome(error: BaseException) -> StartOutcome:
    """Return what an error means."""
    if getattr(error, "outcome_unknown", False):
        return "unknown"
    if isinstance(error, QuotaExceededError):
        return "quota"
    if isinstance(error, RateLimitError | APIConnectionError | ServerError):
        return "again"
    if isinstance(error, APIStatusError) and not isinstance(error, _SAME_FOR_ALL):
        return "row"
    if isinstance(error, TypeError | ValueError) and not isinstance(error, FibonacciError):
        return "row"
    # A cancellation may come while the request is on its way.
    return "all" if isinstance(error, Exception) else "unknown"


def is_transient(error: BaseException) -> bool:
    """Whether a request that only reads may succeed later."""
    return isinstance(error, APIConnectionError | RateLimitError | QuotaExceededError | ServerError) or (
        isinstance(error, APIError) and not isinstance(error, APIStatusError)
    )


_BUILT_IN: dict[str, type[Exception]] = {"TypeError": TypeError, "ValueError": ValueError}
_KEPT = (
    *("code", "method", "path", "attempts", "elapsed", "request_id", "idempotency_key", "outcome_unknown"),
    *("status_code", "retry_after"),
)


def error_text(error: Exception | None) -> str | None:
    """Return an error as JSON; None for that of an execution, which has the reason itself."""
    if error is None or isinstance(error, ExecutionFailedError):
        return None
    fields: dict[str, Any] = {"type": type(error).__name__, "message": str(error)}
    if isinstance(error, FibonacciError):
        fields["message"] = error.message
        fields["details"] = list(error.details)
        fields |= {name: vars(error)[name] for name in _KEPT if vars(error).get(name) is not None}
    return json.dumps(fields, default=str)


def error_in(text: str | None, execution: Execution | None) -> Exception | None:
    """Return the error of a row from the journal; None for a row that has succeeded."""
    fields: object = None if text is None else json.loads(text)
    if is_object(fields):
        return _rebuilt(fields)
    return None if execution is None or execution.succeeded else execution_error(execution)


def _rebuilt(fields: dict[str, Any]) -> Exception:
    name, message = str(fields["type"]), str(fields["message"])
    if name in _BUILT_IN:
        return _BUILT_IN[name](message)
    kind = getattr(errors, name, None) if name in errors.__all__ else None
    if not isinstance(kind, type) or not issubclass(kind, errors.APIError):
        return FibonacciError(message if kind is not None else f"{name}: {message}")
    error = kind(message, details=fields.get("details", ()))
    vars(error).update({name: fields[name] for name in _KEPT if name in fields})
    return error
