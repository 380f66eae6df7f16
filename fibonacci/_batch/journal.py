"""The journal of a batch: what is known of each row, its starts and their errors, written before a request is sent."""

from __future__ import annotations

import json
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

from fibonacci import errors
from fibonacci._batch.journal_errors import journal_error, reading_row
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
        status: What has become of it.
        intended_at: The Unix time of the intent, on the platform's clock.
        version: The version of the workflow that it ran. None if that isn't known.
        settled_at: The Unix time at which a person has decided what has become of it. None if nobody has.
    """
    return RunAttempt(
        execution_id=execution_id or None,
        status=status,
        started_at=datetime.fromtimestamp(intended_at, UTC),
        version=version,
        settled_at=None if settled_at is None else datetime.fromtimestamp(settled_at, UTC),
    )


def attempts_text(attempts: tuple[RunAttempt, ...]) -> str | None:
    """Return starts as JSON, or None for none."""
    if not attempts:
        return None
    return json.dumps(
        [
            (
                *(each.execution_id, each.status, each.started_at.timestamp(), each.version),
                None if each.settled_at is None else each.settled_at.timestamp(),
            )
            for each in attempts
        ]
    )


def attempts_in(text: str | None) -> tuple[RunAttempt, ...]:
    """Return the starts of which `attempts_text` made a text."""
    return () if text is None else tuple(attempt(*values) for values in json.loads(text))


def candidate_facts(candidate: Execution) -> dict[str, Any]:
    """Return what a person needs to know of a candidate of a row, as values of JSON."""
    created_at = None if candidate.created_at is None else candidate.created_at.isoformat()
    return {"execution_id": candidate.id, "status": candidate.status, "created_at": created_at}


def candidates_in(text: str | None) -> tuple[Execution, ...]:
    """Return the candidates whose facts a text has."""
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


Ended = tuple[Row, RunResult]


class JournalChanges(NamedTuple):
    """What is written at once, in this order.

    Attributes:
        new: Rows with numbers that were given just now. Those about to start have their intents.
        withdrawn: Rows that were certainly not started. One of them may be among those that are started again.
        again: Rows that are going to be started, and are in the journal already, perhaps with the result of an earlier
            start, which is removed.
        started: Rows with the ID of their execution.
        finished: Rows with their results.
        listed: Rows of unknown outcome with their candidates.
        progress: The note on the progress of the run that replaces the one before. None to leave it.
    """

    new: Sequence[Row]
    withdrawn: Sequence[Row]
    again: Sequence[Row]
    started: Sequence[Row]
    finished: Sequence[Ended]
    listed: Sequence[Row]
    progress: str | None


class JournalEntry:
    """What the journal has of a row.

    Args:
        record: The fields in the order of the attributes, then the execution, the error, the earlier starts and the
            candidates in JSON.

    Attributes:
        number: Its number, from 1, in the order of the first intents.
        key: Its key as a text.
        index: The index of the row when it was written.
        digest: The digest of its inputs. Empty if they had no JSON form.
        inputs: The inputs in JSON. If they have no JSON form, what a person can read of them, or None.
        idempotency_key: That of the request that was going to be sent. None if none was, or if it was refused.
        intended_at: The Unix time of that intent.
        execution_id: The ID of its execution. None while it isn't known.
        status: The status of its result. None while there is none.
        version: The version of the workflow that its execution runs. None while that isn't known.
        settled_at: The Unix time at which a person has decided what has become of the start. None if nobody has.
    """

    def __init__(self, record: Sequence[Any]) -> None:
        self.number: int = record[0]
        self.key: str = record[1]
        self.index: int = record[2]
        self.digest: bytes = record[3]
        self.inputs: str | None = record[4]
        self.idempotency_key: str | None = record[5]
        self.intended_at: float | None = record[6]
        self.execution_id: str | None = record[7]
        self.status: str | None = record[8]
        self.version: str | None = record[9]
        self.settled_at: float | None = record[10]
        self._execution: str | None = record[11]
        self._error: str | None = record[12]
        self._earlier: str | None = record[13]
        self._candidates: str | None = record[14]

    @property
    def is_finished(self) -> bool:
        """Whether the row has its result. One whose inputs had no JSON form is tried again."""
        return self.status is not None and self.digest != b""

    @property
    def has_failed(self) -> bool:
        """Whether the row has a result, which isn't that of an execution that has completed."""
        return self.is_finished and self.status != "completed"

    @property
    def earlier(self) -> tuple[RunAttempt, ...]:
        """The starts of the row before the present one."""
        return attempts_in(self._earlier)

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
            return "running" if self._candidates is None else UNKNOWN  # it could not be read in the latest call
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
        execution = None if self._execution is None else read_model(Execution, json.loads(self._execution))
        inputs = None if self.inputs is None else json.loads(self.inputs)
        return RunResult(
            index=index,
            key=key_in(self.key),
            inputs=inputs,
            execution=execution,
            error=error_in(self._error, execution),
            status=shown,
            attempts=self._attempts(shown),
            candidates=candidates_in(self._candidates) if shown == UNKNOWN else (),
        )

    def _attempts(self, status: str) -> tuple[RunAttempt, ...]:
        """Return the starts of the row, the present one included."""
        if self.intended_at is None or self._is_pending:  # nothing was sent for it, or it was taken back
            return self.earlier
        present = attempt(self.execution_id, status, self.intended_at, self.version, self.settled_at)
        return (*self.earlier, present)


