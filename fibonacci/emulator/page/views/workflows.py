"""Workflows: the list, one with its diagram, its runs and a form to run it, and its versions."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from difflib import unified_diff
from typing import Any, Final

from fibonacci._texts.text import counted
from fibonacci.definitions.comparison import diff
from fibonacci.definitions.diagrams.svg import Drawing
from fibonacci.definitions.files.writing import in_order
from fibonacci.emulator.http.messages import Detail, ServerResponse, invalid
from fibonacci.emulator.page import components as ui
from fibonacci.emulator.page import responses
from fibonacci.emulator.page.context import Action, Done, PageContent, ViewContext, segment
from fibonacci.emulator.page.coverage import LEGEND, MAX_RUNS, coverage_facts, coverage_of, missing_table
from fibonacci.emulator.page.diagram import diagram
from fibonacci.emulator.page.html import Content, HTMLElement, h
from fibonacci.emulator.page.run_form import inputs_of_form, run_form
from fibonacci.emulator.page.views.runs import NO_NODES, runs_table, started
from fibonacci.emulator.policy.admission import approval_reasons, settings_of
from fibonacci.emulator.routes.workflows import TRANSITIONS

_RUNS: Final = 10
_MAX_LINES: Final = 1_500  # per version: the time to compare them grows quadratically


def show_list(context: ViewContext) -> PageContent:
    """Show the workflows, the oldest first, or those whose name or ID contains a text."""
    with context.reading() as store:
        rows = store.workflows.rows(after=context.number_cursor)
        page = ui.matches(context, rows, lambda workflow: f"{workflow['name']}\n{workflow['id']}")
        runs = {workflow["id"]: sum(store.executions.counts(workflow["id"]).values()) for _, workflow in page.items}
    shown = {
        workflow["id"]: {
            "Name": ui.wide(h.a(_name_of(workflow), href=f"/ui/workflows/{segment(workflow['id'])}")),
            "ID": h.code(workflow["id"]),
            "Version": workflow["version"],
            "Nodes": _node_count(workflow),
            "Runs": h.a(f"{runs[workflow['id']]:,}", href=f"/ui/runs?workflow_id={segment(workflow['id'])}"),
            "Updated": ui.moment(workflow["updated_at"]),
        }
        for _, workflow in page.items
    }
    empty = "No workflows here. Create one with ", h.code("client.workflows.create(name=..., definition=...)"), "."
    content = [
        ui.search_form(context, ui.Field("q", "Name or ID", "search")),
        ui.table("Workflows", shown, empty),
        ui.pager(context, page.more),
    ]
    return PageContent("Workflows", content, "Workflows")


def show(context: ViewContext) -> PageContent:
    """Show one workflow."""
    workflow, app = _workflow(context), context.app
    workflow_id, path = workflow["id"], _path(workflow)
    runs = context.items("/executions", None, workflow_id=workflow_id, limit=_RUNS)
    all_runs = h.p(h.a("All runs of this workflow", href=f"/ui/runs?workflow_id={workflow_id}"))
    versions = context.items(f"{path}/versions", context.cursor)
    with context.reading() as store:
        settings = settings_of(store, app.organization)
    view, words = (None, "Hide the coverage") if _shows_coverage(context) else ("coverage", "Show the coverage")
    other_view = h.p(h.a(words, href=ui.with_query(context, show=view)))
    reasons = approval_reasons(settings, workflow["definition"], app.environment.handlers)
    return PageContent(
        _name_of(workflow),
        [
            h.p(workflow["description"]) if workflow["description"] else None,
            ui.facts(
                ("ID", h.code(workflow_id)),
                ("Version", workflow["version"]),
                ("Created", ui.moment(workflow["created_at"])),
                ("Updated", ui.moment(workflow["updated_at"])),
                ("Approval required for", h.a(", ".join(reasons), href="/ui/governance") if reasons else "nothing"),
                ("Memory", h.a("Values of this workflow", href=f"/ui/organization?q={segment(workflow_id)}")),
            ),
            ui.section("Diagram", other_view, _diagram(context, workflow)),
            ui.section("Run it", run_form(context, f"/ui{path}/execute", workflow["definition"])),
            ui.section("Latest runs", runs_table(context, runs.items), all_runs),
            ui.section("Versions", _versions_table(workflow, versions.items), ui.pager(context, versions.more)),
            ui.section("Registry", _registry_form(context, workflow_id)),
            ui.section("Source", ui.json_block("definition", "Definition", workflow["definition"], context)),
        ],
        "Workflows",
    )


_STEPS: Final = {
    "approved": ("approve-template", "Approve as template"),
    "deprecated": ("deprecate", "Deprecate"),
    "archived": ("archive", "Archive"),
}


def _registry_form(context: ViewContext, workflow_id: str) -> HTMLElement:
    """Return the state of a workflow in the registry, and a button for each state that it can get."""
    with context.reading() as store:
        template = store.registry.get(workflow_id)
    status = None if template is None else template["status"]
    path = f"/ui/registry/{segment(workflow_id)}"
    steps = [_STEPS[other] for other in TRANSITIONS.get(status, ())]
    buttons = [h.button(word, formaction=f"{path}/{step}") for step, word in steps]
    return ui.form(context, path, h.span(status or "not a template"), buttons, class_="inline")


change_registry: Final[Action] = ui.calling(
    "POST", "/v1/workflow-registry/{workflow_id}/{step}", "", "The state in the registry was changed."
)


def show_diagram(context: ViewContext) -> ServerResponse:
    """Return the picture of a workflow, with what its runs have reached if the query asks for it."""
    workflow = _workflow(context)
    coverage = coverage_of(context, workflow) if _shows_coverage(context) else None
    definition = context.redact_json(workflow["definition"]) or NO_NODES
    return responses.picture(Drawing(definition, has_header=coverage is None, coverage=coverage).text())


def _shows_coverage(context: ViewContext) -> bool:
    return context.query.text("show") == "coverage"


def execute(context: ViewContext) -> Done:
    """Run the workflow."""
    workflow = _workflow(context)
    inputs = inputs_of_form(context, workflow["definition"])
    return started(context, f"/v1{_path(workflow)}/execute", {"inputs": inputs})


def show_version(context: ViewContext) -> PageContent:
    """Show one version, how it differs from the one before, and what rolling back to it changes."""
    workflow = _workflow(context)
    version = _version(context, workflow, context.path["version"])
    number, latest = version["version"], workflow["version"]
    rollback: Content = None
    if number != latest:
        rollback = ui.section(
            f"Roll back to version {number}?",
            h.ul(
                h.li(f"This creates version {latest + 1}, with the name, description and definition of this one."),
                h.li(f"Versions 1 to {latest} stay, so you can roll back again."),
                h.li("Runs that have started or wait for approval keep the version that they were requested with."),
                class_="points",
            ),
            ui.form(
                context,
                f"/ui{_path(workflow)}/versions/{number}/rollback",
                h.input(type="hidden", name="latest", value=latest),
                h.button(f"Roll back to version {number}", class_="danger"),
                id="rollback-form",
            ),
            h.p(f"From version {latest} to version {number}, this changes:"),
            _difference(context, _version(context, workflow, str(latest)), version),
            name="rollback",
        )
    before = _version(context, workflow, str(number - 1)) if number > 1 else None
    return PageContent(
        f"Version {number} of {_name_of(workflow)}",
        [
            ui.facts(
                ("Workflow", h.a(_name_of(workflow), href=f"/ui{_path(workflow)}")),
                ("Created", ui.moment(version["created_at"])),
                ("Made by", _origin(version)),
                ("Nodes", _node_count(version)),
            ),
            ui.section(f"Changes since version {number - 1}", _difference(context, before, version))
            if before
            else None,
            rollback,
            ui.section("Source", ui.json_block("definition", "Definition", version["definition"], context)),
        ],
        "Workflows",
    )


def rollback(context: ViewContext) -> Done:
    """Roll back to a version, if nobody has changed the workflow since its page was shown."""
    workflow = _workflow(context)
    latest, number = str(workflow["version"]), context.path["version"]
    if context.form.get("latest") != latest:
        reason = f"is {latest} now, because somebody changed the workflow. Look at the differences, then decide again"
        raise invalid(Detail("version", reason))
    path = f"/v1{_path(workflow)}/versions/{segment(number)}/rollback"
    message = f"The workflow is back at version {number}, as version {workflow['version'] + 1}."
    context.send("POST", path)
    return Done(f"/ui{_path(workflow)}", message)


def _workflow(context: ViewContext) -> Any:
    return context.get(f"/workflows/{segment(context.path['workflow_id'])}")


def _version(context: ViewContext, workflow: Any, number: str) -> Any:
    return context.get(f"{_path(workflow)}/versions/{segment(number)}")


def _path(workflow: Any) -> str:
    return f"/workflows/{segment(workflow['id'])}"


def _name_of(workflow: Any) -> str:
    return str(workflow["name"].strip() or workflow["id"])


def _node_count(version: Any) -> int:
    definition: Mapping[str, Any] = version["definition"] or {}
    return len(definition.get("nodes", ()))


def _origin(version: Any) -> str:
    earlier = version["rolled_back_from"]
    first = "the creation of the workflow" if version["version"] == 1 else "an update"
    return first if earlier is None else f"a rollback to version {earlier}"


def _versions_table(workflow: Any, versions: list[Any]) -> HTMLElement:
    latest, target = workflow["version"], f"/ui{_path(workflow)}/versions"
    rows = {
        f"version-{version['version']}": {
            "Version": h.a(
                version["version"], " (latest)" * (version["version"] == latest), href=f"{target}/{version['version']}"
            ),
            "Made by": _origin(version),
            "Nodes": _node_count(version),
            "Name": ui.wide(version["name"]),
            "Created": ui.moment(version["created_at"]),
        }
        for version in versions
    }
    return ui.table("Versions", rows)


def _difference(context: ViewContext, old: Any, new: Any) -> Content:
    """Return how two versions differ: what the definitions mean first, then their texts line by line."""
    before, after = (_text(context, version).split("\n") for version in (old, new))
    if before == after:
        return h.p("The versions are the same.", class_="empty")
    lines: Content = f"A version has more than {_MAX_LINES:,} lines, so they aren't compared line by line."
    if max(len(before), len(after)) <= _MAX_LINES:
        compared = list(unified_diff(before, after, lineterm=""))[2:]
        tags = {"-": "del", "+": "ins", "@": "i"}
        shown = [
            HTMLElement(tags.get(line[0], "span"), "…" if line[0] == "@" else line[: ui.SHOWN]) for line in compared[1:]
        ]
        lines = h.pre(shown, class_="diff all", tabindex=0, role="group", aria_label="Line by line")
    changes = diff(*(context.redact_json(version["definition"] or {}) for version in (old, new))).changes
    if not changes:
        return [h.p("The definitions mean the same."), lines]
    points = [
        h.li("The node " if change.node == change.location else None, h.code(change.location), f" was {change.kind}.")
        for change in changes
    ]
    return [
        h.p(f"{counted(len(changes), 'difference')} in what the definitions mean:"),
        h.ul(points, class_="points"),
        lines,
    ]


def _diagram(context: ViewContext, workflow: Any) -> Content:
    if not _node_count(workflow):
        return h.p("The workflow has no nodes, so its runs complete without outputs.", class_="note")
    source = f"/ui{_path(workflow)}/diagram.svg?v={workflow['version']}"
    definition = context.redact_json(workflow["definition"])
    if not _shows_coverage(context):
        text = "Diagram of the workflow. The definition below says the same in JSON."
        return diagram(Drawing(definition), source, {}, text)
    coverage = coverage_of(context, workflow)
    drawing = Drawing(definition, has_header=False, coverage=coverage)
    text = "Diagram of the workflow, with how often each part ran. The table below says what never did."
    return [
        coverage_facts(coverage),
        LEGEND,
        diagram(drawing, f"{source}&show=coverage&runs={coverage.runs}", {}, text),
        missing_table(coverage),
        h.p(f"Of the latest {MAX_RUNS} runs, these are the ended ones of versions with this meaning.", class_="note"),
    ]


def _text(context: ViewContext, version: Any) -> str:
    """Return a version as text to compare by lines, without secrets, and with its keys in reading order."""
    definition = version["definition"]
    with suppress(ValueError):  # it has both spellings of a field, or is too deep: shown as it is
        definition = definition and in_order(definition, generation="newer")
    shown = {"name": version["name"], "description": version["description"], "definition": definition}
    # Redacted before it is compared: a part of a secret would not be found. Each line within a text gets its own line.
    return ui.json_text(context.redact_json(shown)).replace("\\n", "\n")
