"""The rows of a batch that are under way, each in one phase, and their results. It does no I/O."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar, Final, get_args

from fibonacci._batch.journal import JournalEntry, attempt
from fibonacci._batch.options import BatchOptions
from fibonacci._batch.progress import MOST_UNKNOWN
from fibonacci._batch.rows import Phase, Row, key_in, same_key_error
from fibonacci._remedies import argument, remedy
from fibonacci._texts.text import counted, printable_line
from fibonacci.errors import (
    APIError,
    FibonacciError,
    RunsStoppedError,
    TooManyFailuresError,
    UnknownOutcomeError,
    WaitTimeoutError,
)
from fibonacci.models.executions import Execution, execution_error
from fibonacci.models.run_results import UNKNOWN, RunResult, RunsSummary

_FIRST: Final = 25
"""When so many rows have ended and none has succeeded, the others wouldn't either."""


class RowBounds:
    """Counts the rows that end in this call, and says when too many of them haven't succeeded.

    Args:
        most: How many rows may fail, time out or be of unknown outcome. None for all, unless none of the first 25
            succeeds.
    """

    def __init__(self, most: int | None) -> None:
        self._most = most
        self._has_succeeded = False
        self._counts: Counter[str] = Counter()

    def succeeded(self) -> None:
        """Count a row that has succeeded."""
        self._has_succeeded = True

    def failed(self, error: Exception | None, kind: str) -> TooManyFailuresError | None:
        """Count a row that hasn't succeeded, and return what to raise if it is one too many.

        Args:
            error: Why it hasn't.
            kind: `failed`, `timed out` or `unknown`.
        """
        self._counts[kind] += 1
        number = self._counts.total()
        if self._most is None and (self._has_succeeded or number < _FIRST):
            return None
        if self._most is not None and number <= self._most:
            return None
        counts = ", ".join(f"{number} {kind}" for kind, number in self._counts.items())
        if self._most is None:
            text = (
                f"none of the first {number} rows that ended has succeeded ({counts}), so no more are "
                f"started: {argument('max_failures', ...)} sets how many may fail"
            )
        else:
            text = f"{counted(number, 'row')} did not succeed ({counts}), and {argument('max_failures')}"
            text = f"{text} is {self._most}"
        made = TooManyFailuresError(f"{text}. The last error: {error!s}")
        made.__cause__ = error
        return made


_SPAN = 1000


class ResultQueue:
    """Holds the results that weren't delivered yet.

    Args:
        ordered: Whether to deliver them in the order of the rows.
    """

    def __init__(self, *, ordered: bool) -> None:
        self._ordered = ordered
        self._ready: deque[RunResult] = deque()
        self._waiting: dict[int, RunResult | None] = {}
        self._next = 0

    def push(self, result: RunResult) -> None:
        """Add a result."""
        if self._ordered:
            self._insert(result.index, result)
        else:
            self._ready.append(result)

    def skip(self, index: int) -> None:
        """Record that a row will have no result."""
        if self._ordered:
            self._insert(index, None)

    def pop(self) -> RunResult | None:
        """Return the next result, or None if there is none."""
        return self._ready.popleft() if self._ready else None

    def is_far(self, index: int) -> bool:
        """Whether a row is so far ahead of the next one to deliver that it shouldn't be started yet."""
        return self._ordered and index - self._next >= _SPAN

    def __len__(self) -> int:
        return len(self._ready)

    def _insert(self, index: int, result: RunResult | None) -> None:
        self._waiting[index] = result
        while self._next in self._waiting:
            following = self._waiting.pop(self._next)
            self._next += 1
            if following is not None:
                self._ready.append(following)


class ResultList:
    """Keeps the results of a batch that has no journal, in its place."""

    path: ClassVar[str] = ""
    is_durable: ClassVar[bool] = False
    is_new: ClassVar[bool] = True
    is_empty: ClassVar[bool] = False
    is_asked_to_stop: ClassVar[bool] = False

    def __init__(self) -> None:
        self._results: dict[int, RunResult] = {}
        self._indexes: dict[str, int] = {}

    def find(self, row: Row, *, is_unique: bool) -> JournalEntry | None:
        """Check that no other row has the key of a row, and return None.

        Raises:
            ValueError: If another row has it.
        """
        if not is_unique:
            index = self._indexes.setdefault(row.key, row.index)
            if index != row.index:
                raise same_key_error(index, row.index, row.key)
        return None

    def write(self, rows: Sequence[Row], progress: str | None = None, version: str | None = None) -> None:
        """Keep the results."""
        self._results.update((row.index, row.result) for row in rows if row.result is not None)

    def results(self) -> Iterator[RunResult]:
        """Iterate over the results."""
        return iter(self._results.values())

    def close(self) -> None:
        """Do nothing."""


