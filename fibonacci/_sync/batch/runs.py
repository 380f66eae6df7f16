# Derived from fibonacci/_async/batch/runs.py by tests/mirror.py; change that file, not this one.
"""The result of `workflows.run_many`: its rows run while it is iterated."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import asdict
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, Self

from fibonacci._batch.options import BatchOptions
from fibonacci._display.html import ROWS
from fibonacci._sync import _runtime
from fibonacci._sync.batch.opening import estimate
from fibonacci._sync.batch.requests import BatchRequests
from fibonacci._sync.batch.session import BatchSession
from fibonacci._sync.requestor import Requestor
from fibonacci.models.run_results import COLUMNS, RunResult, RunsSummary

if TYPE_CHECKING:
    import pandas

    from fibonacci._batch.estimate import RunsEstimate


class Runs(_runtime.IterationHints):
    """The rows of a `workflows.run_many`, which run while this is iterated, once.

    Iterating yields the `RunResult` of each row as it ends, or in the order of the rows with `ordered=True`. Between
    two results rows are neither started nor watched, though requests that are on their way continue: work that takes
    long belongs beside the loop. A loop that is left early starts no further row; executions that were started continue
    on the platform. With a journal, the same call waits for them, after this was closed.

    Example:
        ```python
        rows = [{"name": "Ada"}, {"name": "Bob"}]
        with client.workflows.run_many(workflow.id, rows) as runs:
            for run in runs:
                print(run.key, run.outputs)
            print(runs.summary)
        ```
    """

    def __init__(self, requestor: Requestor, workflow_id: str, rows: Any, options: BatchOptions) -> None:
        self._requestor = requestor
        self._workflow_id = workflow_id
        self._requests = BatchRequests(requestor, workflow_id)
        self._options = options
        self._rows = rows
        self._latest: deque[RunResult] = deque(maxlen=ROWS)
        self._session = BatchSession(requestor, self._requests, rows, options)

    @property
    def summary(self) -> RunsSummary:
        """How many rows have succeeded or failed, are of unknown outcome or are left, at this moment."""
        return self._session.summary

    def results(self) -> list[RunResult]:
        """Run all rows, and return their results in the order of the rows.

        Once it was iterated, whether to the end or not, it runs no row, and returns the results that the rows have; of
        rows whose execution has not ended there is none.

        Returns:
            A list with the result of each row, in the order of the rows.

        Raises:
            FibonacciError: As when it is iterated. The results that there are can be fetched by another call.

        Example:
            ```python
            runs = client.workflows.run_many(workflow.id, [{"name": "Ada"}, {"name": "Bob"}])
            print([run.status for run in runs.results()])
            ```
        """
        if not self._session.was_begun:
            found = {result.index: result for result in self}
            return [found[index] for index in sorted(found)]
        return self._session.recorded()

    def to_pandas(self, *, flatten: bool = False) -> pandas.DataFrame:
        """Run all rows, and return their results as a data frame of pandas (extra `pandas`).

        Its columns are `index`, `key`, `status`, `inputs`, `outputs`, `error` (a text), `execution_id` and
        `duration_ms`.

        Args:
            flatten: Whether each input and each output is a column of its own, such as `outputs.greet`.

        Returns:
            A data frame with a row for each result, in the order of the rows.

        Raises:
            ImportError: If pandas is not installed. Nothing is run.
            FibonacciError: As when it is iterated.

        Example:
            ```python
            runs = client.workflows.run_many(workflow.id, [{"name": "Ada"}])
            frame = runs.to_pandas(flatten=True)
            print(frame[["inputs.name", "outputs.greet"]])
            ```
        """
        from fibonacci._frames.pandas_frame import pandas_frame

        return pandas_frame([result.to_dict() for result in self.results()], COLUMNS, flatten=flatten)

    def estimate(self, rows: int | None = None) -> RunsEstimate:
        """Estimate how long the rows take, and which limit binds.

        Nothing is run; four requests are sent at most. Executions are taken to last as long as the latest of the
        workflow. What would stop the run before its first row is raised here too: wrong inputs in the first row, two
        rows with one key, an organization that does not exist, a journal that cannot be used. Rows that can be read
        only once, such as those of a generator, are not read.

        Args:
            rows: The number of rows. Default: `len(rows)` of what was passed, and `max_rows` at most.

        Returns:
            The estimate, in hours. Its text names the hours and the limit that binds.

        Raises:
            ValueError: If the number of rows is not known, or not positive, or if two rows have the same key. Nothing
                is sent. If the first row is not what the workflow needs.
            JournalError: If the journal cannot be used.
            APIError: If the workflow cannot be read, or there is no organization of the given id.

        Example:
            ```python
            print(client.workflows.run_many(workflow.id, [{"name": "Ada"}] * 1000).estimate())
            ```
        """
        return estimate(self._requestor, self._requests, self._options, self._rows, rows)

    def close(self) -> None:
        """Start no further row, and wait for the requests on their way; executions continue on the platform.

        The journal can be used by another run then, also when this call was canceled: the cancellation comes after the
        responses. Another call of this method does nothing.
        """
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[RunResult]:
        if self._session.was_begun:
            raise RuntimeError("these rows were iterated before: results() has their results; run_many runs them again")
        self._session.was_begun = True
        return RunsIterator(self._session, self._latest)

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            f"{type(self).__name__} is not pickled: it runs rows where it is iterated. Call run_many in the process"
            " that runs the rows; the results and the summary can be pickled"
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._workflow_id}: {self.summary}>"

    def _repr_html_(self) -> str:
        from fibonacci._display.html import runs_html

        results = [result.to_dict() for result in self._latest]
        return runs_html(type(self).__name__, self._workflow_id, asdict(self.summary), results)


class RunsIterator:
    """Yields results. Rows are not started any more when it is gone, as after a `break`.

    Args:
        session: The iteration over the batch.
        latest: Where the latest results are kept, to be displayed.
    """

    def __init__(self, session: BatchSession, latest: deque[RunResult]) -> None:
        self._session = session
        self._latest = latest

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> RunResult:
        result = self._session.next_result()
        if result is None:
            raise StopIteration
        self._latest.append(result)
        return result

    def __del__(self) -> None:
        if hasattr(self, "_session"):  # Ctrl-C may have come before
            self._session.abandon()
