"""What running many rows comes to: the result of each, and the sum of all."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from datetime import datetime

    from fibonacci.models.executions import Execution

T = TypeVar("T")

UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunAttempt:
    """One start of a row of `workflows.run_many`.

    A row has several after calls with `retry_failed=True`.

    Example:
        ```python
        (run,) = client.workflows.run_many(workflow.id, [{"name": "Ada"}]).results()
        print([(attempt.execution_id, attempt.status) for attempt in run.attempts])
        ```
    """

    execution_id: str | None
    """The id of its execution; None when none was started, or none is known."""

    status: str
    """What has become of it: a status as that of a `RunResult`."""

    started_at: datetime
    """The time at which the request that starts the row was going to be sent, on the platform's clock (UTC)."""

    version: str | None
    """The version of the workflow that it ran, as a text; None while no execution is known, and where the platform
    states no version. Where executions don't name their version, it is the latest that was read from the workflow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """The result of one row of `workflows.run_many`, which yields one for each row.

    Example:
        ```python
        (run,) = client.workflows.run_many(workflow.id, [{"name": "Ada"}]).results()
        print(run.index, run.status, run.outputs)
        ```
    """

    index: int
    """The number of rows before it."""

    key: str | int
    """The key of the row, a text or a number as it was passed; without `key=`, its index."""

    inputs: Any
    """The inputs of the run, as JSON has them: NaN is None, and a time is a text.

    Where they have no JSON form: what was passed, or, from the journal, a text for each value that has none."""

    execution: Execution | None
    """The execution as last received; None when none was started, or none was found."""

    error: Exception | None
    """Why the row has not succeeded; None when it has.

    An `ExecutionFailedError`, a `WaitTimeoutError`, the error of the request that did not start it, or the `TypeError`
    or `ValueError` of inputs that have no JSON form.
    """

    status: str
    """The status of the execution, such as `"completed"`; `"failed"` when none was started, `"unknown"` when it is not
    known whether one was."""

    attempts: tuple[RunAttempt, ...] = ()
    """Every start of the row, in order, the last one with the status above; those of earlier calls come from the
    journal. Empty for inputs that have no JSON form, for which nothing is sent."""

    @property
    def succeeded(self) -> bool:
        """Whether the execution has completed."""
        return self.status == "completed"

    @property
    def outputs(self) -> dict[str, Any]:
        """The outputs of the execution, by name; empty while there are none."""
        return {} if self.execution is None else self.execution.outputs

    @property
    def is_final(self) -> bool:
        """Whether the row has ended: another call with the same journal does not run it again."""
        return self.status == "failed" if self.execution is None else self.execution.is_terminal

    def outputs_as(self, model: type[T]) -> T:
        """Return the outputs as an object of your own type, validated by Pydantic.

        Args:
            model: A Pydantic model, or another type that Pydantic validates, such as a dataclass or a `TypedDict`.

        Returns:
            What Pydantic makes of the outputs.

        Raises:
            OutputError: If the outputs do not fit, as those of a row that has not succeeded. Its message names each
                field, and no value.
            TypeError: If Pydantic cannot validate the type.

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
        """Return the result as plain values, for a file or a data frame.

        Returns:
            A dict with the keys `index`, `key`, `status`, `inputs`, `outputs`, `error` (a text), `execution_id` and
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
class RunsSummary:
    """How far the rows of a `workflows.run_many` have come.

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
    """The number of rows that have ended otherwise: failed, canceled, refused, or without a JSON form."""

    unknown: int
    """The number of rows of which it is not known whether they were started."""

    from_journal: int
    """The number of rows of those above that had ended in an earlier call, and were read from the journal."""

    left: int
    """The number of rows that have no result: those under way, those that were not waited for to the end, and those not
    begun, as far as `len(rows)` tells."""

    def __str__(self) -> str:
        return (
            f"{self.succeeded} succeeded, {self.failed} failed, {self.unknown} unknown, {self.left} left"
            f" ({self.from_journal} from the journal)"
        )

    def _repr_html_(self) -> str:
        from fibonacci._display.html import summary_html

        return summary_html(type(self).__name__, asdict(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsProgress:
    """What a `workflows.run_many` with a journal has last written there about its pace, for those who watch it.

    Example:
        ```python
        from fibonacci import read_journal

        client.workflows.run_many(workflow.id, [{"name": "Ada"}], journal="pace.db").results()
        with read_journal("pace.db") as journal:
            print(journal.progress.total)  # prints: 1
        ```
    """

    written_at: datetime
    """When it was written, on the clock of the run's machine (UTC): about each second while rows start and end."""

    total: int | None
    """The number of rows; None when they come from an iterator, whose length is not known."""

    rows_per_minute: float | None
    """The number of rows that have ended per minute since the run began; None until one has."""

    seconds_left: float | None
    """The time left then, in seconds: as the rows went until now, or as the limit below allows. None where it is not
    known."""

    bound_by: str | None
    """The limit that binds, such as `"300 runs an hour"`; None when no known limit explains the pace."""

    paused_until: datetime | None
    """Until when no row is started, because a quota is used up (UTC); None when none is."""

    unknown: int
    """The number of rows whose request had no usable response, so that it was not known whether they were started."""

    unknown_keys: tuple[str | int, ...]
    """The keys of the first ten of them, in the order in which they became unknown, each a number or a text."""
