"""A bar for an execution that is waited for, by tqdm, which comes with the extra `progress`."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from io import StringIO
from threading import Event, Thread
from types import TracebackType
from typing import Generic, Self, TypeVar

from fibonacci._display.protocols import ExecutionRecord
from fibonacci._display.text import counted, cut, printable

try:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # in a notebook without ipywidgets the bar is a text
        from tqdm.auto import tqdm
except ImportError as error:
    raise ImportError("progress=True needs tqdm: pip install 'fibonacci-sdk[progress]'") from error

#: Seconds between two refreshes: the elapsed time advances between updates.
_REFRESH = 1.0
_ENDED = {"completed", "failed", "skipped", "cancelled"}


E = TypeVar("E", bound=ExecutionRecord)


class ProgressBar(Generic[E]):
    """Shows the state of an execution, the elapsed time and, where the platform sends them, its nodes; on stderr.

    It is shown while it is entered, and stays on its line afterwards, however the wait has ended.

    Args:
        on_update: Called with the execution too, whenever it has changed.
    """

    def __init__(self, on_update: Callable[[E], object] | None) -> None:
        self._on_update = on_update
        self._closing = Event()
        self._ticker = Thread(target=self._tick, name="fibonacci-progress", daemon=True)
        # A process without a console, such as one of pythonw, has no stderr.
        self._bar = tqdm(desc="sending", bar_format="{desc} [{elapsed}]", file=sys.stderr or StringIO())
        self._ticker.start()

    def __call__(self, execution: E) -> object:
        """Show an execution, and return what `on_update` returns."""
        self._show(execution)
        return None if self._on_update is None else self._on_update(execution)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._ticker.join()
        self._bar.close()

    def _show(self, execution: ExecutionRecord) -> None:
        bar = self._bar
        nodes = execution.trace
        if nodes:
            total, done = len(nodes), sum(node.status in _ENDED for node in nodes)
            if bar.total != total:
                self._set_total(total)
            bar.n = done
            bar.bar_format = "{desc}: {bar}| {n_fmt}/{total_fmt} nodes [{elapsed}]"
        elif execution.nodes_executed is not None:
            bar.n = execution.nodes_executed
            bar.bar_format = f"{{desc}}: {counted(bar.n, 'node')} [{{elapsed}}]"
        bar.set_description_str(f"{_text(execution.id)} {_text(execution.status)}", refresh=False)
        bar.refresh()

    def _set_total(self, total: int) -> None:
        bar = self._bar
        if hasattr(bar, "container"):  # the widget of a notebook, which `reset` alone tells
            began = bar.start_t
            bar.reset(total)
            bar.start_t = began
        else:  # where `reset` would show a bar that is empty again
            bar.total = total

    def _tick(self) -> None:
        while not self._closing.wait(_REFRESH):
            self._bar.refresh()


def _text(value: str | None) -> str:
    """Return a text on one line."""
    return cut(printable(" ".join((value or "").split())), 40)
