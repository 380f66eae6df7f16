"""Runs: the list, and one run with its diagram and the trace of each node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from pprint import pformat
from typing import Any, Final
from zlib import crc32

from fibonacci._texts.text import counted
from fibonacci.definitions.diagrams.svg import Drawing
from fibonacci.definitions.json_types import is_array, is_object
from fibonacci.emulator.engine.records import QUEUED, WAITING, view_of
from fibonacci.emulator.http.messages import Detail, ServerResponse
from fibonacci.emulator.page import components as ui
from fibonacci.emulator.page import responses
from fibonacci.emulator.page.context import Action, Done, PageContent, ViewContext, segment
from fibonacci.emulator.page.diagram import NodeLink, diagram
from fibonacci.emulator.page.html import Content, HTMLElement, LivePart, h, icon
from fibonacci.emulator.page.run_form import inputs_of_form, run_form
from fibonacci.emulator.page.views.approvals import approval_of
from fibonacci.emulator.state.executions import Search
from fibonacci.emulator.state.json_encoding import JSONObject
from fibonacci.emulator.state.records import TERMINAL

NO_NODES: Final[Mapping[str, Any]] = {"nodes": []}
"""What to draw for a workflow without a definition."""

STATES: Final = ("running", QUEUED, WAITING, "completed", "failed", "cancelled")
"""The states of runs, as the page lists them."""

_MAX_WORKFLOWS: Final = 200


def show_list(context: ViewContext) -> PageContent:
    """Show the runs that match a search, the newest first. Its address is a link to the search."""
    given = {name: context.query.search_text(name) for name in ("q", "status", "workflow_id", "from", "to")}
    status, workflow_id, faults = given["status"], given["workflow_id"], list[Detail]()
    begin, end = (_bound(name, given[name], faults) for name in ("from", "to"))
    search = Search(given["q"] or "", begin and begin[0].timestamp(), end and end[1].timestamp())
    with context.reading() as store:
        runs = store.executions.rows(
            newest_first=True,
            after=context.number_cursor,
            workflow_id=workflow_id,
            statuses=() if status is None else (status,),
            brief=True,
            search=search,
        )
        page = ui.matches(context, () if faults else runs)
        rows = islice(store.workflows.rows(newest_first=True), _MAX_WORKFLOWS)
        workflows = {workflow["id"]: workflow["name"] for _, workflow in rows}
    states = {"": "all", **{name: ui.state_text(name) for name in STATES}}
    content = [
        ui.search_form(
            context,
            ui.Field("q", "Text in inputs or outputs", "search"),
            ui.Field("status", "State", "choice", options=states),
            ui.Field("workflow_id", "Workflow's ID", options=workflows),
            ui.Field("from", "From"),
            ui.Field("to", "To"),
            faults=faults,
        ),
        h.p(
            "Days such as 2026-01-31 or times such as 2026-01-31T10:00, in UTC, by the emulator's clock.", class_="note"
        ),
        runs_table(
            context,
            [view_of(record, context.app.clock.now()) for _, record in page.items],
            "No runs match this search." if any(given.values()) else "No runs here.",
        ),
        ui.pager(context, page.more),
    ]
    searched = ui.short(", ".join(filter(None, given.values())), context)  # tells the tabs of searches apart
    return PageContent(f"Runs: {searched}" if searched else "Runs", content, "Runs")


def _bound(name: str, text: str | None, faults: list[Detail]) -> tuple[datetime, datetime] | None:
    """Return the beginning and the end of the day, the minute or the second that was entered, in UTC."""
    if text is None:
        return None
    try:
        begin = datetime.fromisoformat(text)
        begin = begin.replace(tzinfo=begin.tzinfo or UTC)
        length = 86_400 if len(text) <= len("2026-01-31") else 60 if len(text) <= len("2026-01-31T10:00") else 1
        return begin, begin + timedelta(seconds=length)
    except (ValueError, OverflowError):
        faults.append(Detail(name, f"must be a time such as 2026-01-31 or 2026-01-31T10:00, not {text[:40]!r}"))
        return None


def runs_table(context: ViewContext, runs: Sequence[Any], empty: str = "No runs here.") -> HTMLElement:
    """Return a table of executions in their public form."""
    how = f"{empty} Run a workflow on its page, or with ", h.code("client.workflows.run(workflow_id)"), "."
    return ui.table("Runs", {run["execution_id"]: _row(context, run) for run in runs}, how)


def _row(context: ViewContext, run: Any) -> ui.Row:
    execution_id, has_run = run["execution_id"], run["status"] != WAITING and bool(run["nodes"])
    failed = f", {run['nodes_failed']} failed" if run["nodes_failed"] else ""
    given, value = next(iter(run.get("inputs", {"large inputs": ""}).items()), (None, None))
    first = None if given is None else h.p(f"{given}: {ui.short(value, context)}".removesuffix(": "), class_="note")
    return {
        "State": ui.state(run["status"]),
        "Run and its first input": h.td(
            h.a(h.code(execution_id), href=f"/ui/runs/{execution_id}"), first, class_="run-name"
        ),
        "Workflow": ui.wide(_workflow_link(context, run)),
        "Started": ui.moment(run["created_at"]),
        "Duration": ui.duration(run["duration_ms"]) if has_run else ui.NOTHING,
        "Nodes": f"{run['nodes_executed']} of {len(run['nodes'])}{failed}" if has_run else ui.NOTHING,
    }


def show_run(context: ViewContext) -> PageContent:
    """Show one run."""
    run = context.get(f"/executions/{segment(context.path['execution_id'])}")
    is_over, is_whole = run["status"] in TERMINAL, context.full == "python"
    target = f"/ui/runs/{segment(run['execution_id'])}"
    states = str((run["status"], [(node["id"], node["status"], node["error"]) for node in run["trace"]]))
    content = [
        h.div(
            h.p(ui.state(run["status"]), aria_live="polite", id="state"),
            h.div(
                h.a("Run again", href=f"{target}/again", class_="button"),
                None if is_over else ui.form(context, f"{target}/cancel", h.button("Cancel the run"), id="cancel"),
                class_="inline",
            ),
            class_="line",
        ),
        _error(context, run),
        approval_of(context, run),
        ui.facts(
            ("Workflow", [_workflow_link(context, run), f", version {run['workflow_version']}"]),
            ("Started", ui.moment(run["created_at"])),
            ("Ended", ui.moment(run["completed_at"]) if run["completed_at"] else None),
            ("Duration", ui.duration(run["duration_ms"]) if run["nodes"] else None),
            ("Nodes", f"{run['nodes_executed']} executed, {run['nodes_failed']} failed" if run["nodes"] else None),
            ("Requests", h.a("About this run", href=f"/ui/requests?run={segment(run['execution_id'])}")),
        ),
        h.div(
            ui.part("Diagram", states, lambda: _diagram(context, run, states), "diagram"),
            h.div(
                ui.part("Inputs", run["inputs"], lambda: _values("inputs", run["inputs"], context), "given"),
                ui.part("Outputs", run["outputs"], lambda: _values("outputs", run["outputs"], context), "results"),
            ),
            class_="run",
        ),
        ui.section("Trace", _trace(context, run), name="trace"),
        LivePart("details", "code", run["inputs"], lambda: _code(context, run), open=is_whole),
    ]
    return PageContent(f"Run {run['execution_id']}", content, "Runs")


def _values(name: str, values: Mapping[str, Any], context: ViewContext) -> Content:
    """Return inputs or outputs by name, the short ones in a line each."""
    if not values:
        return h.p("None.", class_="note")
    if len(values) > 12:
        return ui.json_block(name, name.capitalize(), values, context)
    lines, blocks = list[Content](), list[Content]()
    for number, (key, value) in enumerate(values.items()):
        if is_object(value) or is_array(value) or (isinstance(value, str) and len(value) > ui.BRIEF):
            blocks.append(ui.json_block(f"{name}-{number}", key, value, context))
        else:
            lines.append([h.dt(key), h.dd(value if isinstance(value, str) else ui.short(value, context))])
    return [h.dl(lines, class_="values") if lines else None, blocks]


_RUN: Final = """result = client.workflows.run({workflow_id!r}, inputs={inputs})
print(result.outputs)
"""


def _code(context: ViewContext, run: Any) -> Content:
    """Return a program that runs a workflow with the same inputs, ready to paste. A secret in the inputs is `***`."""
    given = pformat(run["inputs"], width=100, sort_dicts=False)
    python = _RUN.format(workflow_id=run["workflow_id"], inputs=given)
    is_redacted = context.redact(given) != given
    return [
        h.summary("Run it from code"),
        h.p("Replace each *** with the secret that it hides.", class_="flash warning") if is_redacted else None,
        ui.example("python", "Python", python, context),
    ]


def show_again(context: ViewContext) -> PageContent:
    """Show the form that runs a workflow again: from the start with other inputs, or from a node with an output."""
    run = context.get(f"/executions/{segment(context.path['execution_id'])}")
    execution_id, from_node = run["execution_id"], context.query.text("from")
    target = f"/ui/runs/{segment(execution_id)}"
    of_run = h.a(h.code(execution_id), href=target)
    workflow = context.get(f"/workflows/{segment(run['workflow_id'])}")
    version, latest = run["workflow_version"], workflow["version"]
    if from_node is not None:
        node = next((node for node in run["trace"] if node["id"] == from_node), None)
        output: Any = {} if node is None or node["output"] is None else node["output"]
        content = [
            h.p("This starts a run with the inputs of ", of_run, f" and version {version} of its workflow:"),
            h.ul(
                h.li("The nodes that completed keep their outputs and don't run again, except those after this node."),
                h.li(h.code(from_node), " gets the output that you enter, and doesn't run."),
                h.li("All others run."),
                class_="points",
            ),
            ui.entry_form(
                context,
                "resume-form",
                f"{target}/resume",
                [ui.Field("output", f"Output of {from_node}", "JSON", "JSON", output)],
                h.input(type="hidden", name="node", value=from_node),
                button="Run the rest",
            ),
        ]
        return PageContent(f"Run {execution_id} from {from_node}", content, "Runs")
    newer = f" That run used version {version}." if version != latest else ""
    content = [
        h.p(
            "This runs ", _workflow_link(context, run), f", version {latest}, with the inputs of ", of_run, f".{newer}"
        ),
        run_form(context, f"{target}/again", workflow["definition"], run["inputs"], button="Run again"),
    ]
    return PageContent(f"Run {execution_id} again", content, "Runs")


def run_again(context: ViewContext) -> Done:
    """Run the workflow of a run with the inputs that were entered."""
    run = context.get(f"/executions/{segment(context.path['execution_id'])}")
    workflow = context.get(f"/workflows/{segment(run['workflow_id'])}")
    inputs = inputs_of_form(context, workflow["definition"], run["inputs"])
    return started(context, f"/v1/workflows/{segment(workflow['id'])}/execute", {"inputs": inputs})


def resume(context: ViewContext) -> Done:
    """Run the rest of a run, after a node whose output was entered."""
    path = f"/_emulator/runs/{segment(context.path['execution_id'])}/resume"
    return started(context, path, ui.read_fields(context.form, [ui.Field("node", ""), ui.Field("output", "", "JSON")]))


def started(context: ViewContext, path: str, body: JSONObject) -> Done:
    """Start a run with a request, and lead to the run."""
    run = context.send("POST", path, body)["data"]
    return Done(
        f"/ui/runs/{segment(run['execution_id'])}", f"The run has started. State: {ui.state_text(run['status'])}."
    )


cancel: Final[Action] = ui.calling(
    "POST", "/v1/executions/{execution_id}/cancel", "/ui/runs/{execution_id}", "The run was canceled."
)


def show_run_diagram(context: ViewContext) -> ServerResponse:
    """Return the picture of the workflow with the states of this run."""
    run = context.get(f"/executions/{segment(context.path['execution_id'])}")
    return responses.picture(_drawing(context, run).text())


def _drawing(context: ViewContext, run: Any) -> Drawing:
    from fibonacci.models import Execution

    execution = Execution.model_validate(context.redact_json(run))
    return Drawing(context.redact_json(_definition(context, run)) or NO_NODES, execution, has_header=False)


def _definition(context: ViewContext, run: Any) -> Any:
    return context.definition(run["workflow_id"], run["workflow_version"])


def _error(context: ViewContext, run: Any) -> Content:
    """Return why the run has failed, and the links to the node that did and to running the rest."""
    if not run["error"]:
        return None
    failed = next((number for number, node in enumerate(run["trace"]) if node["status"] == "failed"), None)
    links: Content = None
    if failed is not None:
        again = f"/ui/runs/{segment(run['execution_id'])}/again?from={segment(run['trace'][failed]['id'])}"
        show = h.a("Show the node", href=f"#at-{failed}")
        links = [" ", show, " ", h.a("Give it an output and run the rest", href=again)]
    return h.p(h.strong("Why: "), run["error"], links, class_="flash error")


def _workflow_link(context: ViewContext, run: Any) -> HTMLElement:
    workflow_id = run["workflow_id"]
    name = context.workflow_name(workflow_id)
    return h.code(workflow_id) if name is None else h.a(name, href=f"/ui/workflows/{segment(workflow_id)}")


def _diagram(context: ViewContext, run: Any, states: str) -> HTMLElement:
    if not (_definition(context, run) or NO_NODES)["nodes"]:
        return h.p("There is nothing to draw: the workflow has no definition, or was deleted.", class_="note")
    version = crc32(states.encode("utf-8", "replace"))  # another picture for another state
    source = f"/ui/runs/{segment(run['execution_id'])}/diagram.svg?v={version:x}"
    urgent = [node["id"] for status in ("failed", "running") for node in run["trace"] if node["status"] == status]
    links = {
        context.redact(node["id"]): NodeLink(
            f"#at-{number}", f"{node['id']}: {ui.state_text(node['status'])}", node["id"] in urgent[:1]
        )
        for number, node in enumerate(run["trace"])
    }
    return diagram(_drawing(context, run), source, links, "Diagram of the run. The trace below says the same in words.")


def _trace(context: ViewContext, run: Any) -> Content:
    """Return the trace of a run, its nodes in order."""
    begin, whole = _ms(run["created_at"]) or 0.0, max(run["duration_ms"], 1)
    if not run["trace"]:
        return h.p("No node has started.", class_="note")
    return [_node(context, number, node, begin, whole) for number, node in enumerate(run["trace"])]


def _node(context: ViewContext, number: int, node: Any, begin: float, whole: float) -> HTMLElement:
    began, ended = _ms(node["started_at"]), _ms(node["ended_at"])
    took: str = ui.NOTHING
    left = width = 0
    if began is not None and node["status"] != "skipped":
        length = max((begin + whole if ended is None else ended) - began, 0)
        left = round(min(max(began - begin, 0) / whole, 0.99) * 100)
        width, took = max(round(min(length / whole, 1 - left / 100) * 100), 1), ui.duration(length)
    is_open = node["status"] == "failed" or (context.full or "").endswith(f"-of-{number}")
    return LivePart(
        "details",
        f"node-{number}",
        (node, took, left, width),
        lambda: _summary_and_details(context, number, node, took, left, width),
        class_="trace",
        open=is_open,
    )


def _summary_and_details(context: ViewContext, number: int, node: Any, took: str, left: int, width: int) -> Content:
    warnings = counted(len(node["warnings"]), "warning")
    usage: Mapping[str, Any] = node["usage"] or {}
    caution: Content = [" ", h.span(icon("triangle"), warnings, class_="caution")] if node["warnings"] else None
    # The time of the node within that of the run, as a picture: the duration beside it says it in words.
    bar = h.rect(x=f"{left}%", y=0, width=f"{width}%", height="100%", rx=2, class_=f"bar {node['status']}")
    details = h.div(
        ui.facts(
            ("Started", ui.moment(node["started_at"], exact=True) if node["started_at"] else None),
            ("Ended", ui.moment(node["ended_at"], exact=True) if node["ended_at"] else None),
            ("Attempts", node["attempts"] or None),
            *((name.replace("_", " ").capitalize(), f"{value:,}") for name, value in usage.items()),
            ("Skipped because", node["reason"]),
        ),
        [h.p(h.strong("Warning: "), warning, class_="flash warning") for warning in node["warnings"]],
        [
            ui.json_block(f"{name}-of-{number}", name.capitalize(), node[name], context)
            for name in ("input", "output", "error")
            if node[name] is not None
        ],
        class_="details",
        id=f"at-{number}",
    )
    summary = h.summary(
        ui.state(node["status"]),
        h.span(h.strong(node["id"]), " ", h.span(node["type"], class_="soft"), caution, class_="node"),
        h.svg(bar if width else None, class_="timeline", aria_hidden="true", focusable="false"),
        h.span(took, class_="number"),
    )
    return [summary, details]


def _ms(text: str | None) -> float | None:
    return None if text is None else datetime.fromisoformat(text).timestamp() * 1_000
