"""What is kept up to date on a terminal, by rich (extra `cli`), also over Ctrl-Z."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Final, Self

from rich.console import Console, RenderableType
from rich.live import Live

from fibonacci.cli.signals import stopped_by_terminal

_PICTURES_PER_SECOND: Final = 4


class LiveDisplay:
    """Shows a picture on a console while the block runs, and leaves the last one there.

    Ctrl-Z leaves it as an end does, with a cursor, and `fg` draws it again, below what the shell has printed. A thread
    of rich draws, so that the signal never comes in the middle of a picture.

    Args:
        console: Where it is shown.
        render: Returns the picture as it is now.
    """

    def __init__(self, console: Console, render: Callable[[], RenderableType]) -> None:
        self._console = console
        self._render = render
        self._exits = ExitStack()

    def __enter__(self) -> Self:
        self._start()
        self._exits.callback(self._stop)
        self._exits.enter_context(stopped_by_terminal(self._stop, self._start))
        return self

    def __exit__(self, *_: object) -> None:
        self._exits.close()

    def _start(self) -> None:
        # A new one: one that was stopped would draw over what the shell has printed.
        self._live = Live(get_renderable=self._render, console=self._console, refresh_per_second=_PICTURES_PER_SECOND)
        self._live.start()

    def _stop(self) -> None:
        self._live.stop()
