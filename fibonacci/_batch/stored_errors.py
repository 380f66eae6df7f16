"""Errors of rows as JSON, in which the journal has them."""

from __future__ import annotations

import json
from typing import Any

from fibonacci import errors
from fibonacci._core.json_types import is_object
from fibonacci.errors import ExecutionFailedError, FibonacciError
from fibonacci.models.execution_failure import execution_error
from fibonacci.models.executions import Execution

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
