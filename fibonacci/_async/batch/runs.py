"""The result of `workflows.run_many`: its rows run while you loop over it."""

from __future__ import annotations

import logging
import math
import os
import signal
import sys
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import asdict, replace
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, Self

from fibonacci._async import _runtime
from fibonacci._async.batch import _workers
from fibonacci._async.batch.context import AsyncBatchContext, AsyncBatchRequests
from fibonacci._async.batch.opening import estimate, open_batch
from fibonacci._async.batch.runner import AsyncBatchRunner
from fibonacci._async.requestor import AsyncRequestor
from fibonacci._batch.leaving import drain_text, end_abandoned, end_soon, handle_signals, restore_signals, resume_note
from fibonacci._batch.options import BatchOptions
from fibonacci._batch.progress import LOG_EVERY
from fibonacci._batch.rows import FrameRows, can_be_read_again, key_in
from fibonacci._batch.state import BatchState
from fibonacci._display.html import ROWS
from fibonacci._system.concurrency import SingleReader
from fibonacci._texts.logging import log
from fibonacci.models.run_results import COLUMNS, RunResult, RunsBlocker, RunsSummary

if TYPE_CHECKING:
    import pandas

    from fibonacci._batch.estimate import RunsEstimate
    from fibonacci._display.progress import RowsBar


_log = logging.getLogger("fibonacci")


class AsyncBatchProgress:
    """Shows the progress of a batch.

    Args:
        context: What the parts of the batch share.
        bar: The progress bar. None to log instead.
    """

    def __init__(self, context: AsyncBatchContext, bar: RowsBar | None) -> None:
        self._context = context
        self._bar = bar
        self._logged_at: float = context.now

    def show(self) -> None:
        """Show how far the rows have come."""
        context, now = self._context, self._context.now
        if self._bar is None and now - self._logged_at < LOG_EVERY:
            return
        summary = context.summary
        text = context.progress.text(summary, context.measured_progress())
        if self._bar is not None:
            self._bar.show(summary.succeeded + summary.failed, text)
        else:
            self._logged_at = now
            log(_log, logging.INFO, "%s", context.progress.line(summary, text))

    def close(self) -> None:
        """Leave the progress bar as it is, or log a last line."""
        self._logged_at = float("-inf")
        self.show()
        if self._bar is not None:
            self._bar.close()


def rows_bar(total: int | None) -> RowsBar | None:
    """Return a progress bar if somebody can see it, otherwise None.

    Raises:
        ImportError: If tqdm isn't installed.
    """
    if not (sys.stderr is not None and sys.stderr.isatty()) and "ipykernel" not in sys.modules:
        return None
    from fibonacci._display.progress import RowsBar

    return RowsBar(total)


_ATTENDED = "another task or thread is waiting for the next result of these rows: iterate and close them in one only"


