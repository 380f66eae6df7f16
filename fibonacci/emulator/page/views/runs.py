"""The list of runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fibonacci.emulator.engine.records import WAITING
from fibonacci.emulator.page.backend import Backend
from fibonacci.emulator.page.components import NOTHING, duration, moment, pager, state, state_text, table, with_query
from fibonacci.emulator.page.context import PageContent, ViewContext
from fibonacci.emulator.page.html import Content, HTMLElement, h

_FILTERS = ("running", WAITING, "completed", "failed", "cancelled")


def show_list(context: ViewContext) -> PageContent:
    """Show the runs, the newest first."""
    status, workflow_id = context.query.text("status"), context.query.text("workflow_id")
    found = context.backend.items("/executions", context.cursor, status=status, workflow_id=workflow_id)
    of_workflow: Content = None
    if workflow_id is not None:
        name = context.backend.workflow_name(workflow_id) or workflow_id
        everywhere = h.a("show those of all workflows", href=with_query(context, workflow_id=None, cursor=None))
        of_workflow = h.p("Of the workflow ", h.strong(name), "; ", everywhere, ".")
    return PageContent(
        "Runs",
        [of_workflow, _filters(context, status), runs_table(context.backend, found.items), pager(context, found.more)],
        "Runs",
    )


def runs_table(backend: Backend, runs: Sequence[Any]) -> HTMLElement:
    """Return a table of executions in their public form."""
    names = {run["workflow_id"]: backend.workflow_name(run["workflow_id"]) for run in runs}
    empty = h.p("No runs here. Run a workflow with ", h.code("client.workflows.run(workflow_id)"), ", or on its page.")
    columns = ("State", "Run", "Workflow", "Started", "Duration", "Nodes")
    return table("Runs", columns, [_row(run, names[run["workflow_id"]]) for run in runs], empty, ("Duration", "Nodes"))


def _row(run: Any, name: str | None) -> HTMLElement:
    execution_id, is_waiting = run["execution_id"], run["status"] == WAITING
    workflow = h.code(run["workflow_id"]) if name is None else h.a(name, href=f"/ui/workflows/{run['workflow_id']}")
    return h.tr(
        h.td(state(run["status"])),
        h.td(h.a(h.code(execution_id), href=f"/ui/runs/{execution_id}")),
        h.td(workflow, class_="name"),
        h.td(moment(run["created_at"])),
        h.td(NOTHING if is_waiting else duration(run["duration_ms"]), class_="number"),
        h.td(NOTHING if is_waiting else _nodes(run), class_="number"),
        id=execution_id,
    )


def _nodes(run: Any) -> str:
    failed = run["nodes_failed"]
    return f"{run['nodes_executed']} of {len(run['nodes'])}" + (f", {failed} failed" if failed else "")


def _filters(context: ViewContext, chosen: str | None) -> HTMLElement:
    with context.backend.reading() as store:
        counts = store.executions.counts("status")
    links = [_filter(context, "All", None, chosen, sum(counts.values()))]
    links += [_filter(context, state_text(name), name, chosen, counts.get(name, 0)) for name in _FILTERS]
    return h.nav(h.ul(links), class_="filters", aria_label="States")


def _filter(context: ViewContext, text: str, status: str | None, chosen: str | None, count: int) -> HTMLElement:
    number: Content = None if context.query.text("workflow_id") else [" ", h.span(f"{count:,}", class_="count")]
    target = with_query(context, status=status, cursor=None)
    return h.li(h.a(text, number, href=target, aria_current="true" if status == chosen else None))
