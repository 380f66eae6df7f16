"""Progress bars by tqdm, from the extra `progress`: for waiting on one execution, and for many rows."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from io import StringIO
from threading import Event, Thread
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, cast

from fibonacci._display.text import cut
from fibonacci._texts.text import counted, printable

try:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # without ipywidgets, the bar in a notebook is text
        from tqdm.auto import tqdm
except ImportError as error:
    raise ImportError("progress=True needs tqdm: pip install 'fibonacci-sdk[progress]'") from error

#: Seconds between two refreshes, so that the elapsed time advances between updates.
_REFRESH = 1.0
_ENDED = {"completed", "failed", "skipped", "cancelled"}


E = TypeVar("E", bound="Execution")

if TYPE_CHECKING:
    from fibonacci.models import Execution

    _Tqdm = tqdm[Any]
else:
    _Tqdm = tqdm


class _Bar(_Tqdm):
    """A bar that blocks nobody if stderr can't be written, for example because the reader of a pipe has gone.

    tqdm would raise the error without releasing its lock, and every other thread with a bar would wait forever.
    """

    def refresh(self, *_: Any, **__: Any) -> None:
        with cast("Any", self).get_lock(), suppress(OSError, ValueError):  # the lock has no type
            super().refresh(nolock=True)

    def close(self) -> None:
        with suppress(OSError, ValueError):
            super().close()


class TickingBar:
    """A bar on stderr whose elapsed time advances even while nothing happens.

    It stays on its line after it is closed.

    Args:
        options: The arguments of tqdm.
    """

    def __init__(self, **options: Any) -> None:
        self._closing = Event()
        self._ticker = Thread(target=self._tick, name="fibonacci-progress", daemon=True)
        # A process without a console, such as pythonw, has no stderr.
        self._bar = _Bar(file=sys.stderr or StringIO(), **options)
        with suppress(RuntimeError):  # no thread available: the time then advances with each update
            self._ticker.start()

    def close(self) -> None:
        """Leave the bar as it is. A second call does nothing."""
        if not self._closing.is_set():
            self._closing.set()
            if self._ticker.is_alive():
                self._ticker.join()
            self._bar.close()

    def _tick(self) -> None:
        while not self._closing.wait(_REFRESH):
            self._bar.refresh()


class ProgressBar(TickingBar, Generic[E]):
    """Shows the state of an execution on stderr, with the elapsed time and the nodes, if the platform sends them.

    It is shown while it is entered, and stays on its line afterwards, however the wait has ended.

    Args:
        on_update: Called with the execution too, whenever it has changed.
    """

    def __init__(self, on_update: Callable[[E], object] | None) -> None:
        super().__init__(desc="sending", bar_format="{desc} [{elapsed}]")
        self._on_update = on_update

    def __call__(self, execution: E) -> object:
        """Show an execution, and return what `on_update` returns."""
        self._show(execution)
        return None if self._on_update is None else self._on_update(execution)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _show(self, execution: Execution) -> None:
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
        if hasattr(bar, "container"):  # a notebook widget learns of the new total only from `reset`
            began = bar.start_t
            bar.reset(total)
            bar.start_t = began
        else:  # `reset` would show an empty bar again
            bar.total = total


class RowsBar(TickingBar):
    """Shows how many rows have ended.

    Args:
        total: The number of rows, or None if unknown.
    """

    def __init__(self, total: int | None) -> None:
        shown = "{n_fmt}/{total_fmt}" if total is not None else "{n_fmt}"
        bar = "{bar}| " if total is not None else ""
        super().__init__(total=total, unit="row", bar_format=f"{bar}{shown} rows [{{elapsed}}]{{postfix}}")

    def show(self, ended: int, text: str) -> None:
        """Show how many rows have ended, and a text."""
        self._bar.n = ended
        self._bar.set_postfix_str(text, refresh=False)
        self._bar.update(0)


def _text(value: str | None) -> str:
    """Return a text on one line."""
    return cut(printable(" ".join((value or "").split())), 40)
