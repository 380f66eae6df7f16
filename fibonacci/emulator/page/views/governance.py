"""Governance: which runs wait for approval, which tools a role can use, and the audit log of all changes."""

from __future__ import annotations

from typing import Any, Final

from fibonacci._texts.text import counted
from fibonacci.emulator.account import ROLES
from fibonacci.emulator.engine.tool_catalog import TOOLS
from fibonacci.emulator.page import components as ui
from fibonacci.emulator.page.context import Action, Done, PageContent, ViewContext, segment
from fibonacci.emulator.page.html import Content, HTMLElement, h
from fibonacci.emulator.page.views.organization import first_of
from fibonacci.emulator.policy.admission import APPROVAL_SECONDS, settings_of
from fibonacci.emulator.state.records import StoredAudit, StoredGovernance

_ORGANIZATION: Final = "/v1/organizations/{organization}"
_TOOL: Final = ui.Field("tool_name", "Tool", options=dict.fromkeys(TOOLS, ""), is_required=True)
_POLICY: Final = [
    _TOOL,
    ui.Field("allowed_roles", "Roles that can use it", "list", f"Of {', '.join(ROLES)}. Empty: nobody.", ["owner"]),
]
_OVERRIDE: Final = [
    ui.Field("role", "Role", "choice", value="member", options={role: role for role in ROLES}),
    _TOOL,
    ui.Field("enabled", "The role can use it", "flag"),
]


def show(context: ViewContext) -> PageContent:
    """Show the settings and what each means, and the tool policies, with the forms that change them."""
    path = f"/organizations/{segment(context.app.organization)}"
    with context.reading() as store:
        settings = _settings_fields(settings_of(store, context.app.organization))
    policies, more_policies = first_of(context, f"{path}/tool-policies")
    overrides, more_overrides = first_of(context, f"{path}/role-policy-overrides")
    policy_rows = {
        f"policy-{policy['tool_name']}": {
            "Tool": h.code(policy["tool_name"]),
            "Roles that can use it": ", ".join(policy["allowed_roles"]) or "nobody" if policy["enabled"] else "nobody",
            "Changed": ui.moment(policy["updated_at"]),
            "(Actions)": ui.form(
                context,
                f"/ui/governance/policies/{segment(policy['tool_name'])}/delete",
                h.button("Delete", aria_label=f"Delete the policy of {policy['tool_name']}"),
            ),
        }
        for policy in policies
    }
    override_rows = {
        f"override-{override['role']}-{override['tool_name']}": {
            "Role": override["role"],
            "Tool": h.code(override["tool_name"]),
            "Rule": "can use it" if override["enabled"] else "can't use it",
            "Changed": ui.moment(override["updated_at"]),
        }
        for override in overrides
    }
    free = "No policies: every role that can run workflows can use any tool."
    content = [
        h.p("Which runs wait for approval, and which tools a role can use. Only the owner can change this."),
        ui.section("Approval", ui.entry_form(context, "governance-form", "/ui/governance", settings, button="Save")),
        ui.section(
            "Tool policies",
            ui.table("Tool policies", policy_rows, free),
            more_policies,
            ui.entry_form(context, "policy-form", "/ui/governance/policies", _POLICY, button="Restrict"),
        ),
        ui.section(
            "Overrides for roles",
            ui.table("Overrides for roles", override_rows, "No overrides: the policy of a tool applies to every role."),
            more_overrides,
            ui.entry_form(context, "override-form", "/ui/governance/overrides", _OVERRIDE, button="Override"),
        ),
    ]
    return PageContent("Governance", content, "Governance")