class AsyncBatchSession:
    """One loop over the rows of a batch.

    Args:
        requestor: Sends the requests.
        requests: The requests about the workflow.
        rows: The iterable of rows.
        options: The arguments of `run_many`.

    Attributes:
        was_begun: Whether the loop has started.
        is_left: Whether it has ended, or is being ended.
    """

    def __init__(
        self,
        requestor: AsyncRequestor,
        requests: AsyncBatchRequests,
        rows: _workers.AsyncRows,
        options: BatchOptions,
    ) -> None:
        self.was_begun: bool = False
        self._open = partial(open_batch, requestor, requests, options)
        self._rows = rows
        self._options = options
        self._context: AsyncBatchContext | None = None
        self._runner: AsyncBatchRunner | None = None
        self._signal: int | None = None
        self._progress: AsyncBatchProgress | None = None
        self.is_left: bool = False
        self._single = SingleReader(_ATTENDED)
        self._process = os.getpid()

    @property
    def summary(self) -> RunsSummary:
        """How far the rows have come."""
        return BatchState(self._options).summary if self._context is None else self._context.summary

    def recorded(self) -> list[RunResult]:
        """Return the results so far, in the order of the rows."""
        if self._context is None:
            return []
        unwritten = [row.result for row in self._context.state.changed if row.result is not None]
        results = [*unwritten, *self._context.journal.results()]
        if can_be_read_again(self._rows):  # the journal may have the order of an earlier call, and more rows
            places = {key_in(key): index for index, key in enumerate(self._options.parser.keys(self._rows))}
            results = [replace(result, index=places[result.key]) for result in results if result.key in places]
        by_index = {result.index: result for result in results}
        return [by_index[index] for index in sorted(by_index)]

    async def next_result(self) -> RunResult | None:
        """Return the next result, or None at the end.

        Raises:
            FibonacciError: If anything ended the batch early.
        """
        if self.is_left:
            return None
        self._check_process()
        turn = None
        try:
            turn = self._single.turn()
            with turn:
                result = await self._next_or_record()
            if result is None:
                await self._end()
            return result
        except (Exception, KeyboardInterrupt, SystemExit) as error:
            if turn is None:  # whoever is refused ends nothing
                raise
            turn.end()  # the traceback may keep it, and the iterator with the journal
            self.close_soon()
            if not isinstance(error, Exception):
                raise
            if self._context is not None:
                journal = self._context.journal
                error.add_note(resume_note(self.summary, journal.path, error, is_empty=journal.is_empty))
            if isinstance(error, _workers.LOOP_ENDS):
                name = type(error).__name__
                raise RuntimeError(f"key= raised {name}, as next() does without a default") from error
            raise

    async def aclose(self) -> None:
        """Wait for the requests under way, and close the journal, even if the caller is canceled.

        The session keeps the journal as long as a request that may start a row is under way. If it closed the journal
        before the response, the next call would be refused.

        Raises:
            RuntimeError: If another task or thread is waiting for a result, or is closing too.
        """
        with self._single.turn():
            try:
                if self._context is not None and self._process == os.getpid():
                    self._context.state.stop(None)
                    await _runtime.shielded(self._context.drain, math.inf)  # each request has a timeout
            finally:
                self.close_soon()

    def stop(self) -> None:
        """Start no more rows. It takes no lock and does no I/O, so `__del__` may call it."""
        self.is_left = self.was_begun = True
        restore_signals(self._interrupt)
        if self._context is not None:
            self._context.state.stop(None)

    def close_soon(self) -> None:
        """Stop, and close what was opened, as soon as no request is under way.

        A second call finishes what Ctrl-C kept the first one from finishing.
        """
        self.stop()
        progress, self._progress = self._progress, None
        if progress is not None:
            progress.close()
        if self._context is not None and self._process == os.getpid():
            self._context.close_soon()

    def _check_process(self) -> None:
        """Check that this process can wait for results.

        Raises:
            RuntimeError: If the rows run in the process that this one was forked from.
        """
        if self._process != os.getpid():
            raise RuntimeError(
                "these rows run in the process that started them, not in a fork of it: call run_many there"
            )

    async def _next_or_record(self) -> RunResult | None:
        """Run rows until one has a result, and record the IDs of executions however this ends."""
        try:
            return await self._next()
        finally:
            if self._context is not None:
                self._context.pause_iterating()

    async def _next(self) -> RunResult | None:
        """Run rows until one has a result, and return it, or None if there are no more."""
        if self._runner is None:
            if can_be_read_again(self._rows):
                self._options.parser.check_keys(self._rows)
            end_abandoned()  # one of them may have the journal
            bar = rows_bar(self._options.total) if self._options.progress else None
            self._context = await self._open()
            self._context.state.reads_on = can_be_read_again(self._rows) and not self._context.journal.is_new
            if self._options.progress:
                self._progress = AsyncBatchProgress(self._context, bar)
            self._runner = AsyncBatchRunner(self._context, self._rows)
            handle_signals(self._interrupt)
            await self._runner.begin()
        if self._context is not None:
            self._context.is_iterating = True
        while (result := self._runner.pop()) is None and not self._runner.is_over:
            await self._runner.step()
            if self._progress is not None:
                self._progress.show()
        return result

    async def _end(self) -> None:
        """End the batch, and raise what ended it early."""
        self.close_soon()
        if self._signal is not None:
            signal.raise_signal(self._signal)
            await _runtime.checkpoint()
        if self._context is not None and self._context.state.end_error is not None:
            raise self._context.state.end_error

    def _interrupt(self, number: int) -> None:
        """Start no more rows, from a signal handler."""
        if self._context is not None:
            self._context.inbox.put(partial(self._stop_by_signal, number))

    def _stop_by_signal(self, number: int) -> None:
        if self._context is not None:
            self._signal = number
            self._context.state.stop(None)
            text = drain_text(number, self._context.state.count("starting", "running"), self._context.journal.path)
            if sys.stderr is not None:  # else it would be printed to stdout
                with suppress(OSError):  # the terminal is closed, which is what SIGHUP says
                    print(text, file=sys.stderr)


