"""Approvals: the runs that are waiting for one, what a decision does, and who may make it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from fibonacci._text import counted
from fibonacci.definitions import CriticNode, LLMNode, Node, ToolNode
from fibonacci.definitions.tools import canonical_tool
from fibonacci.emulator.account import KeyRole
from fibonacci.emulator.engine.compiled import CompiledWorkflow, compiled
from fibonacci.emulator.engine.records import WAITING
from fibonacci.emulator.engine.tool_catalog import find_tool
from fibonacci.emulator.http.messages import Detail, invalid
from fibonacci.emulator.page.components import (
    example,
    facts,
    form,
    json_block,
    moment,
    pager,
    required,
    short,
    state_text,
)
from fibonacci.emulator.page.context import Done, PageContent, ViewContext, segment
from fibonacci.emulator.page.html import Content, HTMLElement, h
from fibonacci.emulator.policy.admission import effective_quota
from fibonacci.emulator.policy.approvals import DECIDING, settings_of
from fibonacci.emulator.state.records import StoredGovernance

_TOOLS_SHOWN: Final = 20
_HOLD_MAIL: Final = """client.organizations.governance.update("{organization}", require_approval_for_external_comm=True)
mail = {"to": "team@example.org", "subject": "News", "body": "High tide at noon"}
node = {"id": "tell", "type": "tool", "tool": "email_send", "params": mail}
workflow = client.workflows.create(name="News", definition={"nodes": [node]})
print(client.workflows.execute(workflow.id).status)
"""


def show_list(context: ViewContext) -> PageContent:
    """Show the runs that wait for approval, the newest first."""
    page = context.backend.items("/executions", context.cursor, status=WAITING)
    content: Content = [_card(context, run) for run in page.items]
    if not page.items:
        content = h.div(
            h.p("No runs are waiting for approval."),
            h.p(
                "A run waits if a ",
                h.a("governance setting", href="/ui/governance"),
                " matches its workflow. For example:",
            ),
            example("hold", "A run that waits · Python", _HOLD_MAIL, context),
            class_="empty",
        )
    return PageContent("Approvals", [content, pager(context, page.more)], "Approvals")


def decide(context: ViewContext) -> Done:
    """Approve or reject a run."""
    execution_id = context.path["execution_id"]
    by = required(context.form, "by", "must be admin, owner, or a person whose key has one of these roles")
    decision = context.form.get("decision")
    if decision not in ("approve", "reject"):
        raise invalid(Detail("decision", "must be approve or reject"))
    body = {"by": by, "decision": decision}
    run = context.backend.send("POST", f"/_emulator/approvals/{segment(execution_id)}", body)["data"]
    done = "approved" if decision == "approve" else "rejected"
    return Done(f"/ui/runs/{segment(execution_id)}", f"{by} {done} the run. State: {state_text(run['status'])}.")


def approval_of(context: ViewContext, run: Any) -> Content:
    """Return what the page of a run has about its approval: who decided, or the form that decides."""
    if "approval" not in run:
        return None
    return h.section(
        h.h2("Approval", id="approval"),
        _decisions(run["approval"]),
        _decision(context, run) if run["status"] == WAITING else None,
        aria_labelledby="approval",
    )


def _card(context: ViewContext, run: Any) -> HTMLElement:
    execution_id = run["execution_id"]
    name = context.backend.workflow_name(run["workflow_id"]) or run["workflow_id"]
    inputs = context.backend.get(f"/executions/{segment(execution_id)}")["inputs"]  # lists leave large ones out
    return h.article(
        h.h2(h.a(name, " ", h.code(execution_id), href=f"/ui/runs/{execution_id}")),
        _decisions(run["approval"]),
        json_block(f"inputs-of-{execution_id}", "Inputs", inputs, context),
        _decision(context, run),
        id=execution_id,
        class_="card",
    )


def _decisions(approval: Any) -> HTMLElement:
    """Return what a run is waiting for, and who has decided about it."""
    return facts(
        ("Required for", ", ".join(approval["reasons"])),
        ("Requested by", approval["requested_by"]),
        ("Requested", moment(approval["requested_at"])),
        ("Approved by", ", ".join(approval["approved_by"]) or "nobody yet"),
        ("Rejected by", approval["rejected_by"]),
        ("Expires", moment(approval["expires_at"]) if approval.get("expires_at") else None),
    )


def _decision(context: ViewContext, run: Any) -> Content:
    """Return what each decision does, and the form that makes one."""
    with context.backend.reading() as store:
        settings = settings_of(store, context.backend.app.organization)
    definition = context.backend.definition(run["workflow_id"], run["workflow_version"])
    is_gone = context.backend.workflow_name(run["workflow_id"]) is None
    return [
        h.dl(
            h.div(
                h.dt("Approve"),
                h.dd(
                    "Not possible: the workflow was deleted."
                    if is_gone
                    else [_start(context, run, settings), _calls(context, run, compiled(definition))]
                ),
            ),
            h.div(h.dt("Reject"), h.dd("The run is canceled at once, even if others approved it. No node runs.")),
            class_="effects",
        ),
        _form(context, run, settings),
    ]


def _start(context: ViewContext, run: Any, settings: StoredGovernance) -> Content:
    app = context.backend.app
    missing = settings["approval_threshold"] - len(run["approval"]["approved_by"]) - 1
    with context.backend.reading() as store:
        places = effective_quota(store, app.account.plan, app.organization)["concurrent_executions"]
        is_full = store.executions.count("running") >= places
    return [
        h.p(
            "The run starts." if missing < 1 else f"The run waits for {counted(missing, 'more approval')}, then starts."
        ),
        h.p(f"First it waits for other runs to end: the quota is {counted(places, 'run')} at a time.")
        if is_full
        else None,
    ]


def _calls(context: ViewContext, run: Any, workflow: CompiledWorkflow) -> Content:
    """Return the tools that a run calls, in order: they are what leaves the workflow."""
    nodes = [workflow.nodes[node_id] for node_id in workflow.order]
    tools = [node for node in nodes if isinstance(node, ToolNode)]
    with context.backend.reading() as store:
        record = store.executions.get(run["execution_id"])
    role = "owner" if record is None else record.get("role", "owner")
    lines = [h.li(_call(context, role, workflow, node)) for node in tools[:_TOOLS_SHOWN]]
    rest = len(tools) - len(lines)
    return [
        h.p("It calls these tools, in this order:" if tools else "It calls no tools."),
        h.ol(lines) if lines else None,
        h.p(f"And {counted(rest, 'more tool')}.") if rest else None,
        _models(context, nodes),
    ]


def _models(context: ViewContext, nodes: Sequence[Node]) -> Content:
    """Return how many nodes ask a model, and whether it is a function of the user's, which may ask a real one."""
    handlers = context.backend.app.environment.handlers
    asked = [handlers.llm for node in nodes if isinstance(node, LLMNode)]
    critics = [handlers.critic for node in nodes if isinstance(node, CriticNode)]
    count = len(asked) + len(critics)
    if not count:
        return None
    way = ", answered by your own function" if any((*asked, *critics)) else ", simulated"
    return h.p(f"{counted(count, 'node')} {'asks' if count == 1 else 'ask'} a model", h.span(way, class_="soft"), ".")


