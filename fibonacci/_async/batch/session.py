"""One iteration over a batch, from its first row to its end: signals, progress, errors."""

from __future__ import annotations

import logging
import math
import os
import signal
import sys
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from fibonacci._async import _runtime
from fibonacci._async.batch import _workers
from fibonacci._async.batch.context import AsyncBatchContext
from fibonacci._async.batch.opening import open_batch
from fibonacci._async.batch.requests import AsyncBatchRequests
from fibonacci._async.batch.runner import AsyncBatchRunner
from fibonacci._async.requestor import AsyncRequestor
from fibonacci._batch.leaving import InterruptHandler, abandoned_runs
from fibonacci._batch.options import BatchOptions
from fibonacci._batch.progress import LOG_EVERY, drain_text, resume_note
from fibonacci._batch.rows import can_be_read_again
from fibonacci._batch.state import BatchState
from fibonacci._core.single_reader import SingleReader, Turn
from fibonacci._log_records import log
from fibonacci.errors import loading_error
from fibonacci.models.run_results import RunResult, RunsSummary

if TYPE_CHECKING:
    from fibonacci._display.progress import RowsBar


_log = logging.getLogger("fibonacci")


class AsyncBatchProgress:
    """Shows the progress of a batch.

    Args:
        context: What the parts of the batch share.
        bar: The bar; None to log.
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
        summary = context.state.summary
        text = context.progress.text(summary, context.limits, now, max(0.0, context.plan.paused_until - now))
        if self._bar is not None:
            self._bar.show(summary.succeeded + summary.failed, text)
        else:
            self._logged_at = now
            log(_log, logging.INFO, "%s", context.progress.line(summary, text))

    def close(self) -> None:
        """Leave the bar as it is, or log a last line."""
        self._logged_at = float("-inf")
        self.show()
        if self._bar is not None:
            self._bar.close()


def rows_bar(total: int | None) -> RowsBar | None:
    """Return a bar where somebody sees it; None elsewhere.

    Raises:
        ImportError: If tqdm is not installed.
    """
    if not (sys.stderr is not None and sys.stderr.isatty()) and "ipykernel" not in sys.modules:
        return None
    try:
        from fibonacci._display.progress import RowsBar
    except OSError as error:
        raise loading_error(error) from error
    return RowsBar(total)


_ATTENDED = "another task or thread waits for the next result of these rows: iterate and close them in one"


class AsyncBatchSession:
    """One iteration over the rows of a batch.

    Args:
        requestor: Sends the requests.
        requests: The requests about the workflow.
        rows: The iterable of rows.
        options: The arguments of `run_many`.

    Attributes:
        was_begun: Whether somebody iterates, or has iterated.
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
        self._interrupts = InterruptHandler(self._interrupt)
        self._signal: int | None = None
        self._progress: AsyncBatchProgress | None = None
        self._is_left = False
        self._single = SingleReader(_ATTENDED)
        self._process = os.getpid()

    @property
    def summary(self) -> RunsSummary:
        """How far the rows have come."""
        return (BatchState(self._options) if self._context is None else self._context.state).summary

    async def recorded(self) -> list[RunResult]:
        """Return the results that the rows have, in the order of the rows."""
        if self._context is None:
            return []
        journal = self._context.journal
        unwritten = [result for _, result in self._context.state.finished]
        written = await self._context.use_journal(lambda: list(journal.results()))
        found = {result.index: result for result in [*unwritten, *written]}
        return [found[index] for index in sorted(found)]

    async def next_result(self) -> RunResult | None:
        """Return the next result; None at the end.

        Raises:
            FibonacciError: Whatever ended the batch early.
        """
        if self._is_left:
            return None
        self._check_process()
        turn = None
        try:
            turn = self._single.turn()
            with turn:
                result = await self._next_or_record()
            if result is None:
                await self._end()
            elif self._options.on_result is not None:
                await _runtime.resolve("on_result", self._options.on_result(result))
            return result
        except (KeyboardInterrupt, SystemExit):  # whose traceback may keep the turn and the iterator, with the journal
            self._leave_after(turn)
            raise
        except Exception as error:
            if turn is None:  # whoever is refused ends nothing
                raise
            self._leave_after(turn)
            if self._context is not None:
                journal = self._context.journal
                error.add_note(resume_note(self.summary, journal.path, error, is_empty=journal.is_empty))
            if isinstance(error, _workers.LOOP_ENDS):
                name = type(error).__name__
                raise RuntimeError(f"key= or on_result= raised {name}, as next() does without a default") from error
            raise

    def _leave_after(self, turn: Turn | None) -> None:
        """Leave, unless another one has the turn."""
        if turn is not None:
            turn.end()
            self.leave()

    async def aclose(self) -> None:
        """Wait for the requests on their way, and close the journal, also when the caller is canceled.

        The journal stays claimed as long as a request is on its way that may start a row: a close that left before its
        response would have the next call refused.

        Raises:
            RuntimeError: If another task or thread waits for a result, or closes too.
        """
        with self._single.turn():
            try:
                if self._runner is not None and self._process == os.getpid():
                    await _runtime.shielded(self._drain_and_save, math.inf)  # each request has a timeout
            finally:
                self.leave()
                await _end_abandoned()

    async def _drain_and_save(self) -> None:
        if self._runner is not None:
            await self._runner.drain()
            if not self._is_left:
                await self._runner.save()

    def leave(self) -> None:
        """Start no further row. The journal is closed when no request is on its way any more.

        Another call ends what Ctrl-C has kept the first one from ending.
        """
        self._stop()
        self._end_use()

    def abandon(self) -> None:
        """Do the same where nothing may wait or take a lock, as in `__del__`: another thread ends it."""
        if not self._is_left:
            self._stop()
            if self._context is not None and self._process == os.getpid():
                abandoned_runs.end_soon(self._end_use)

    def leave_at_exit(self) -> None:
        """Do the same at the end of the process, unless a thread that ends with it waits for a result."""
        with suppress(RuntimeError), self._single.turn():
            self.leave()

    def _stop(self) -> None:
        self._is_left = self.was_begun = True
        self._interrupts.restore()
        if self._context is not None:
            self._context.state.stop(None)

    def _end_use(self) -> None:
        """Close what was opened, as soon as no request is on its way any more."""
        if self._progress is not None:
            self._progress.close()
            self._progress = None
        if self._context is not None:
            self._context.leave()

    def _check_process(self) -> None:
        """Check that results can be waited for here.

        Raises:
            RuntimeError: If the rows run in the process that this one is a fork of.
        """
        if self._process != os.getpid():
            raise RuntimeError("these rows run in the process that has begun to, not in its fork: call run_many there")

    async def _next_or_record(self) -> RunResult | None:
        """Run rows until one has a result; the ids of executions are in the journal however it ends."""
        try:
            return await self._next()
        finally:
            if self._context is not None:
                await self._context.record_unattended()

    async def _next(self) -> RunResult | None:
        """Run rows until one has a result; return None when none will."""
        if self._runner is None:
            if can_be_read_again(self._rows):
                self._options.parser.check_keys(self._rows)
            await _end_abandoned()
            bar = rows_bar(self._options.total) if self._options.progress else None
            self._context = await self._open()
            self._context.state.reads_on = can_be_read_again(self._rows) and not self._context.journal.is_new
            if self._options.progress:
                self._progress = AsyncBatchProgress(self._context, bar)
            self._runner = AsyncBatchRunner(self._context, self._rows)
            abandoned_runs.add_run(self)
            self._interrupts.install()
            await self._runner.begin()
        if self._context is not None:
            self._context.is_attended = True
        while (result := self._runner.pop()) is None and not self._runner.is_over:
            await self._runner.step()
            if self._progress is not None:
                self._progress.show()
        return result

    async def _end(self) -> None:
        """End the batch, and raise what ended it early."""
        self.leave()
        if self._signal is not None:
            signal.raise_signal(self._signal)
            await _runtime.checkpoint()
        if self._context is not None and self._context.state.end_error is not None:
            raise self._context.state.end_error

    def _interrupt(self, number: int) -> None:
        """Drain, from a signal handler."""
        if self._context is not None:
            self._context.inbox.put(partial(self._drain, number))

    def _drain(self, number: int) -> None:
        if self._context is not None:
            self._signal = number
            self._context.state.stop(None)
            text = drain_text(number, self._context.state.waited_for, self._context.journal.path)
            if sys.stderr is not None:  # else it would be printed to stdout
                with suppress(OSError):  # the terminal is closed, which is what SIGHUP says
                    print(text, file=sys.stderr, flush=True)


async def _end_abandoned() -> None:
    """End runs whose iterator is gone: one of them may have the journal."""
    if abandoned_runs.has_ends:
        await _workers.beside(abandoned_runs.end)
