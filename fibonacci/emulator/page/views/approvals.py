"""The runs that wait for approval, and decisions about them."""

from __future__ import annotations

from typing import Any

from fibonacci.emulator.engine.records import WAITING
from fibonacci.emulator.http.replies import Detail, invalid
from fibonacci.emulator.page.backend import segment
from fibonacci.emulator.page.components import facts, form, moment, pager, required, state_text
from fibonacci.emulator.page.context import Done, PageContent, ViewContext
from fibonacci.emulator.page.html import Content, HTMLElement, h
from fibonacci.emulator.policy.approvals import settings_of


def show_list(context: ViewContext) -> PageContent:
    """Show the runs that wait for approval, the newest first."""
    found = context.backend.items("/executions", context.cursor, status=WAITING)
    content: Content = [_waiting(context, run) for run in found.items]
    if not found.items:
        setting = h.code("client.organizations.governance.update(...)")
        content = h.div(
            h.p("No run waits for approval."),
            h.p("A run waits if a setting of the organization matches its workflow: see ", setting, "."),
            class_="empty",
        )
    return PageContent("Approvals", [content, pager(context, found.more)], "Approvals")


def decide(context: ViewContext) -> Done:
    """Approve or reject a run."""
    execution_id = context.path["execution_id"]
    by = required(context.form, "by", "name who decides: admin, owner, or a person with a key of such a role")
    decision = context.form.get("decision")
    if decision not in ("approve", "reject"):
        raise invalid(Detail("decision", "is approve or reject"))
    body = {"by": by, "decision": decision}
    run = context.backend.send("POST", f"/_emulator/approvals/{segment(execution_id)}", body)["data"]
    done = "approved" if decision == "approve" else "rejected"
    return Done(f"/ui/runs/{segment(execution_id)}", f"{by} {done} the run. State: {state_text(run['status'])}.")


def decisions(approval: Any) -> HTMLElement:
    """Return what a run waits for, and who has decided about it."""
    return facts(
        ("Required for", ", ".join(approval["reasons"])),
        ("Requested by", approval["requested_by"]),
        ("Requested", moment(approval["requested_at"])),
        ("Approved by", ", ".join(approval["approved_by"]) or "nobody yet"),
        ("Rejected by", approval["rejected_by"]),
        ("Expires", moment(approval["expires_at"]) if approval.get("expires_at") else None),
    )


def decision_form(context: ViewContext, execution_id: str) -> HTMLElement:
    """Return the form that approves or rejects a run."""
    with context.backend.reading() as store:
        threshold = settings_of(store, context.backend.app.organization)["approval_threshold"]
    name = f"by-{execution_id}"
    return form(
        context,
        f"/ui/runs/{segment(execution_id)}/decision",
        h.label("Decided by", for_=name),
        h.input(
            id=name,
            name="by",
            value=context.entered.get("by", "admin"),
            required=True,
            list=f"{name}-roles",
            autocomplete="off",
            spellcheck="false",
            maxlength=100,
        ),
        h.datalist(h.option(value="admin"), h.option(value="owner"), id=f"{name}-roles"),
        h.button("Approve", name="decision", value="approve", class_="primary"),
        h.button("Reject", name="decision", value="reject", class_="danger"),
        h.p(
            f"It takes {threshold} {'approval' if threshold == 1 else 'approvals'}. A role, or a person with a key.",
            class_="note",
        ),
        id=f"decide-{execution_id}",
        class_="inline",
        data_static="true",
    )


def _waiting(context: ViewContext, run: Any) -> HTMLElement:
    execution_id = run["execution_id"]
    name = context.backend.workflow_name(run["workflow_id"]) or run["workflow_id"]
    return h.article(
        h.h2(h.a(name, " ", h.code(execution_id), href=f"/ui/runs/{execution_id}")),
        decisions(run["approval"]),
        decision_form(context, execution_id),
        id=execution_id,
        class_="card",
    )
