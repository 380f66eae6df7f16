"""Showing how far a batch has come: a bar on a terminal and in a notebook, else a line of the log each minute."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

from fibonacci._async.batch.context import AsyncBatchContext
from fibonacci._batch.progress import LOG_EVERY
from fibonacci._log_records import log
from fibonacci.errors import loading_error

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