class BatchState:
    """Which phase each row is in, what has to be written and delivered, and whether more rows start.

    Args:
        options: The arguments of `run_many`.

    Attributes:
        rows: The rows under way by their phase, each by its index, in the order in which they came to it.
        held_since: Since when overdue rows have taken every place, on the monotonic clock. None while they don't.
        changed: Rows of which something has to be written to the journal. Workers add to it too.
        unrecorded: The indexes of rows whose executions couldn't be written to the journal.
        results: Results that have to be delivered.
        read: How many rows were read.
        is_exhausted: Whether all were read.
        failure: The first reason to start no more rows that has to be raised. None for none.
        is_stopped: Whether no more rows start.
        is_aborted: Whether rows aren't even waited for.
        reads_on: Whether rows are still read when no more may start, because the journal has results of some.
        begun: How many rows were started in this call.
        new_version: A version of the workflow that has to be written to the journal. None for none.
    """

    def __init__(self, options: BatchOptions) -> None:
        self._options = options
        self.rows: dict[Phase, dict[int, Row]] = {phase: {} for phase in get_args(Phase)}
        self.held_since: float | None = None
        self.changed: list[Row] = []
        self.unrecorded: set[int] = set()
        self.results: ResultQueue = ResultQueue(ordered=options.ordered)
        self.read: int = 0
        self.is_exhausted: bool = False
        self.failure: BaseException | None = None
        self.is_stopped: bool = False
        self.is_aborted: bool = False
        self.reads_on: bool = False
        self.begun: int = 0
        self.new_version: str | None = None
        self._bounds = RowBounds(options.max_failures)
        self._succeeded = 0
        self._failed = 0
        self._from_journal = 0
        self._unknown: list[RunResult] = []

    def move(self, row: Row, phase: Phase | None) -> None:
        """Put a row into a phase. None ends the phase that it is in."""
        if row.phase is not None:
            del self.rows[row.phase][row.index]
        row.phase = phase
        if phase is not None:
            self.rows[phase][row.index] = row

    def count(self, *phases: Phase) -> int:
        """Return how many rows are in one of some phases."""
        return sum(len(self.rows[phase]) for phase in phases)

    @property
    def in_flight(self) -> int:
        """How many rows take up capacity of the platform, including those that are no longer waited for."""
        return self.count("starting", "running", "overdue")

    @property
    def has_more(self) -> bool:
        """Whether more rows may be started."""
        return not self.is_stopped and (bool(self.rows["pending"]) or (not self.is_exhausted and self.may_read))

    @property
    def may_read(self) -> bool:
        """Whether another row may be read. A row that isn't started is lost if it can be read only once."""
        return self.reads_on or self._may_begin

    @property
    def _may_begin(self) -> bool:
        most = self._options.max_rows
        return most is None or self.begun < most

    @property
    def summary(self) -> RunsSummary:
        """How far the rows have come."""
        unknown = len(self._unknown) + len(self.unrecorded.union(self.rows["unknown"]))
        total = self.read if self._options.total is None else max(self._options.total, self.read)
        left = total - self._succeeded - self._failed - unknown
        return RunsSummary(
            succeeded=self._succeeded,
            failed=self._failed,
            unknown=unknown,
            from_journal=self._from_journal,
            left=left,
        )

    @property
    def end_error(self) -> BaseException | None:
        """What to raise at the end. None if all went well."""
        is_total_known = self.is_exhausted or self._options.total is not None
        if isinstance(self.failure, RunsStoppedError) and is_total_known and self.summary.left <= 0:
            return self._unknown_error()  # every row had ended nevertheless
        return self.failure or self._unknown_error()

    def stop(self, failure: BaseException | None) -> None:
        """Start no more rows. At the end, the first failure is raised, before a request to stop."""
        self.is_stopped = True
        if self.failure is None or isinstance(self.failure, RunsStoppedError):
            self.failure = failure or self.failure

    def abort(self, failure: BaseException) -> None:
        """Start no more rows and wait for none."""
        self.stop(failure)
        self.is_aborted = True

    def admit(self, row: Row) -> bool:
        """Count a row that is about to start, or return False if `max_rows` leaves it to another call."""
        if row.started_at:  # it was started in this call before, and refused
            return True
        if not self._may_begin:
            self.results.skip(row.index)
            return False
        self.begun += 1
        return True

    def lose(self, row: Row) -> None:
        """Set aside a row that may or may not have been started."""
        self.move(row, "unknown")
        if row.started_at:  # otherwise an earlier call has lost it
            self._count_failure(row.error, "unknown")

    def take_back(self, row: Row, execution_id: str) -> bool:
        """Stop if the platform gave a row an execution that another row has, and count the row as unknown.

        Returns:
            Whether another row has it.
        """
        followed = (*self.rows["running"].values(), *self.rows["reading"].values(), *self.rows["overdue"].values())
        other = next((each for each in followed if each.execution_id == execution_id), None)
        if other is None:
            return False
        row.execution_id = ""
        row.error = APIError(
            f"the platform gave one execution, {execution_id}, to two rows: {key_in(other.key)} and {key_in(row.key)}"
        )
        row.error.outcome_unknown = True
        self.changed.append(row)  # so that the journal doesn't have it either
        self.stop(row.error)
        self.lose(row)
        return True

    def restore(self, result: RunResult) -> None:
        """Count and deliver a result of an earlier run."""
        self._from_journal += 1
        self._count(result)
        self.results.push(result)

    def end(self, row: Row, execution: Execution) -> None:
        """Finish a row whose execution has ended."""
        row.execution = execution
        error = None if execution.succeeded else execution_error(execution)
        self.finish(row, error, str(execution.status))

    def finish(self, row: Row, error: Exception | None, status: str = "failed") -> None:
        """Finish a row."""
        self.move(row, None)
        row.result = result = _result(row, error, status)
        self.changed.append(row)
        self._count(result)
        self.results.push(result)
        if result.succeeded:
            self._bounds.succeeded()
        else:
            self._count_failure(result.error, "failed")

    def give_up(self, row: Row, error: Exception) -> None:
        """Deliver a row whose execution wasn't seen to end in time: another call with the journal looks at it again."""
        status = UNKNOWN if row.execution is None else str(row.execution.status)
        result = _result(row, error, status)
        self.results.push(result)
        self.move(row, "overdue")
        self.changed.append(row)
        row.candidates = () if status == UNKNOWN else None
        if status == UNKNOWN:
            self._unknown.append(result)
        self._count_failure(error, "unknown" if status == UNKNOWN else "timed out")

    def stop_held(self, now: float, timeout: float) -> None:
        """Stop if overdue rows have taken every place for as long as a row is waited for.

        Args:
            now: Seconds on the monotonic clock.
            timeout: Seconds to wait for a row.
        """
        if self.held_since is None:
            self.held_since = now
        elif now - self.held_since >= timeout:
            rows = list(self.rows["overdue"].values())
            names = ", ".join(f"{row.execution_id} (row {key_in(row.key)})" for row in rows)
            text = (
                f"no row can be started: executions that did not end within {argument('timeout', timeout)} "
                f"have taken up every slot for as long again: {names}. Cancel them, or wait until they end: "
                "the same call waits for them again"
            )
            self.stop(WaitTimeoutError(text, execution=rows[0].execution, executions=[row.execution for row in rows]))

    def rerun_unknown(self) -> None:
        """Start the rows of unknown outcome again."""
        for row in [*self.rows["unknown"].values()]:
            row.earlier = _result(row, row.error, UNKNOWN).attempts
            row.withdraw()
            self.move(row, "pending")

    def deliver_unknown(self, candidates: Mapping[int, tuple[Execution, ...]]) -> None:
        """Deliver the rows of unknown outcome.

        Args:
            candidates: The executions that may be theirs, by index.
        """
        for row in [*self.rows["unknown"].values()]:
            row.candidates = candidates.get(row.index, ())
            result = _result(row, row.error, UNKNOWN)
            self.move(row, None)
            self.changed.append(row)
            self._unknown.append(result)
            self.results.push(result)

    def _unknown_error(self) -> FibonacciError | None:
        """Return the error that lists the rows of unknown outcome, or None if there are none."""
        results = self._unknown
        if not results:
            return None
        names = ", ".join(str(result.key) for result in results[:MOST_UNKNOWN])
        more = f" and {len(results) - MOST_UNKNOWN} more" if len(results) > MOST_UNKNOWN else ""
        journal = self._options.journal
        text = (
            f"the outcome of {remedy('unknown rows', count=str(len(results)))} is unknown: {names}{more}. "
            f"Check them{remedy('start the others') if journal is None else ''}"
            f"{remedy('settle', journal=journal) if isinstance(journal, str) else ''}"
            f"{'' if journal is None else remedy('rerun')}"
        )
        error = UnknownOutcomeError(text, results=results)
        lines = [
            f"row {result.key} may be "
            + " or ".join(f"{each.id} ({each.status}, created at {each.created_at})" for each in result.candidates)
            for result in results[:MOST_UNKNOWN]
            if result.candidates
        ]
        if lines:
            error.add_note("\n".join(map(printable_line, lines)))
        return error

    def _count_failure(self, error: Exception | None, kind: str) -> None:
        too_many = self._bounds.failed(error, kind)
        if too_many is not None and not self.is_stopped:
            self.stop(too_many)

    def _count(self, result: RunResult) -> None:
        if result.succeeded:
            self._succeeded += 1
        else:
            self._failed += 1


def _result(row: Row, error: Exception | None, status: str) -> RunResult:
    start = (row.execution_id, status, row.intended_at, row.version, row.settled_at)
    present = (attempt(*start),) if row.intended_at else ()
    return RunResult(
        index=row.index,
        key=key_in(row.key),
        inputs=row.inputs,
        execution=row.execution,
        error=error,
        status=status,
        attempts=(*row.earlier, *present),
        candidates=(row.candidates or ()) if status == UNKNOWN else (),
    )
