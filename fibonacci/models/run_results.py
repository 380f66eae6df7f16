"""The result of each row of a `run_many`, and the totals."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime  # pydantic reads the annotations of RunsProgress
from typing import TYPE_CHECKING, Any, TypeVar

from fibonacci._texts.suggestions import Hinted

if TYPE_CHECKING:
    from fibonacci.models.executions import Execution

T = TypeVar("T")

UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunAttempt:
    """One start of a row of `workflows.run_many`.

    A row has several if you called `run_many` with `retry_failed=True`.

    Example:
        ```python
        (run,) = client.workflows.run_many(workflow.id, [{"name": "Ada"}]).results()
        print([(attempt.execution_id, attempt.status) for attempt in run.attempts])
        ```
    """

    execution_id: str | None
    """The ID of its execution. None if no execution was started, or none is known."""

    status: str
    """What became of this attempt: a status like that of a `RunResult`, or `"not_started"` if a person settled that no
    execution was started."""

    started_at: datetime
    """The time just before the request that starts the row was sent, on the platform's clock (UTC)."""

    version: str | None
    """The version of the workflow that ran, as text. None as long as no execution is known, or if the platform reports
    no versions. If executions don't name their version, this is the latest one that was read from the workflow."""

    settled_at: datetime | None = None
    """The time (UTC) at which a person settled this attempt, whose outcome was unknown (see `JournalView.settle`). None
    if nobody has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult(Hinted):
    """The result of one row of `workflows.run_many`, which yields one for each row.

    Example:
        ```python
        (run,) = client.workflows.run_many(workflow.id, [{"name": "Ada"}]).results()
        print(run.index, run.status, run.outputs)
        ```
    """

    index: int
    """The position of the row, a number from 0."""

    key: str | int
    """The key of the row, text or a number, as you passed it. Without `key=`, the row's index."""

    inputs: Any
    """The inputs of the run as JSON has them, so NaN is None and a time is text.

    Values that JSON can't represent, for which the row has failed, are text too.
    """

    execution: Execution | None
    """The execution as last received. None if no execution was started, or none was found."""

    error: Exception | None
    """Why the row hasn't succeeded. None if it has.

    An `ExecutionFailedError`, a `WaitTimeoutError`, the error of the request that should have started it, or the
    `TypeError` or `ValueError` of inputs that can't be represented in JSON.
    """

    status: str
    """The status of the execution, such as `"completed"`. It is `"failed"` if no execution was started, and `"unknown"`
    if it isn't known whether one was, or if its execution couldn't be read within the timeout."""

    attempts: tuple[RunAttempt, ...] = ()
    """Every start of the row, in order, including those of earlier calls with the journal. The last one has the same
    `status` as the result. Empty for inputs that can't be represented in JSON, because nothing is sent for them."""

    candidates: tuple[Execution, ...] = ()
    """Of a row with the status `"unknown"`: the workflow's executions with equal inputs that were created since its
    request was sent, earliest first. One of them may be the row's, or none. There are ten at
    most, including executions whose inputs the platform's list leaves out. Empty if the executions can't be listed. In
    a result that was read from a journal, they have an `id`, a `status` and a `created_at` alone, as listed at the end
    of the latest call."""

    @property
    def succeeded(self) -> bool:
        """Whether the execution has completed."""
        return self.status == "completed"

    @property
    def outputs(self) -> dict[str, Any]:
        """The outputs of the execution, by name. Empty as long as there are none."""
        return {} if self.execution is None else self.execution.outputs

    @property
    def is_final(self) -> bool:
        """Whether the row has ended, so that another call with the same journal doesn't run it again."""
        return self.status == "failed" if self.execution is None else self.execution.is_terminal

    def outputs_as(self, model: type[T]) -> T:
        """Return the outputs as an object of your type, validated by Pydantic.

        Args:
            model: A Pydantic model, or another type that Pydantic validates, such as a dataclass or a `TypedDict`.

        Returns:
            What Pydantic makes of the outputs.

        Raises:
            OutputError: If the outputs don't fit, for example because the row hasn't succeeded. The message names each
                field, and contains no values.
            TypeError: If Pydantic can't validate the type.

        Example:
            ```python
            from pydantic import BaseModel

            class Greeting(BaseModel):
                greet: str

            for run in client.workflows.run_many(workflow.id, [{"name": "Ada"}]):
                print(run.outputs_as(Greeting).greet)
            ```
        """
        from fibonacci.models.executions import outputs_as  # which imports pydantic

        status = "" if self.succeeded else f" ({self.status})"
        return outputs_as(self.outputs, model, f"row {self.key}{status}")

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain values, ready for JSON or a data frame.

        Returns:
            A dict with the keys `index`, `key`, `status`, `inputs`, `outputs`, `error` (as text), `execution_id` and
            `duration_ms` (milliseconds). Those without a value are None.
        """
        execution = self.execution
        latest = self.attempts[-1].execution_id if self.attempts else None
        return {
            "index": self.index,
            "key": self.key,
            "status": self.status,
            "inputs": self.inputs,
            "outputs": self.outputs,
            "error": None if self.error is None else str(self.error),
            "execution_id": latest if execution is None else execution.id,
            "duration_ms": None if execution is None else execution.duration_ms,
        }

    def _repr_html_(self) -> str:
        from fibonacci._display.html import result_html

        return result_html(self.to_dict(), self.error)


COLUMNS: dict[str, Any] = {
    "index": int,
    "key": str | int,
    "status": str,
    "inputs": Any,
    "outputs": Any,
    "error": str,
    "execution_id": str,
    "duration_ms": float,
}
"""The types of the columns of a data frame of results."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsBlocker:
    """What keeps the rows of a `workflows.run_many` from moving, as `runs.blocked_by` has it.

    Example:
        ```python
        runs = client.workflows.run_many(workflow.id, [{"name": "Ada"}])
        runs.results()
        print(runs.blocked_by)  # prints: None
        ```
    """

    reason: str
    """What fails: rows can't be started, executions can't be read, or a quota is used up. With the platform's last
    response."""

    since: datetime
    """The time (UTC) of the first failure since a request of this kind has last succeeded."""

    next_try_at: datetime
    """The time (UTC) before which no such request is sent again."""

    def __str__(self) -> str:
        since, following = (f"{at:%Y-%m-%d %H:%M:%S} UTC" for at in (self.since, self.next_try_at))
        return f"{self.reason.rstrip('.')} (since {since}, next try {following})"

    def to_dict(self) -> dict[str, str]:
        """Return what keeps the rows from moving as plain values, for JSON.

        Returns:
            A dict with the keys `reason`, `since` and `next_try_at`. The times are text.
        """
        return {"reason": self.reason, "since": self.since.isoformat(), "next_try_at": self.next_try_at.isoformat()}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsSummary:
    """How many rows of a `workflows.run_many` have succeeded, failed, have an unknown outcome or are left.

    Example:
        ```python
        runs = client.workflows.run_many(workflow.id, [{"name": "Ada"}, {"name": "Bob"}])
        runs.results()
        print(runs.summary)
        # prints: 2 succeeded, 0 failed, 0 unknown, 0 left (0 from the journal)
        ```
    """

    succeeded: int
    """The number of rows whose execution has completed."""

    failed: int
    """The number of rows that ended in another way: failed, canceled, refused, or with inputs that JSON can't
    represent."""

    unknown: int
    """The number of rows that may or may not have started, and of those whose execution couldn't be read in time."""

    from_journal: int
    """The number of rows that had ended in an earlier call, and were read from the journal. They count as succeeded or
    failed too."""

    left: int
    """The number of rows without a result: rows under way, rows whose execution the run stopped waiting for, and rows
    that haven't started. If `rows` has no `len()`, rows that haven't been read aren't counted."""

    blocked_by: RunsBlocker | None = None
    """What keeps the rows from moving, such as an outage of the platform. None while nothing does."""

    def __str__(self) -> str:
        blocked = "" if self.blocked_by is None else f", blocked by: {self.blocked_by}"
        return (
            f"{self.succeeded} succeeded, {self.failed} failed, {self.unknown} unknown, {self.left} left"
            f" ({self.from_journal} from the journal){blocked}"
        )

    def _repr_html_(self) -> str:
        from fibonacci._display.html import summary_html

        return summary_html(type(self).__name__, asdict(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsProgress:
    """The progress of a `workflows.run_many`, as last written to its journal.

    A program that watches the run can read it there, with `read_journal`.

    Example:
        ```python
        from fibonacci import read_journal

        client.workflows.run_many(workflow.id, [{"name": "Ada"}], journal="pace.db").results()
        with read_journal("pace.db") as journal:
            print(journal.progress.total)  # prints: 1
        ```
    """

    written_at: datetime
    """When it was written, on the clock of the machine that runs the rows (UTC). While rows start and end, it is
    written about once a second."""

    total: int | None
    """The number of rows. None if they come from an iterator of unknown length."""

    rows_per_minute: float | None
    """The number of rows per minute that have ended since the run began. None until the first one has, and during an
    outage."""

    seconds_left: float | None
    """The seconds left at the time of writing, going by the pace so far or by the limit in `bound_by`. None if it isn't
    known."""

    bound_by: str | None
    """The limit that slows the rows down, such as `"300 runs an hour"`. None if no known limit explains the pace."""

    blocked_by: RunsBlocker | None
    """What kept the rows from moving, such as an outage of the platform or a quota that was used up. None if nothing
    did."""

    unknown: int
    """The number of rows that may or may not have started, because their request got no usable response."""

    unknown_keys: tuple[str | int, ...]
    """The keys of the first ten rows that may or may not have started, in the order in which they became unknown. Each
    is a number or text."""