def _settings_fields(settings: StoredGovernance) -> list[ui.Field]:
    prefix, threshold = "require_approval_for_", settings["approval_threshold"]
    flags = [name for name in settings if name.startswith(prefix)]
    needed = (
        f"A run needs {counted(threshold, 'approval')}." if threshold else "Nobody has to approve, so no run waits."
    )
    expired = f"After {APPROVAL_SECONDS / 86_400:g} days without a decision, the run is canceled."
    held = "A run waits if its workflow names this category, or uses a tool of it."
    own = "The requester of a run can approve it."
    watched = [name for name, is_watched in settings["category_flags"].items() if is_watched]
    more = "More categories whose runs wait for approval, such as financial, pii."
    return [
        *(ui.Field(name, "", "flag", held, settings.get(name)) for name in flags),
        ui.Field("allow_self_approval", "", "flag", own, settings["allow_self_approval"]),
        ui.Field("approval_threshold", "", "number", f"{needed} One rejection is enough. {expired}", threshold),
        ui.Field("category_flags", "", "list", more, watched),
    ]


def change(context: ViewContext) -> Done:
    """Change the settings."""
    organization = context.app.organization
    with context.reading() as store:
        settings = settings_of(store, organization)
    body: dict[str, Any] = {"approval_threshold": 0, **ui.read_fields(context.form, _settings_fields(settings))}
    chosen = dict.fromkeys(body["category_flags"], True)
    body["category_flags"] = dict.fromkeys(settings["category_flags"], False) | chosen
    context.send("PATCH", f"/v1/organizations/{segment(organization)}/governance", body)
    return Done("/ui/governance", "The settings were saved.")


create_policy: Final[Action] = ui.calling(
    "POST", f"{_ORGANIZATION}/tool-policies", "/ui/governance", "{tool_name} is restricted.", _POLICY
)
delete_policy: Final[Action] = ui.calling(
    "DELETE",
    f"{_ORGANIZATION}/tool-policies/{{tool_name}}",
    "/ui/governance",
    "The policy of {tool_name} was deleted.",
)
create_override: Final[Action] = ui.calling(
    "POST", f"{_ORGANIZATION}/role-policy-overrides", "/ui/governance", "{role} has a rule for {tool_name}.", _OVERRIDE
)


def show_audit(context: ViewContext) -> PageContent:
    """Show the audit log, the newest first: one kind of action, or what has a text, or all."""
    action, organization = context.query.search_text("action"), context.app.organization
    with context.reading() as store:
        counts = store.audit.counts(organization)
        where = {"organization": organization} | ({} if action is None else {"action": action})
        page = ui.matches(context, store.audit.rows(where, newest_first=True, after=context.number_cursor), _text_of)
    rows = {
        f"audit-{number}": {
            "Action": h.code(entry["action"]),
            "What changed": ui.wide([_change(context, name, change) for name, change in entry["changes"].items()]),
            "Who": entry["actor"],
            "Target": ui.wide(_target(entry["target"])),
            "Time": ui.moment(entry["created_at"]),
        }
        for number, entry in page.items
    }
    actions = ui.Field("action", "Action", "choice", options={"": "all", **{name: name for name in counts}})
    content = [
        h.p("Changes to governance, quotas, policies and the registry, decisions about runs, and refused runs."),
        ui.search_form(context, ui.Field("q", "Who, what or where", "search"), actions),
        ui.table("Audit log", rows, "No entries match." if counts else "No entries yet."),
        ui.pager(context, page.more),
    ]
    return PageContent("Audit log", content, "Audit log")


def _text_of(entry: StoredAudit) -> str:
    return f"{entry['actor']} {entry['target']} {entry['action']} {ui.json_text(entry['changes'], None)}"


def _target(target: str) -> HTMLElement:
    kind, _, name = target.partition("/")
    place = {"executions": "runs", "workflows": "workflows", "workflow-registry": "workflows"}.get(kind)
    return h.code(target) if place is None else h.a(h.code(target), href=f"/ui/{place}/{segment(name)}")


def _change(context: ViewContext, name: str, change: Any) -> Content:
    old, new = (ui.NOTHING if change[key] is None else ui.short(change[key], context) for key in ("from", "to"))
    return h.div(f"{name}: ", None if old == ui.NOTHING else f"{old} → ", h.strong(new))