class AsyncRuns(_runtime.AsyncIterationHints):
    """The rows of a `workflows.run_many`, which run while you loop over them.

    The loop yields the `RunResult` of each row as it ends, or in the order of the rows with `ordered=True`. You can
    loop only once.

    The SDK starts rows and follows them only while the loop waits for the next result. Between results, only requests
    under way continue. If you do long work with each result, do it elsewhere, for example in another thread, or your
    rows run slower.

    If you leave the loop early, no more rows start, and executions that have started keep running on the platform. To
    pick them up again later, use a `journal` (see `workflows.run_many`). Call `aclose` or leave the `with` block, then
    make the same `run_many` call again. That call waits for the executions that are still running.

    Example:
        ```python
        rows = [{"name": "Ada"}, {"name": "Bob"}]
        async with client.workflows.run_many(workflow.id, rows) as runs:
            async for run in runs:
                print(run.key, run.outputs)
            print(runs.summary)
        ```
    """

    _as_list = "results()"

    def __init__(self, requestor: AsyncRequestor, workflow_id: str, rows: Any, options: BatchOptions) -> None:
        self._requestor = requestor
        self._workflow_id = workflow_id
        self._requests = AsyncBatchRequests(requestor, workflow_id)
        self._options = options
        self._rows = rows
        self._latest: deque[RunResult] = deque(maxlen=ROWS)
        self._session = AsyncBatchSession(requestor, self._requests, rows, options)

    @property
    def summary(self) -> RunsSummary:
        """How many rows have succeeded, failed, have an unknown outcome or are left, at this moment."""
        return self._session.summary

    @property
    def blocked_by(self) -> RunsBlocker | None:
        """What keeps the rows from moving: an outage of the platform, or a quota that is used up.

        None while nothing does. `fibonacci journal status` and `read_journal` show it to other processes.
        """
        return self.summary.blocked_by

    async def results(self) -> list[RunResult]:
        """Run all rows, and return their results in the order of the rows.

        If you have already looped, even over a part of the rows, it runs no more rows. It then returns the results so
        far, and leaves out rows whose execution hasn't ended.

        Returns:
            A list with the result of each row, in the order of the rows.

        Raises:
            FibonacciError: For the same reasons as in a loop (see `workflows.run_many`). Call `results` again to get
                the results so far.

        Example:
            ```python
            runs = client.workflows.run_many(workflow.id, [{"name": "Ada"}, {"name": "Bob"}])
            print([run.status for run in await runs.results()])
            ```
        """
        if not self._session.was_begun:
            by_index = {result.index: result async for result in self}
            return [by_index[index] for index in sorted(by_index)]
        return self._session.recorded()

    async def to_pandas(self, *, flatten: bool = False) -> pandas.DataFrame:
        """Run all rows, and return their results as a pandas data frame (extra `pandas`).

        Its columns are `index`, `key`, `status`, `inputs`, `outputs`, `error` (as text), `execution_id` and
        `duration_ms`. If the rows come from a pandas data frame, it has the index of that frame, so you can assign its
        columns to the frame.

        If you have already looped, it runs no more rows, as `results` does.

        Args:
            flatten: Whether to make a column of each input and each output, such as `outputs.greet`.

        Returns:
            A data frame with a line for each row, in the order of the rows. A row without a result has only its index,
            key and inputs. If rows can be read only once, such as those of a generator, it has no line.

        Raises:
            ImportError: If pandas isn't installed. Nothing is run.
            FibonacciError: For the same reasons as in a loop (see `workflows.run_many`).

        Example:
            ```python
            runs = client.workflows.run_many(workflow.id, [{"name": "Ada"}])
            frame = await runs.to_pandas(flatten=True)
            print(frame[["inputs.name", "outputs.greet"]])
            ```
        """
        from fibonacci._display.frames import load_library, pandas_frame

        load_library("pandas")  # before a row is started
        lines = {result.index: result.to_dict() for result in await self.results()}
        index = self._rows.index if isinstance(self._rows, FrameRows) else None
        if can_be_read_again(self._rows):
            for place, value in enumerate(self._rows):
                if place not in lines:
                    row, _ = self._options.parser.parse(place, value)
                    lines[place] = {"index": place, "key": key_in(row.key), "inputs": row.inputs}
        return pandas_frame([lines[place] for place in sorted(lines)], COLUMNS, flatten=flatten, index=index)

    async def estimate(self, rows: int | None = None) -> RunsEstimate:
        """Estimate how long the rows will take, and which limit slows them down.

        It runs nothing, and sends four requests at most. It assumes that executions take as long as the workflow's
        latest ones.

        It also raises the errors that would stop the run before its first row: wrong inputs in the first row, two rows
        with the same key, or an unusable journal. It doesn't read rows that can be read only once, such as those of a
        generator.

        Args:
            rows: The number of rows. Default: the length of the rows that you passed to `run_many`, or `max_rows` if
                that is smaller.

        Returns:
            The estimate, in hours. Print it to see the hours and the limit that slows the rows down.

        Raises:
            ValueError: If the number of rows isn't known or isn't positive, two rows have the same key, or the first
                row doesn't fit the workflow. In the first three cases, nothing is sent.
            JournalError: If the journal can't be used.
            APIError: If the workflow can't be read.

        Example:
            ```python
            print(await client.workflows.run_many(workflow.id, [{"name": "Ada"}] * 1000).estimate())
            ```
        """
        return await estimate(self._requestor, self._requests, self._options, self._rows, rows)

    async def aclose(self) -> None:
        """Start no more rows, and wait for the requests under way.

        Executions keep running on the platform. Afterwards, another run can use the journal. If you cancel this call,
        it still waits for the responses before it ends. A second call does nothing.
        """
        await self._session.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __aiter__(self) -> AsyncIterator[RunResult]:
        if self._session.was_begun:
            raise RuntimeError(
                "these rows were already iterated. results() has their results, and run_many runs them again"
            )
        self._session.was_begun = True
        return AsyncRunsIterator(self._session, self._latest)

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            f"{type(self).__name__} cannot be pickled, because it runs rows where it is iterated. Call run_many in the"
            " process that runs the rows. You can pickle the results and the summary"
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._workflow_id}: {self.summary}>"

    def _repr_html_(self) -> str:
        from fibonacci._display.html import runs_html

        results = [result.to_dict() for result in self._latest]
        return runs_html(type(self).__name__, self._workflow_id, asdict(self.summary), results)


class AsyncRunsIterator:
    """Yields results. Once it is gone, as after a `break`, no more rows start.

    Args:
        session: The loop over the batch.
        latest: Where the latest results are kept for display.
    """

    def __init__(self, session: AsyncBatchSession, latest: deque[RunResult]) -> None:
        self._session = session
        self._latest = latest

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> RunResult:
        result = await self._session.next_result()
        if result is None:
            raise StopAsyncIteration
        self._latest.append(result)
        return result

    def __del__(self) -> None:
        if hasattr(self, "_session") and not self._session.is_left:  # Ctrl-C may have come before there is one
            self._session.stop()
            end_soon(self._session.close_soon)
