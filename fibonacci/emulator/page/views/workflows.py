"""Workflows: the list, and one with its diagram, its definition, its runs, and a form to run it."""

from __future__ import annotations

from itertools import islice
from typing import Any, Final
from urllib.parse import urlencode

from fibonacci.definitions import svg
from fibonacci.definitions.diagrams.svg import Drawing
from fibonacci.emulator.http.messages import ServerResponse
from fibonacci.emulator.page import responses
from fibonacci.emulator.page.components import example, facts, json_block, moment, pager, search_form, table
from fibonacci.emulator.page.context import PER_PAGE, Done, PageContent, Slice, ViewContext, segment
from fibonacci.emulator.page.diagram import diagram
from fibonacci.emulator.page.html import Content, HTMLElement, h
from fibonacci.emulator.page.run_form import inputs_of_form, run_form
from fibonacci.emulator.page.views.organization import registry_form
from fibonacci.emulator.page.views.runs import NO_NODES, runs_table, started
from fibonacci.emulator.page.views.versions import latest_versions, name_of, node_count
from fibonacci.emulator.policy.approvals import approval_reasons, settings_of
from fibonacci.emulator.state.records import StoredWorkflow

_RUNS: Final = 10


_CREATE: Final = """node = {"id": "greet", "type": "llm", "instruction": "Greet {{input.name}}"}
print(client.workflows.create(name="Greeter", definition={"nodes": [node]}).id)
"""


def show_list(context: ViewContext) -> PageContent:
    """Show the workflows, the oldest first, or those whose name or ID contains a text."""
    page = (
        _search(context, context.searched) if context.searched else context.backend.items("/workflows", context.cursor)
    )
    with context.backend.reading() as store:
        runs = {workflow["id"]: sum(store.executions.counts(workflow["id"]).values()) for workflow in page.items}
    rows = [_row(workflow, runs[workflow["id"]]) for workflow in page.items]
    empty = [h.p("No workflows yet. To create one:"), example("create", "A first workflow · Python", _CREATE, context)]
    columns = ("Name", "ID", "Version", "Nodes", "Runs", "Updated")
    return PageContent(
        "Workflows",
        [
            search_form(context, "Name or ID"),
            table(
                "Workflows",
                columns,
                rows,
                h.p("No workflow has this text in its name or ID.") if context.searched else empty,
                ("Version", "Nodes", "Runs"),
            ),
            pager(context, page.more),
        ],
        "Workflows",
    )


def show(context: ViewContext) -> PageContent:
    """Show one workflow."""
    workflow = _workflow(context)
    workflow_id = workflow["id"]
    runs = context.backend.items("/executions", None, workflow_id=workflow_id, limit=_RUNS)
    everything = h.p(h.a("All runs of this workflow", href=f"/ui/runs?workflow_id={workflow_id}"))
    return PageContent(
        name_of(workflow),
        [
            h.p(workflow["description"]) if workflow["description"] else None,
            facts(
                ("ID", h.code(workflow_id)),
                ("Version", workflow["version"]),
                ("Created", moment(workflow["created_at"])),
                ("Updated", moment(workflow["updated_at"])),
                *_standing(context, workflow),
            ),
            h.section(h.h2("Diagram", id="diagram"), _diagram(context, workflow), aria_labelledby="diagram"),
            h.section(
                h.h2("Run it", id="execute"),
                run_form(context, f"/ui/workflows/{segment(workflow_id)}/execute", workflow["definition"]),
                aria_labelledby="execute",
            ),
            h.section(
                h.h2("Latest runs", id="runs"),
                runs_table(context, runs.items),
                everything if runs.more else None,
                aria_labelledby="runs",
            ),
            h.section(h.h2("Versions", id="versions"), latest_versions(context, workflow), aria_labelledby="versions"),
            h.section(h.h2("Registry", id="registry"), registry_form(context, workflow_id), aria_labelledby="registry"),
            h.section(
                h.h2("Definition", id="source"),
                json_block("definition", "Definition", workflow["definition"], context),
                aria_labelledby="source",
            ),
        ],
        "Workflows",
    )


def _standing(context: ViewContext, workflow: Any) -> list[tuple[str, Content]]:
    """Return what the organization and its memory have of a workflow."""
    app, workflow_id = context.backend.app, workflow["id"]
    with context.backend.reading() as store:
        settings = settings_of(store, app.organization)
    reasons = approval_reasons(settings, workflow["definition"], app.environment.handlers)
    needed = h.a(", ".join(reasons), href="/ui/governance") if reasons else "nothing"
    memory = f"/ui/memory?{urlencode({'scope': 'workflow', 'owner': workflow_id})}"
    return [
        ("Approval required for", needed),
        ("Memory", h.a("Values of this workflow", href=memory)),
    ]


def show_diagram(context: ViewContext) -> ServerResponse:
    """Return the picture of a workflow."""
    workflow = context.backend.redact_json(_workflow(context))
    return responses.picture(svg(workflow["definition"] or NO_NODES))


def execute(context: ViewContext) -> Done:
    """Run the workflow."""
    inputs = inputs_of_form(context, _workflow(context)["definition"])
    return started(context, segment(context.path["workflow_id"]), inputs)


def _search(context: ViewContext, wanted: str) -> Slice:
    with context.backend.reading() as store:
        rows = store.workflows.rows(after=context.number_cursor)
        matching = ((number, record) for number, record in rows if _has_text(record, wanted))
        shown = list(islice(matching, PER_PAGE + 1))
    more = str(shown[PER_PAGE - 1][0]) if len(shown) > PER_PAGE else None
    return Slice([record for _, record in shown[:PER_PAGE]], more)


def _has_text(workflow: StoredWorkflow, wanted: str) -> bool:
    return wanted.casefold() in f"{workflow['name']}\n{workflow['id']}".casefold()


def _workflow(context: ViewContext) -> Any:
    return context.backend.get(f"/workflows/{segment(context.path['workflow_id'])}")


def _row(workflow: Any, runs: int) -> HTMLElement:
    workflow_id = workflow["id"]
    return h.tr(
        h.td(h.a(name_of(workflow), href=f"/ui/workflows/{segment(workflow_id)}"), class_="name"),
        h.td(h.code(workflow_id)),
        h.td(workflow["version"], class_="number"),
        h.td(node_count(workflow), class_="number"),
        h.td(h.a(f"{runs:,}", href=f"/ui/runs?workflow_id={segment(workflow_id)}"), class_="number"),
        h.td(moment(workflow["updated_at"])),
        id=workflow_id,
    )


def _diagram(context: ViewContext, workflow: Any) -> HTMLElement:
    if not node_count(workflow):
        return h.p("The workflow has no nodes, so its runs complete without outputs.", class_="note")
    source = f"/ui/workflows/{segment(workflow['id'])}/diagram.svg?v={workflow['version']}"
    text = "Diagram of the workflow. The definition below says the same in JSON."
    drawing = Drawing(context.backend.redact_json(workflow["definition"]))
    return diagram(drawing, source, {}, text)
