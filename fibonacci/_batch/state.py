"""The rows of a batch that are under way, and the count of the others. It does no I/O."""

from __future__ import annotations

from collections import deque

from fibonacci._batch.options import BatchOptions
from fibonacci._batch.results import ResultQueue
from fibonacci._batch.row import Row
from fibonacci.errors import FibonacciError, TooManyFailuresError, UnknownOutcomeError
from fibonacci.models.execution_failure import execution_error
from fibonacci.models.executions import Execution
from fibonacci.models.run_results import UNKNOWN, RunResult, RunsSummary


class BatchState:
    """Where each row is: pending, starting, running, unknown or finished.

    Args:
        options: The arguments of `run_many`.

    Attributes:
        pending: Rows that were read, and have to be started (again).
        starting: Rows whose request is on its way, by index.
        running: Rows with an execution that is watched, by its id.
        reading: How many rows have ended and are read once more.
        unknown: Rows whose request had no response, by index.
        searched: Those of them that the list of executions was searched for.
        withdrawn: Rows whose intent has to be taken back in the journal.
        started: Rows whose execution's id has to be written to the journal.
        finished: Results that have to be written to the journal.
        results: Results that have to be delivered.
        read: How many rows were read.
        is_exhausted: Whether all were read.
        failure: Why no further row is started; None while rows are.
        is_stopped: Whether no further row is started.
        aborted_by: Why rows are not even waited for; None while they are.
        unwritten: The keys of rows that were read and are not in the journal yet, with their indexes.
    """

    def __init__(self, options: BatchOptions) -> None:
        self._options = options
        self.pending: deque[Row] = deque()
        self.starting: dict[int, Row] = {}
        self.running: dict[str, Row] = {}
        self.reading: int = 0
        self.unknown: dict[int, Row] = {}
        self.searched: set[int] = set()
        self.withdrawn: list[Row] = []
        self.started: list[Row] = []
        self.finished: list[tuple[Row, RunResult]] = []
        self.results: ResultQueue = ResultQueue(ordered=options.ordered)
        self.read: int = 0
        self.is_exhausted: bool = False
        self.failure: BaseException | None = None
        self.is_stopped: bool = False
        self.aborted_by: BaseException | None = None
        self.unwritten: dict[str, int] = {}
        self._succeeded = 0
        self._failed = 0
        self._failed_now = 0
        self._from_journal = 0
        self._left_unknown: list[RunResult] = []
        self._unknown = 0

    @property
    def in_flight(self) -> int:
        """How many rows take capacity of the platform."""
        return len(self.starting) + len(self.running)

    @property
    def busy(self) -> int:
        """How many rows are under way, those included that have ended and are read once more."""
        return self.in_flight + self.reading

    @property
    def summary(self) -> RunsSummary:
        """How far the rows have come."""
        unknown = self._unknown + len(self.unknown)
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
        """What to raise at the end; None when nothing is amiss."""
        return self.failure or self._unknown_error()

    def stop(self, failure: BaseException | None) -> None:
        """Start no further row; the first failure is the one that is raised at the end."""
        self.is_stopped = True
        self.failure = self.failure or failure

    def abort(self, failure: BaseException) -> None:
        """Start no further row and wait for none."""
        self.stop(failure)
        self.aborted_by = self.aborted_by or failure

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
        result = _result(row, error, status)
        self.finished.append((row, result))
        self._deliver(result)

    def give_up(self, row: Row, error: Exception) -> None:
        """Deliver a row whose execution has not ended in time: another call with the journal waits for it again."""
        status = "running" if row.execution is None else str(row.execution.status)
        self.results.push(_result(row, error, status))

    def settle_unknown(self) -> None:
        """Do with the rows of unknown outcome what `if_unknown` says."""
        for row in self.unknown.values():
            if self._options.if_unknown == "rerun":
                row.withdraw()
                self.pending.append(row)
                continue
            self._unknown += 1
            result = _result(row, row.error, UNKNOWN)
            if self._options.if_unknown == "skip":
                self.results.push(result)
            else:
                self._left_unknown.append(result)
                self.results.skip(row.index)
        self.unknown.clear()

    def _unknown_error(self) -> FibonacciError | None:
        """Return the error that lists the rows of unknown outcome; None if there are none, or they are skipped."""
        results = self._left_unknown
        if not results:
            return None
        names = ", ".join(result.key for result in results[:10])
        more = f" and {len(results) - 10} more" if len(results) > 10 else ""
        text = f"it is not known whether {len(results)} of the rows were started: {names}{more}. Check them, and"
        return UnknownOutcomeError(f"{text} {self._unknown_remedy()}", results=results)

    def _unknown_remedy(self) -> str:
        if self._options.journal is None:
            return "run only those that were not started: without a journal, another call runs all rows a second time"
        match = "" if self._options.if_unknown == "match" else '"match" to take over executions with the same inputs, '
        return (
            f'call again with if_unknown={match}"skip" to leave them out, or "rerun" to start them, perhaps a second'
            " time"
        )

    def _deliver(self, result: RunResult) -> None:
        self._count(result)
        self.results.push(result)
        most = self._options.max_failures
        if not result.succeeded:
            self._failed_now += 1
            if most is not None and self._failed_now > most and not self.is_stopped:
                failed = "1 row has" if self._failed_now == 1 else f"{self._failed_now} rows have"
                text = f"{failed} failed, and max_failures is {most}; the last: {result.error}"
                error = TooManyFailuresError(text)
                error.__cause__ = result.error
                self.stop(error)

    def _count(self, result: RunResult) -> None:
        if result.succeeded:
            self._succeeded += 1
        else:
            self._failed += 1


def _result(row: Row, error: Exception | None, status: str) -> RunResult:
    return RunResult(
        index=row.index, key=row.key, inputs=row.inputs, execution=row.execution, error=error, status=status
    )
