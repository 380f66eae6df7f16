"""What a journal keeps of each row: its starts, its result, their errors and its candidates."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import cache
from typing import Any, Literal, NamedTuple

from pydantic import TypeAdapter

from fibonacci import errors
from fibonacci._batch.rows import Row, key_in
from fibonacci._core.json_bodies import is_object
from fibonacci._core.retry import is_final
from fibonacci.errors import (
    APIStatusError,
    AuthenticationError,
    ExecutionFailedError,
    FibonacciError,
    NotFoundError,
    PermissionDeniedError,
    QuotaExceededError,
)
from fibonacci.models._reading import read_model
from fibonacci.models.executions import Execution, execution_error
from fibonacci.models.run_results import UNKNOWN, RunAttempt, RunResult


def attempt(
    execution_id: str | None, status: str, intended_at: float, version: str | None, settled_at: float | None = None
) -> RunAttempt:
    """Return a start of a row.

    Args:
        execution_id: The ID of its execution. None or empty if none is known.
        status: What became of it.
        intended_at: The Unix time of the intent, on the platform's clock.
        version: The version of the workflow that it ran. None if that isn't known.
        settled_at: The Unix time at which a person decided what became of it. None if nobody has.
    """
    return RunAttempt(
        execution_id=execution_id or None,
        status=status,
        started_at=datetime.fromtimestamp(intended_at, UTC),
        version=version,
        settled_at=None if settled_at is None else datetime.fromtimestamp(settled_at, UTC),
    )


@cache
def _attempts() -> TypeAdapter[tuple[RunAttempt, ...]]:
    return TypeAdapter(tuple[RunAttempt, ...])


def attempts_text(attempts: tuple[RunAttempt, ...]) -> str | None:
    """Return starts as JSON, or None for none."""
    return _attempts().dump_json(attempts).decode() if attempts else None


def attempts_in(text: str | None) -> tuple[RunAttempt, ...]:
    """Return the starts in a text that `attempts_text` made."""
    return () if text is None else _attempts().validate_json(text)


def candidate_facts(candidate: Execution) -> dict[str, Any]:
    """Return what a person needs to know about a candidate, as JSON values."""
    created_at = None if candidate.created_at is None else candidate.created_at.isoformat()
    return {"id": candidate.id, "status": candidate.status, "created_at": created_at}


def candidates_in(text: str | None) -> tuple[Execution, ...]:
    """Return the candidates in a JSON text of their facts."""
    return () if text is None else tuple(read_model(Execution, each) for each in json.loads(text))


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
    if not is_final(error, after_success=True):  # the workflow was read before
        return "again"
    if isinstance(error, APIStatusError) and not isinstance(error, _SAME_FOR_ALL):
        return "row"
    if isinstance(error, TypeError | ValueError) and not isinstance(error, FibonacciError):
        return "row"
    # A cancellation may come while the request is on its way.
    return "all" if isinstance(error, Exception) else "unknown"


_BUILT_IN: dict[str, type[Exception]] = {"TypeError": TypeError, "ValueError": ValueError}
_KEPT = (
    *("code", "method", "path", "attempts", "elapsed", "request_id", "idempotency_key", "outcome_unknown"),
    *("status_code", "retry_after"),
)


def error_text(error: Exception | None) -> str | None:
    """Return an error as JSON, or None for that of an execution, which has the reason itself."""
    if error is None or isinstance(error, ExecutionFailedError):
        return None
    fields: dict[str, Any] = {"type": type(error).__name__, "message": str(error)}
    if isinstance(error, FibonacciError):
        fields["message"] = error.message
        fields["details"] = list(error.details)
        fields |= {name: vars(error)[name] for name in _KEPT if vars(error).get(name) is not None}
    return json.dumps(fields, default=str)


def error_in(text: str | None, execution: Execution | None) -> Exception | None:
    """Return the error of a row from the journal, or None for a row that has succeeded."""
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


class JournalEntry(NamedTuple):
    """What a journal has of a row, in the order of its columns.

    Attributes:
        number: Its number, from 1, in the order of the first intents.
        key: Its key as text.
        row_index: The index of the row when it was written.
        digest: The digest of its inputs. Empty if they had no JSON form.
        inputs: The inputs in JSON. If they have no JSON form, what a person can read of them, or None.
        idempotency_key: That of the request that was going to be sent. None if none was, or if it was refused.
        intended_at: The Unix time of that intent.
        execution_id: The ID of its execution. None while it isn't known.
        status: The status of its result. None while there is none.
        version: The version of the workflow that its execution runs. None while that isn't known.
        settled_at: The Unix time at which a person decided what became of the start. None if nobody has.
        execution: The execution that has ended, in JSON. None before.
        error: Why it hasn't succeeded, in JSON. None if it has, or if the execution says it.
        earlier: The starts before the present one, in JSON. None for none.
        candidates: The facts of its candidates, in JSON. None if it isn't of unknown outcome.
    """

    number: int
    key: str
    row_index: int
    digest: bytes
    inputs: str | None
    idempotency_key: str | None
    intended_at: float | None
    execution_id: str | None
    status: str | None
    version: str | None
    settled_at: float | None
    execution: str | None
    error: str | None
    earlier: str | None
    candidates: str | None

    @property
    def is_finished(self) -> bool:
        """Whether the row has its result. One whose inputs had no JSON form is tried again."""
        return self.status is not None and self.digest != b""

    @property
    def _is_pending(self) -> bool:
        """Whether the row has neither a result nor an intent: it is going to be started, or started again."""
        return self.status is None and self.idempotency_key is None and self.execution_id is None

    def present_status(self, unknown_before: float) -> str:
        """Return the status of the row, also of one that has no result.

        Args:
            unknown_before: The Unix time before which an intent isn't under way.
        """
        if self.status is not None:
            return self.status
        if self.execution_id is not None:
            return "running" if self.candidates is None else UNKNOWN  # it could not be read in the latest call
        if self._is_pending:
            return "pending"
        return UNKNOWN if (self.intended_at or 0.0) < unknown_before else "starting"

    def result(self, index: int, status: str | None = None) -> RunResult:
        """Return the result of the row, or how far it has come.

        Args:
            index: The index that it has now.
            status: The status of one that has no result.
        """
        shown = self.status or status or ""
        execution = None if self.execution is None else read_model(Execution, json.loads(self.execution))
        inputs = None if self.inputs is None else json.loads(self.inputs)
        return RunResult(
            index=index,
            key=key_in(self.key),
            inputs=inputs,
            execution=execution,
            error=error_in(self.error, execution),
            status=shown,
            attempts=self._attempts(shown),
            candidates=candidates_in(self.candidates) if shown == UNKNOWN else (),
        )

    def recall(self, row: Row) -> None:
        """Give a row what the journal has of its starts, the present one included."""
        row.idempotency_key, row.intended_at = self.idempotency_key or "", self.intended_at or 0.0
        row.version, row.settled_at = self.version, self.settled_at
        row.earlier = attempts_in(self.earlier)

    def _attempts(self, status: str) -> tuple[RunAttempt, ...]:
        """Return the starts of the row, the present one included."""
        earlier = attempts_in(self.earlier)
        if self.intended_at is None or self._is_pending:  # nothing was sent for it, or it was taken back
            return earlier
        present = attempt(self.execution_id, status, self.intended_at, self.version, self.settled_at)
        return (*earlier, present)
