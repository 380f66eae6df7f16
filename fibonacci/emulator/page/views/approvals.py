"""Approvals: the runs that are waiting for one, what a decision does, and who may make it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from fibonacci._texts.text import counted
from fibonacci.definitions import ToolNode
from fibonacci.definitions.templates import Reference, TemplateError, follow, render
from fibonacci.definitions.tools import canonical_tool
from fibonacci.emulator.engine.compiled import CompiledWorkflow, compiled
from fibonacci.emulator.engine.records import WAITING
from fibonacci.emulator.engine.tool_catalog import find_tool
from fibonacci.emulator.page import components as ui
from fibonacci.emulator.page.context import Done, PageContent, ViewContext, segment
from fibonacci.emulator.page.html import Content, HTMLElement, h
from fibonacci.emulator.policy.admission import settings_of
from fibonacci.emulator.policy.approvals import DECIDING
from fibonacci.emulator.state.records import StoredGovernance

_LONGEST: Final = 1_000


def show_list(context: ViewContext) -> PageContent:
    """Show the runs that wait for approval, the newest first."""
    page = context.items("/executions", context.cursor, status=WAITING)
    setting = h.a("governance setting", href="/ui/governance")
    content: Content = h.p("No runs are waiting. A run waits if a ", setting, " matches its workflow.", class_="empty")
    if page.items:
        content = [_card(context, run) for run in page.items]
    return PageContent("Approvals", [content, ui.pager(context, page.more)], "Approvals")


def decide(context: ViewContext) -> Done:
    """Approve or reject a run."""
    execution_id = context.path["execution_id"]
    body = ui.read_fields(context.form, [ui.Field(name, is_required=True) for name in ("by", "decision")])
    run = context.send("POST", f"/_emulator/approvals/{segment(execution_id)}", body)["data"]
    done = "approved" if body["decision"] == "approve" else "rejected"
    return Done(
        f"/ui/runs/{segment(execution_id)}", f"{body['by']} {done} the run. State: {ui.state_text(run['status'])}."
    )


def approval_of(context: ViewContext, run: Any) -> HTMLElement | None:
    """Return what the page of a run has about its approval: who decided, or the form that decides."""
    if "approval" not in run:
        return None
    decision = _decision(context, run) if run["status"] == WAITING else None
    return ui.section("Approval", _decisions(run["approval"]), decision)


def _card(context: ViewContext, run: Any) -> HTMLElement:
    execution_id = run["execution_id"]
    name = context.workflow_name(run["workflow_id"]) or run["workflow_id"]
    run = context.get(f"/executions/{segment(execution_id)}")  # lists leave large inputs out
    return h.article(
        h.h2(h.a(name, " ", h.code(execution_id), href=f"/ui/runs/{execution_id}")),
        _decisions(run["approval"]),
        ui.json_block(f"inputs-of-{execution_id}", "Inputs", run["inputs"], context),
        _decision(context, run),
        id=execution_id,
        class_="card",
    )


def _decisions(approval: Any) -> HTMLElement:
    """Return what a run is waiting for, and who has decided about it."""
    return ui.facts(
        ("Required for", ", ".join(approval["reasons"])),
        ("Requested by", approval["requested_by"]),
        ("Requested", ui.moment(approval["requested_at"])),
        ("Approved by", ", ".join(approval["approved_by"]) or "nobody yet"),
        ("Rejected by", approval["rejected_by"]),
        ("Expires", ui.moment(approval["expires_at"]) if approval.get("expires_at") else None),
    )


def _decision(context: ViewContext, run: Any) -> Content:
    """Return what each decision does, and the form that makes one."""
    app = context.app
    with context.reading() as store:
        settings = settings_of(store, app.organization)
        places = app.account.quota(store, app.organization)["concurrent_executions"]
        is_full = store.executions.count("running") >= places
    missing = settings["approval_threshold"] - len(run["approval"]["approved_by"]) - 1
    start = "The run starts." if missing < 1 else f"The run waits for {counted(missing, 'more approval')}, then starts."
    full = f"First it waits for other runs to end: the quota is {counted(places, 'run')} at a time."
    workflow = compiled(context.definition(run["workflow_id"], run["workflow_version"]))
    approve: Content = [h.p(start), h.p(full) if is_full else None, _calls(context, run, workflow)]
    if context.workflow_name(run["workflow_id"]) is None:
        approve = "Not possible: the workflow was deleted."
    reject = "The run is canceled at once, even if others approved it. No node runs."
    return [
        h.dl(h.div(h.dt("Approve"), h.dd(approve)), h.div(h.dt("Reject"), h.dd(reject)), class_="effects"),
        _form(context, run, settings),
    ]


def _calls(context: ViewContext, run: Any, workflow: CompiledWorkflow) -> Content:
    """Return the tools that a run calls, in order: they are what leaves the workflow."""
    nodes = [workflow.nodes[node_id] for node_id in workflow.order]
    tools = [node for node in nodes if isinstance(node, ToolNode)]
    with context.reading() as store:
        record = store.executions.get(run["execution_id"])
    role = "owner" if record is None else record.get("role", "owner")
    return [
        h.p("It calls these tools, in this order:" if tools else "It calls no tools."),
        h.ol([h.li(_call(context, role, run, workflow, node)) for node in tools]) if tools else None,
    ]


def _call(context: ViewContext, role: str, run: Any, workflow: CompiledWorkflow, node: ToolNode) -> Content:
    environment = context.app.environment
    refusal = environment.refusal_of(canonical_tool(node.tool), role)
    known = find_tool(environment.handlers, node.tool)
    own = environment.handlers.tool(node.tool) is not None
    way = ", carried out by your own function" if own else ", simulated: nothing leaves the emulator"
    conditions = [*_conditions(workflow, node)]
    return [
        h.code(node.tool),
        f" in {node.id}",
        h.span(way, class_="soft"),
        f". {known['description']}" if known is not None and not own else None,
        [" ", h.strong("Only if "), " or ".join(conditions), "."] if conditions else None,
        [" ", h.strong("The node will fail. "), refusal] if refusal else None,
        _parameters(context, run, node),
    ]


def _conditions(workflow: CompiledWorkflow, node: ToolNode) -> Iterator[str]:
    flow = workflow.flow
    yield from (f"{gate.conditional} is {str(gate.when).lower()}" for gate in flow.gates.get(node.id, ()))
    yield from (f"{other} fails" for other in flow.rescues.get(node.id, ()))
    if node.condition is not None:
        yield "its condition is true"


_UNKNOWN: Final = re.compile("\ue000([^\ue000\ue001]*)\ue001")


def _parameters(context: ViewContext, run: Any, node: ToolNode) -> HTMLElement:
    """Return the parameters of a call with what is known filled in, and what the run has yet to find out marked."""
    known = {"input": run["inputs"], "env": dict(context.app.environment.env)}

    def resolve(reference: Reference) -> Any:
        try:
            if reference.source in known:
                return follow(known[reference.source], reference, reference.path)
        except TemplateError:
            pass
        return f"\ue000{{{{{reference.text}}}}}\ue001"

    def shown(value: Any) -> Content:
        text = context.redact(value if isinstance(value, str) else ui.json_text(value))
        parts = _UNKNOWN.split(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…")
        return [h.mark(part) if place % 2 else part for place, part in enumerate(parts)]

    params = {name: shown(render(value, resolve)) for name, value in node.params.items()}
    return h.dl([[h.dt(ui.short(name, context)), h.dd(value)] for name, value in params.items()], class_="values")


def _form(context: ViewContext, run: Any, settings: StoredGovernance) -> HTMLElement:
    approval = run["approval"]
    others = {*approval["approved_by"], *([] if settings["allow_self_approval"] else [approval["requested_by"]])}
    people = [*DECIDING, *(name for name, role in context.app.keys.people.items() if role in DECIDING)]
    may = [person for person in people if person not in others]
    needed = f"It needs {counted(settings['approval_threshold'], 'approval')}."
    return ui.entry_form(
        context,
        f"decide-{run['execution_id']}",
        f"/ui/runs/{segment(run['execution_id'])}/decision",
        [ui.Field("by", "Decided by", value=", ".join(may[:1]), options=dict.fromkeys(may, ""), is_required=True)],
        h.div(
            h.button("Approve", name="decision", value="approve", class_="primary"),
            h.button("Reject", name="decision", value="reject", class_="danger"),
            class_="inline",
        ),
        h.p(f"{needed} These can approve it: {', '.join(may) or 'nobody'}.", class_="note"),
    )
