"""A status that is kept up to date on a terminal, by rich (extra `cli`)."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from fibonacci.cli.journal.status import RunStatus, status_lines
from fibonacci.cli.rendering import encoding_of


@contextmanager
def live_status(stream: TextIO, *, no_color: bool) -> Generator[Callable[[RunStatus], object]]:
    """Yield what shows a status in the place of the one before; the last one stays.

    Args:
        stream: The terminal.
        no_color: Whether to show no color, whatever the environment has.
    """
    console = Console(file=stream, no_color=no_color or None, highlight=False, markup=False, emoji=False)
    is_unicode = encoding_of(stream).lower().startswith("utf")
    with Live(console=console, auto_refresh=False) as live:

        def show(status: RunStatus) -> None:
            lines = status_lines(status, console.width, is_unicode=is_unicode)
            live.update(Group(*(Text.assemble(*line, no_wrap=True) for line in lines)), refresh=True)

        yield show