class Journal(ABC):
    """Records three facts of each row: that it is going to be started, the ID of its execution, its result.

    A method returns when what it writes is as durable as the journal can make it. It may be used by many threads.

    Args:
        path: Its path or URL, for messages. Empty for a temporary one.
        last: The number of rows that it has.

    Attributes:
        is_durable: Whether it outlives the process.
        is_new: Whether it had no rows when it was opened.
        may_wait: Whether its methods may wait for a server, and must not be called in an event loop.
        redact: Removes the API key, which the platform may echo, from what is written.
    """

    may_wait: bool = False

    def __init__(self, path: str, last: int) -> None:
        self.path: str = path
        self.is_durable: bool = path != ""
        self.redact: Callable[[str], str] = str
        self._process = os.getpid()
        self._is_closed = False
        self._last = last
        self._is_doubtful = False  # whether it has the rows that were numbered last: Ctrl-C may have kept it from that
        self.is_new: bool = last == 0
        self._seen = bytearray()

    def find(self, key: str, *, is_unique: bool) -> tuple[JournalEntry | None, bool]:
        """Return what is known of a row, and whether the same key was found or begun in this run before.

        Args:
            key: The key of the row.
            is_unique: Whether no two rows can have one key, so that a new journal need not be asked.
        """
        if is_unique and self.is_new:
            return None, False
        entry = self._read(key)
        return entry, entry is not None and self._mark(entry.number)

    def write(
        self,
        intended: Sequence[Row] = (),
        withdrawn: Sequence[Row] = (),
        started: Sequence[Row] = (),
        finished: Sequence[Ended] = (),
        listed: Sequence[Row] = (),
        progress: str | None = None,
    ) -> None:
        """Write all at once.

        Args:
            intended: Rows that are going to be started.
            withdrawn: Rows that were certainly not started.
            started: Rows with the ID of their execution.
            finished: Rows with their results.
            listed: Rows of unknown outcome with their candidates.
            progress: The note on the progress of the run that replaces the one before. None to leave it.
        """
        if not (intended or withdrawn or started or finished or listed or progress):
            return
        again = [row for row in intended if row.number]
        new = [row for row in [*intended, *(row for row, _ in finished)] if not row.number]
        if new:
            if self._is_doubtful:
                self._last = self._count()
            self._is_doubtful = True
            for row in new:
                self._last += 1
                row.number = self._last
                self._mark(row.number)
        self._write(JournalChanges(new, withdrawn, again, started, finished, listed, progress))
        if new:
            self._is_doubtful = False

    @property
    def is_empty(self) -> bool:
        """Whether it has no row."""
        return self._last == 0

    @property
    @abstractmethod
    def is_asked_to_stop(self) -> bool:
        """Whether another process has requested that this run stops. It waits for no server."""

    @abstractmethod
    def renew(self, row: Row) -> None:
        """Replace the inputs of a row that had no JSON form in an earlier run."""

    @abstractmethod
    def continue_with(self, version: str) -> None:
        """Record that rows are started with another version of the workflow from now on."""

    def results(self) -> Iterator[RunResult]:
        """Iterate over the results, in the order of the rows. The run may have ended."""
        for entry in self._ended():
            yield self.result(entry, entry.index)

    def result(self, entry: JournalEntry, index: int) -> RunResult:
        """Return the result that the journal has of a row, at the index that the row has now."""
        with reading_row(self.path):
            return entry.result(index)

    def recall(self, row: Row, entry: JournalEntry) -> None:
        """Give a row what the journal has of its starts, the present one included."""
        row.idempotency_key, row.intended_at = entry.idempotency_key or "", entry.intended_at or 0.0
        row.version, row.settled_at = entry.version, entry.settled_at
        with reading_row(self.path):
            row.earlier = entry.earlier

    @abstractmethod
    def close(self) -> None:
        """End the run: another may have the journal. A second call does nothing."""

    @abstractmethod
    def _read(self, key: str) -> JournalEntry | None:
        """Return what is known of a row."""

    @abstractmethod
    def _count(self) -> int:
        """Return how many rows it has."""

    @abstractmethod
    def _write(self, changes: JournalChanges) -> None:
        """Write all at once."""

    @abstractmethod
    def _ended(self) -> Iterable[JournalEntry]:
        """Return the rows that have results, in the order of the rows."""

    @property
    def _is_of_this_process(self) -> bool:
        return self._process == os.getpid()

    def _check_process(self) -> None:
        if not self._is_of_this_process:
            raise journal_error(self.path, "was opened before a fork: call run_many in the process that iterates")

    def _texts(self, result: RunResult) -> tuple[str | None, str | None]:
        """Return the execution and the error of a result in JSON."""
        execution = None if result.execution is None else json.dumps(result.execution.model_dump(mode="json"))
        error = error_text(result.error)
        return None if execution is None else self.redact(execution), None if error is None else self.redact(error)

    def _mark(self, number: int) -> bool:
        """Mark a row as seen in this run, and return whether it was before. It takes one bit per row."""
        place, bit = number >> 3, 1 << (number & 7)
        if place >= len(self._seen):
            self._seen.extend(bytes(max(1024, place + 1 - len(self._seen))))
        was_seen = bool(self._seen[place] & bit)
        self._seen[place] |= bit
        return was_seen
