"""Runs: the list, and one run with its diagram and the trace of each node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple
from zlib import crc32

from fibonacci._text import counted
from fibonacci.definitions.diagrams.svg import Drawing
from fibonacci.emulator.engine.records import QUEUED, WAITING
from fibonacci.emulator.http.messages import Detail, ServerResponse
from fibonacci.emulator.page import responses
from fibonacci.emulator.page.components import (
    NOTHING,
    duration,
    facts,
    field,
    form,
    is_brief,
    json_block,
    moment,
    pager,
    run_snippets,
    short,
    state,
    state_text,
    table,
    with_query,
)
from fibonacci.emulator.page.context import Done, PageContent, Slice, ViewContext, segment
from fibonacci.emulator.page.diagram import NodeLink, diagram, has_nodes
from fibonacci.emulator.page.html import Content, HTMLElement, h, icon
from fibonacci.emulator.page.run_form import inputs_of_form, run_form
from fibonacci.emulator.page.views.approvals import approval_of
from fibonacci.emulator.state.executions import Search
from fibonacci.emulator.state.json_encoding import JSONObject
from fibonacci.emulator.state.records import TERMINAL

NO_NODES: Final[Mapping[str, Any]] = {"nodes": []}
"""What to draw for a workflow without a definition."""

STATES: Final = ("running", QUEUED, WAITING, "completed", "failed", "cancelled")
"""The states of runs, as the page lists them."""

"""The parts of a run that a search looks at."""

_LONGEST: Final = 200
_MOST_WORKFLOWS: Final = 200


def show_list(context: ViewContext) -> PageContent:
    """Show the runs that a search wants, the newest first. Its address is a link to the search."""
    status, workflow_id = context.query.searched("status"), context.query.searched("workflow_id")
    faults: list[Detail] = []
    search = _search(context, faults)
    page = (
        Slice([], None)
        if faults
        else context.backend.runs(context.cursor, search, workflow_id=workflow_id, status=status)
    )
    is_plain = not (search.text or search.begin or search.end or faults)
    return PageContent(
        _title(context),
        [
            _search_form(context, {fault.field: fault.message for fault in faults}),
            _filters(context, status, workflow_id, is_plain=is_plain),
            _runs(context, page.items, _EMPTY if is_plain and not (status or workflow_id) else _NO_MATCH),
            pager(context, page.more),
        ],
        "Runs",
    )


def _title(context: ViewContext) -> str:
    """Return what tells the tabs of different searches apart."""
    query = context.query
    workflow_id, status, begin, end = (query.searched(name) for name in ("workflow_id", "status", "from", "to"))
    parts = (
        None if context.searched is None else f"“{short(context.searched, context, 40)}”",
        None if status is None else short(state_text(status), context, 40),
        None if workflow_id is None else short(context.backend.workflow_name(workflow_id) or workflow_id, context, 40),
        None if begin is None else f"from {begin[:19]}",
        None if end is None else f"to {end[:19]}",
    )
    wanted = ", ".join(part for part in parts if part is not None)
    return f"Runs: {wanted}" if wanted else "Runs"


def _search(context: ViewContext, faults: list[Detail]) -> Search:
    text = context.searched or ""
    if len(text) > _LONGEST:
        faults.append(Detail("q", f"has {len(text):,} characters, but a search can have at most {_LONGEST}"))
    begin, end = _bound(context, "from", faults), _bound(context, "to", faults, is_end=True)
    return Search(text, begin, end)


def _bound(context: ViewContext, name: str, faults: list[Detail], *, is_end: bool = False) -> float | None:
    """Return the time that was entered as one bound, where the end is that of the day, the minute or the second."""
    text = context.query.searched(name)
    if text is None:
        return None
    bounds = _bounds(text)
    if bounds is None:
        faults.append(Detail(name, f"must be a time such as 2026-01-31 or 2026-01-31T10:00, not {text[:40]!r}"))
        return None
    return bounds[is_end].timestamp()


def _bounds(text: str) -> tuple[datetime, datetime] | None:
    """Return the beginning and the end of a day, a minute or a second, in UTC, or `None` for any other text."""
    try:
        begin = datetime.fromisoformat(text)
        begin = begin.replace(tzinfo=UTC) if begin.tzinfo is None else begin.astimezone(UTC)
        length = 86_400 if len(text) <= len("2026-01-31") else 60 if len(text) <= len("2026-01-31T10:00") else 1
        return begin, begin + timedelta(seconds=length)
    except (ValueError, OverflowError):
        return None


def _time_control(context: ViewContext, name: str, *, is_end: bool = False) -> HTMLElement:
    """Return the control for a time. Browsers show nothing in it but a complete time."""
    text = context.query.searched(name)
    bounds = None if text is None else _bounds(text)
    if text is not None and bounds is None:
        return h.input(type="text", id=f"find-{name}", name=name, value=text)
    time = None if bounds is None else bounds[1] - timedelta(seconds=1) if is_end else bounds[0]
    value = "" if time is None else time.replace(tzinfo=None).isoformat(timespec="seconds")
    return h.input(type="datetime-local", id=f"find-{name}", name=name, value=value, step=1)


def _search_form(context: ViewContext, faults: Mapping[str, str]) -> HTMLElement:
    with context.backend.reading() as store:
        newest = store.workflows.rows(newest_first=True)
        names = {
            workflow["id"]: workflow["name"] for _, (_, workflow) in zip(range(_MOST_WORKFLOWS), newest, strict=False)
        }
    chosen = context.query.searched("workflow_id")
    if chosen is not None and chosen not in names:
        names[chosen] = context.backend.workflow_name(chosen) or chosen
    workflows = [h.option(name.strip() or key, value=key, selected=key == chosen) for key, name in names.items()]
    kept = context.query.searched("status")

    return h.form(
        field(
            "Text in inputs or outputs",
            h.input(type="search", id="search", name="q", value=context.searched or "", spellcheck="false"),
            fault=faults.get("q"),
        ),
        field("Workflow", h.select(h.option("all", value=""), workflows, id="find-workflow", name="workflow_id")),
        field("From", _time_control(context, "from"), fault=faults.get("from")),
        field("To", _time_control(context, "to", is_end=True), fault=faults.get("to")),
        None if kept is None else h.input(type="hidden", name="status", value=kept),
        h.button("Search", class_="primary"),
        h.a("All runs", href="/ui/runs") if "?" in context.target else None,
        h.p("Times are in UTC, by the emulator's clock.", class_="note"),
        action="/ui/runs",
        role="search",
        id="find",
        class_="inline",
        data_static="true",
    )


_EMPTY: Final = "No runs here. Run a workflow on its page, or with "
_NO_MATCH: Final = "No runs match this search. Look at all runs, or run a workflow with "


def runs_table(context: ViewContext, runs: Sequence[Any]) -> HTMLElement:
    """Return a table of executions in their public form."""
    return _runs(context, runs, _EMPTY)


def _runs(context: ViewContext, runs: Sequence[Any], empty: str) -> HTMLElement:
    with context.backend.reading() as store:
        workflows = {run["workflow_id"]: store.workflows.get(run["workflow_id"]) for run in runs}
    names = {key: None if workflow is None else workflow["name"].strip() or key for key, workflow in workflows.items()}
    columns = ("State", "Run and its first input", "Workflow", "Started", "Duration", "Nodes")
    rows = [_row(context, run, names[run["workflow_id"]]) for run in runs]
    nothing = h.p(empty, h.code("client.workflows.run(workflow_id)"), ".")
    return table("Runs", columns, rows, nothing, ("Duration", "Nodes"))


def _row(context: ViewContext, run: Any, name: str | None) -> HTMLElement:
    execution_id, is_waiting = run["execution_id"], run["status"] == WAITING
    workflow = h.code(run["workflow_id"]) if name is None else h.a(name, href=f"/ui/workflows/{run['workflow_id']}")
    return h.tr(
        h.td(state(run["status"])),
        h.td(h.a(h.code(execution_id), href=f"/ui/runs/{execution_id}"), _first_input(context, run), class_="run-name"),
        h.td(workflow, class_="name"),
        h.td(moment(run["created_at"])),
        h.td(NOTHING if is_waiting else duration(run["duration_ms"]), class_="number"),
        h.td(NOTHING if is_waiting else _nodes(run), class_="number"),
        id=execution_id,
    )


def _first_input(context: ViewContext, run: Any) -> Content:
    if "inputs" not in run:
        return h.p("large inputs", class_="note")
    name, value = next(iter(run["inputs"].items()), (None, None))
    return None if name is None else h.p(f"{name}: {short(value, context)}", class_="note")


def _nodes(run: Any) -> str:
    failed = run["nodes_failed"]
    return f"{run['nodes_executed']} of {len(run['nodes'])}" + (f", {failed} failed" if failed else "")


def _filters(context: ViewContext, chosen: str | None, workflow_id: str | None, *, is_plain: bool) -> HTMLElement:
    """Return the links to the runs of each state, with how many there are where that is known without reading them."""
    with context.backend.reading() as store:
        counts = store.executions.counts(workflow_id)
    names = {
        "All": (None, sum(counts.values())),
        **{state_text(name): (name, counts.get(name, 0)) for name in STATES},
    }
    links = [
        h.li(
            h.a(
                text,
                [" ", h.span(f"{count:,}", class_="count")] if is_plain else None,
                href=with_query(context, status=status, cursor=None),
                aria_current="true" if status == chosen else None,
            )
        )
        for text, (status, count) in names.items()
    ]
    return h.nav(h.ul(links), class_="filters", aria_label="States")


def show_run(context: ViewContext) -> PageContent:
    """Show one run."""
    run = _run(context)
    is_over = run["status"] in TERMINAL
    return PageContent(
        f"Run {run['execution_id']}",
        [
            h.div(
                h.p(state(run["status"]), aria_live="polite", id="state"),
                h.div(
                    h.a("Run again", href=f"/ui/runs/{segment(run['execution_id'])}/again", class_="button"),
                    None if is_over else _cancel_form(context),
                    class_="inline",
                ),
                class_="line",
            ),
            _error(context, run),
            approval_of(context, run),
            _facts(context, run),
            h.div(
                h.section(h.h2("Diagram", id="diagram"), _diagram(context, run), aria_labelledby="diagram"),
                h.section(
                    h.h2("Inputs", id="given"),
                    _values("inputs", run["inputs"], context),
                    h.h2("Outputs", id="results"),
                    _values("outputs", run["outputs"], context),
                    aria_labelledby="given results",
                ),
                class_="run",
            ),
            h.section(h.h2("Trace", id="trace"), trace(context, run), aria_labelledby="trace"),
            run_snippets(context, run["workflow_id"], _definition(context, run), run["inputs"]),
        ],
        "Runs",
        is_settled=is_over,
    )


_MOST_VALUES: Final = 12
"""How many inputs or outputs are shown one by one. More are shown as JSON."""


def _values(name: str, values: Mapping[str, Any], context: ViewContext) -> Content:
    """Return inputs or outputs by name, the short ones in a line each."""
    if not values:
        return h.p("None.", class_="note")
    whole = json_block(name, name.capitalize(), values, context)
    if len(values) > _MOST_VALUES:
        return whole
    brief = {key: value for key, value in values.items() if is_brief(value)}
    return [
        h.dl(
            [
                [h.dt(key), h.dd(value if isinstance(value, str) else short(value, context))]
                for key, value in brief.items()
            ],
            class_="values",
        )
        if brief
        else None,
        [
            json_block(f"{name}-{number}", key, value, context)
            for number, (key, value) in enumerate(values.items())
            if key not in brief
        ],
        h.details(h.summary("As JSON"), whole, id=f"{name}-json", open=context.full == name),
    ]


def show_again(context: ViewContext) -> PageContent:
    """Show the form that runs the workflow of a run again, with its inputs, which can be changed."""
    run = _run(context)
    workflow_id, execution_id = run["workflow_id"], run["execution_id"]
    with context.backend.reading() as store:
        workflow = store.workflows.get(workflow_id)
    of_run = h.a(h.code(execution_id), href=f"/ui/runs/{segment(execution_id)}")
    content: Content = h.p("The workflow ", h.code(workflow_id), " was deleted, so it can't run again.", class_="note")
    if workflow is not None:
        version, latest = run["workflow_version"], workflow["version"]
        newer = f" That run used version {version}." if version != latest else ""
        content = [
            h.p(
                "This runs ",
                _workflow_link(context, run),
                f", version {latest}, with the inputs of ",
                of_run,
                f".{newer}",
            ),
            run_form(
                context,
                f"/ui/runs/{segment(execution_id)}/again",
                workflow["definition"],
                run["inputs"],
                button="Run again",
            ),
        ]
    return PageContent(f"Run {execution_id} again", content, "Runs", is_live=False)


def run_again(context: ViewContext) -> Done:
    """Run the workflow of a run with the inputs that were entered."""
    run = _run(context)
    workflow_id = segment(run["workflow_id"])
    workflow = context.backend.get(f"/workflows/{workflow_id}")
    return started(context, workflow_id, inputs_of_form(context, workflow["definition"], run["inputs"]))


def started(context: ViewContext, workflow_id: str, inputs: JSONObject) -> Done:
    """Run a workflow, whose ID is that of a path, and lead to the run."""
    run = context.backend.send("POST", f"/v1/workflows/{workflow_id}/execute", {"inputs": inputs})["data"]
    return Done(f"/ui/runs/{segment(run['execution_id'])}", f"The run has started. State: {state_text(run['status'])}.")


def show_run_diagram(context: ViewContext) -> ServerResponse:
    """Return the picture of the workflow with the states of this run."""
    run = _run(context)
    return responses.picture(_drawing(context, run, _definition(context, run)).text())


def _drawing(context: ViewContext, run: Any, definition: Any) -> Drawing:
    from fibonacci.models import Execution

    execution = Execution.model_validate(context.backend.redact_json(run))
    return Drawing(context.backend.redact_json(definition) or NO_NODES, execution, has_header=False)


def cancel(context: ViewContext) -> Done:
    """Cancel the run."""
    execution_id = context.path["execution_id"]
    run = context.backend.send("POST", f"/v1/executions/{segment(execution_id)}/cancel")["data"]
    return Done(f"/ui/runs/{segment(execution_id)}", f"The run has ended. State: {state_text(run['status'])}.")


def _run(context: ViewContext) -> Any:
    return context.backend.get(f"/executions/{segment(context.path['execution_id'])}")


def _definition(context: ViewContext, run: Any) -> Any:
    return context.backend.definition(run["workflow_id"], run["workflow_version"])


def _cancel_form(context: ViewContext) -> HTMLElement:
    action = f"/ui/runs/{segment(context.path['execution_id'])}/cancel"
    return form(context, action, h.button("Cancel the run"), id="cancel", data_static="true")


def _error(context: ViewContext, run: Any) -> Content:
    """Return why the run has failed, and the link to the node that did."""
    if not run["error"]:
        return None
    failed = next((number for number, node in enumerate(run["trace"]) if node["status"] == "failed"), None)
    link = None if failed is None else h.a("Show the node", href=_trace_target(context, failed))
    return h.p(h.strong("Why: "), run["error"], " ", link, class_="flash error")


def _facts(context: ViewContext, run: Any) -> HTMLElement:
    return facts(
        ("Workflow", [_workflow_link(context, run), f", version {run['workflow_version']}"]),
        ("Started", moment(run["created_at"])),
        ("Ended", moment(run["completed_at"]) if run["completed_at"] else None),
        ("Duration", duration(run["duration_ms"])),
        ("Nodes", f"{run['nodes_executed']} executed, {run['nodes_failed']} failed"),
    )


def _workflow_link(context: ViewContext, run: Any) -> HTMLElement:
    workflow_id = run["workflow_id"]
    name = context.backend.workflow_name(workflow_id)
    return h.code(workflow_id) if name is None else h.a(name, href=f"/ui/workflows/{segment(workflow_id)}")


def _diagram(context: ViewContext, run: Any) -> HTMLElement:
    definition = _definition(context, run)
    if not has_nodes(definition):
        return h.p("There is nothing to draw: the workflow has no definition, or was deleted.", class_="note")
    states = [f"{node['id']} {node['status']}" for node in run["trace"]]
    version = crc32(f"{run['status']} {states}".encode("utf-8", "replace"))  # another picture for another state
    source = f"/ui/runs/{segment(run['execution_id'])}/diagram.svg?v={version:x}"
    first = next(
        (node["id"] for status in ("failed", "running") for node in run["trace"] if node["status"] == status), None
    )
    links = {
        context.backend.redact(node["id"]): NodeLink(
            _trace_target(context, number), f"{node['id']}: {state_text(node['status'])}", node["id"] == first
        )
        for number, node in enumerate(run["trace"])
    }
    text = "Diagram of the run. The trace below says the same in words."
    return diagram(_drawing(context, run, definition), source, links, text)


def _trace_target(context: ViewContext, number: int) -> str:
    """Return the address of a node in the trace, which has pages."""
    begin = number // _SHOWN * _SHOWN
    is_here = begin == _first_shown(context)
    return f"{'' if is_here else with_query(context, **{'from': begin, 'full': None})}#at-{number}"


def _first_shown(context: ViewContext) -> int:
    return context.query.integer("from", default=0, lowest=0, highest=10**9)


_SHOWN: Final = 50
"""How many nodes are on one page."""


class _TimeSpan(NamedTuple):
    begin: float
    seconds: float


def trace(context: ViewContext, run: Any) -> Content:
    """Return the trace of a run, its nodes in order."""
    nodes = run["trace"]
    if not nodes:
        return h.p("No node has started.", class_="note")
    whole = _TimeSpan(_seconds(run["created_at"]) or 0.0, max(run["duration_ms"] / 1_000, 0.001))
    first = _first_shown(context)
    shown = [(number, nodes[number]) for number in range(first, min(first + _SHOWN, len(nodes)))]
    return [*(_node(context, number, node, whole) for number, node in shown), _pager(context, first, len(nodes))]


def _pager(context: ViewContext, first: int, count: int) -> Content:
    if count <= _SHOWN:
        return None
    links = [
        h.a(
            f"{begin + 1} to {min(begin + _SHOWN, count)}",
            href=f"{with_query(context, **{'from': begin, 'full': None})}#trace",
            aria_current="true" if begin == first else None,
        )
        for begin in range(0, count, _SHOWN)
    ]
    return h.nav("Nodes ", links, class_="pager", aria_label="Nodes")


def _node(context: ViewContext, number: int, node: Any, whole: _TimeSpan) -> HTMLElement:
    span = _span(node, whole)
    took = duration(span.seconds * 1_000) if span is not None and node["status"] != "skipped" else NOTHING
    is_open = node["status"] == "failed" or (context.full or "").endswith(f"-of-{number}")
    return h.details(
        h.summary(
            state(node["status"]),
            h.span(
                h.strong(node["id"]),
                " ",
                h.span(node["type"], class_="soft"),
                [" ", h.span(icon("triangle"), counted(len(node["warnings"]), "warning"), class_="caution")]
                if node["warnings"]
                else None,
                class_="node",
            ),
            _bar(span, whole, node["status"]),
            h.span(took, class_="number"),
        ),
        _details(context, number, node),
        class_="trace",
        id=f"node-{number}",
        open=is_open,
    )


def _details(context: ViewContext, number: int, node: Any) -> HTMLElement:
    values = [
        json_block(f"{name}-of-{number}", name.capitalize(), node[name], context)
        for name in ("input", "output", "error")
        if node[name] is not None
    ]
    return h.div(
        facts(
            ("Started", moment(node["started_at"], exact=True) if node["started_at"] else None),
            ("Ended", moment(node["ended_at"], exact=True) if node["ended_at"] else None),
            ("Attempts", node["attempts"] or None),
            *_usage(node["usage"] or {}),
            ("Skipped because", node["reason"]),
        ),
        [h.p(h.strong("Warning: "), warning, class_="flash warning") for warning in node["warnings"]],
        values,
        class_="details",
        id=f"at-{number}",
    )


def _usage(usage: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [(name.replace("_", " ").capitalize(), f"{value:,}") for name, value in usage.items()]


def _bar(span: _TimeSpan | None, whole: _TimeSpan, status: str) -> HTMLElement:
    """Return the time of a node within that of the run, as a picture: the duration beside it says it in words."""
    bar: Content = None
    if span is not None and status != "skipped":
        left = min(max(span.begin - whole.begin, 0) / whole.seconds, 0.99)
        width = max(min(span.seconds / whole.seconds, 1 - left), 0.01)
        bar = h.rect(x=f"{left:.2%}", y=0, width=f"{width:.2%}", height="100%", rx=2, class_=f"bar {status}")
    return h.svg(bar, class_="timeline", aria_hidden="true", focusable="false")


def _span(node: Any, whole: _TimeSpan) -> _TimeSpan | None:
    began = _seconds(node["started_at"])
    if began is None:
        return None
    ended = _seconds(node["ended_at"])
    return _TimeSpan(began, max((whole.begin + whole.seconds if ended is None else ended) - began, 0.0))


def _seconds(text: str | None) -> float | None:
    return None if text is None else datetime.fromisoformat(text).timestamp()