def _call(context: ViewContext, role: str, workflow: CompiledWorkflow, node: ToolNode) -> Content:
    environment = context.backend.app.environment
    refusal = environment.refusal_of(canonical_tool(node.tool), role)
    known = find_tool(environment.handlers, node.tool)
    own = environment.handlers.tool(node.tool) is not None
    conditions = [*_conditions(workflow, node)]
    return [
        h.code(node.tool),
        f" in {node.id}",
        h.span(
            ", carried out by your own function" if own else ", simulated: nothing leaves the emulator", class_="soft"
        ),
        f". {known['description']}" if known is not None and not own else None,
        [" ", h.strong("Only if "), " or ".join(conditions), "."] if conditions else None,
        [" ", h.strong("The node will fail. "), refusal] if refusal else None,
        h.br(),
        h.code(short(node.params, context, 300)),
    ]


def _conditions(workflow: CompiledWorkflow, node: ToolNode) -> Iterator[str]:
    flow = workflow.flow
    yield from (f"{gate.conditional} is {str(gate.when).lower()}" for gate in flow.gates.get(node.id, ()))
    yield from (f"{other} fails" for other in flow.rescues.get(node.id, ()))
    if node.condition is not None:
        yield "its condition is true"


def _form(context: ViewContext, run: Any, settings: StoredGovernance) -> HTMLElement:
    execution_id = run["execution_id"]
    name = f"by-{execution_id}"
    may, may_not = _deciders(context, run["approval"], settings)
    return form(
        context,
        f"/ui/runs/{segment(execution_id)}/decision",
        h.label("Decided by", for_=name),
        h.input(
            id=name,
            name="by",
            value=context.entered.get("by", may[0] if may else ""),
            required=True,
            list=f"{name}-people",
            autocomplete="off",
            spellcheck="false",
            maxlength=100,
            aria_describedby=f"{name}-hint",
        ),
        h.datalist([h.option(value=person) for person in may], id=f"{name}-people"),
        h.button("Approve", name="decision", value="approve", class_="primary"),
        h.button("Reject", name="decision", value="reject", class_="danger"),
        h.p(
            f"It needs {counted(settings['approval_threshold'], 'approval')}. Enter a role, or a person with a key. ",
            " ".join(may_not),
            class_="note",
            id=f"{name}-hint",
        ),
        id=f"decide-{execution_id}",
        class_="inline",
        data_static="true",
    )


def _deciders(context: ViewContext, approval: Any, settings: StoredGovernance) -> tuple[Sequence[str], Sequence[str]]:
    """Return who may approve a run, and sentences about those who may not."""
    may: list[str] = []
    may_not: list[str] = []
    roles: dict[str, KeyRole] = {role: role for role in DECIDING}
    for person, role in (roles | {**context.backend.app.keys.people}).items():
        if role not in DECIDING:
            may_not.append(f"{person} can't decide with the role {role}.")
        elif person in approval["approved_by"]:
            may_not.append(f"{person} has already approved it.")
        elif person == approval["requested_by"] and not settings["allow_self_approval"]:
            may_not.append(f"{person} requested the run and can only reject it, because allow_self_approval is off.")
        else:
            may.append(person)
    return may, may_not
