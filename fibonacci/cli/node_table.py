"""The nodes of an execution as a table that is kept up to date, by rich (extra `cli`)."""

from __future__ import annotations

from time import monotonic

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from fibonacci.cli.live_display import LiveDisplay
from fibonacci.cli.node_texts import approval_text, duration_of, one_line, remark_on
from fibonacci.models import Execution, NodeTrace

_LONGEST_NAME = 32
_STYLES = {"completed": "green", "failed": "red", "running": "yellow", "pending_approval": "yellow"}


class NodeTable(LiveDisplay):
    """Shows the nodes of an execution on stderr while the block runs, and leaves the last state there.

    Args:
        no_color: Whether to show no color, whatever the environment has.
    """

    def __init__(self, *, no_color: bool) -> None:
        self._execution: Execution | None = None
        self._begin = monotonic()
        self._started: dict[str, float] = {}
        self._ended: float | None = None
        console = Console(stderr=True, no_color=no_color or None, highlight=False)
        super().__init__(console, self._render)

    def update(self, execution: Execution) -> None:
        """Take the present state, which the next picture shows."""
        now = monotonic()
        for node in execution.trace or ():
            if node.status == "running":
                self._started.setdefault(node.id, now)
        if execution.is_terminal and self._ended is None:
            self._ended = now
        self._execution = execution

    def _render(self) -> RenderableType:
        execution = self._execution
        if execution is None:
            return Text("")
        elapsed = (self._ended or monotonic()) - self._begin
        status = Text(one_line(execution.status or ""), style=_STYLES.get(execution.status or "", ""))
        title = Text.assemble(f"execution {one_line(execution.id)}  ", status, f"  {elapsed:.0f} s")
        parts: list[RenderableType] = [title]
        if execution.status == "pending_approval":
            parts.append(Text(approval_text(execution)))
        if execution.trace:
            parts.append(self._table(execution.trace))
        return Group(*parts)

    def _table(self, trace: list[NodeTrace]) -> Table:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        table.add_column("node", no_wrap=True, max_width=_LONGEST_NAME)
        table.add_column("status", no_wrap=True)
        table.add_column("time", justify="right", no_wrap=True)
        table.add_column("")  # it alone is narrowed where the terminal is too narrow for all
        for node in trace:
            style = _STYLES.get(node.status or "", "dim")
            table.add_row(
                Text(one_line(node.id)),
                Text(one_line(node.status or ""), style),
                self._time(node),
                Text(remark_on(node)),
            )
        return table

    def _time(self, node: NodeTrace) -> Text:
        if node.status == "running" and node.id in self._started:
            return Text(f"{monotonic() - self._started[node.id]:.0f} s")
        return Text(duration_of(node))
