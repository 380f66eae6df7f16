"""Governance: which runs wait for approval, which tools a role can use, and the audit log of all changes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from fibonacci._texts.text import counted
from fibonacci.emulator.account import ROLES
from fibonacci.emulator.engine.tool_catalog import TOOLS
from fibonacci.emulator.page.components import (
    NOTHING,
    amount,
    changed,
    check,
    choices,
    entry,
    example,
    facts,
    field,
    form,
    json_text,
    moment,
    number,
    pager,
    required,
    search_form,
    section,
    short,
    table,
)
from fibonacci.emulator.page.context import PER_PAGE, Done, PageContent, ViewContext, segment
from fibonacci.emulator.page.html import Content, HTMLElement, h
from fibonacci.emulator.policy.admission import APPROVAL_SECONDS, CATEGORY_WORDS, categories_of, settings_of
from fibonacci.emulator.state.records import StoredAudit, StoredGovernance

_MOST: Final = 200  # of what is on one page without a pager: as many as an endpoint gives at once
_SCANNED: Final = 5_000
"""How many entries of the audit log one page reads to find those that match."""

_CHANGE_SETTING: Final = """governance = client.organizations.governance
print(governance.update("{organization}", require_approval_for_external_comm=True))
"""


def _path(context: ViewContext) -> str:
    return f"/organizations/{segment(context.backend.app.organization)}"


def show(context: ViewContext) -> PageContent:
    """Show the settings and what each means, and the tool policies, with the forms that change them."""
    with context.backend.reading() as store:
        settings = settings_of(store, context.backend.app.organization)
    statistics = context.backend.get(f"{_path(context)}/governance/approvals")
    counts = [(name.capitalize(), f"{count:,}") for name, count in statistics.items() if isinstance(count, int)]
    content = [
        h.p("Which runs wait for approval, and which tools a role can use. Only the owner can change this."),
        section("Approval", _settings_form(context, settings)),
        section("Requests for approval", facts(*counts), h.p(h.a("Runs waiting for approval", href="/ui/approvals"))),
        section("Tool policies", _policies(context)),
        section("Overrides for roles", _overrides(context)),
    ]
    return PageContent("Governance", content, "Governance")


def _settings_form(context: ViewContext, settings: StoredGovernance) -> HTMLElement:
    prefix = "require_approval_for_"
    flags = [name for name in settings if name.startswith(prefix)]
    on = ",".join([name for name in (*flags, "allow_self_approval") if settings.get(name)])
    days = f"{APPROVAL_SECONDS / 86_400:g} days"
    threshold = settings["approval_threshold"]
    needed = (
        "Nobody has to approve, so no run waits." if threshold < 1 else f"A run needs {counted(threshold, 'approval')}."
    )
    categories = [name for name, is_watched in settings["category_flags"].items() if is_watched]
    meanings: dict[str, Content] = {name: _held(name.removeprefix(prefix)) for name in flags}
    meanings["allow_self_approval"] = "The requester of a run can approve it."
    return form(
        context,
        "/ui/governance",
        h.div(
            [
                h.div(check(h.code(name), "on", on, name), h.p(meaning, class_="note"), id=f"setting-{name}")
                for name, meaning in meanings.items()
            ],
            class_="settings",
        ),
        amount(
            context,
            "approval_threshold",
            "threshold",
            str(threshold),
            f"{needed} One rejection is enough. After {days} without a decision, the run is canceled.",
        ),
        entry(
            context,
            "category_flags",
            "categories",
            ", ".join(categories),
            "More categories whose runs wait for approval, such as financial, pii.",
            size=40,
        ),
        h.button("Save", class_="primary"),
        id="governance-form",
        class_="card",
    )


def change(context: ViewContext) -> Done:
    """Change the settings."""
    with context.backend.reading() as store:
        settings = settings_of(store, context.backend.app.organization)
    on = context.form.get("on", "").split(",")
    names = [name.strip() for name in context.form.get("categories", "").split(",") if name.strip()]
    body: dict[str, Any] = {name: name in on for name, value in settings.items() if isinstance(value, bool)}
    body["approval_threshold"] = number(context.form, "threshold") or 0
    body["category_flags"] = dict.fromkeys(settings["category_flags"], False) | dict.fromkeys(names, True)
    path = f"/v1{_path(context)}/governance"
    return changed(context, "PATCH", path, body, "/ui/governance", "The settings were saved.")


def _held(category: str) -> Content:
    """Return what a category holds: tools of the catalog, and words in the names of tools."""
    tools = [
        name for name in TOOLS if category in categories_of({"nodes": [{"id": "a", "type": "tool", "tool": name}]})
    ]
    words = ", ".join(sorted(CATEGORY_WORDS.get(category, ())))
    return [
        "A run waits if its workflow names this category",
        [", or uses one of these tools: ", h.code(", ".join(tools))] if tools else None,
        f", or uses a tool with one of these words in its name: {words}" if words else None,
        ".",
    ]


def _policies(context: ViewContext) -> Content:
    page = context.backend.items(f"{_path(context)}/tool-policies", None, limit=_MOST)
    rows = [
        (
            f"policy-{policy['tool_name']}",
            h.code(policy["tool_name"]),
            "yes" if policy["enabled"] else "no",
            ", ".join(policy["allowed_roles"]) or "nobody" if policy["enabled"] else "nobody",
            moment(policy["updated_at"]),
            form(
                context,
                f"/ui/governance/policies/{segment(policy['tool_name'])}/delete",
                h.button("Delete", aria_label=f"Delete the policy of {policy['tool_name']}"),
            ),
        )
        for policy in page.items
    ]
    columns = {"Tool": "", "Enabled": "", "Roles that can use it": "", "Changed": "", "(Actions)": ""}
    return [
        table("Tool policies", columns, rows, h.p("No policies: every role that can run workflows can use any tool.")),
        _rest(page.more),
        form(
            context,
            "/ui/governance/policies",
            entry(context, "Tool", "tool", list="tools", required=True),
            h.datalist([h.option(value=name) for name in TOOLS], id="tools"),
            h.div(
                [check(role, "roles", context.entered.get("roles", "owner"), role) for role in ROLES], class_="inline"
            ),
            h.button("Restrict the tool to these roles"),
            id="policy-form",
            class_="inline",
        ),
    ]


def create_policy(context: ViewContext) -> Done:
    """Restrict a tool to some roles, or to nobody."""
    tool = required(context.form, "tool", "must be the name of a tool such as email_send")
    roles = [role for role in context.form.get("roles", "").split(",") if role]
    body = {"tool_name": tool, "enabled": bool(roles), **({"allowed_roles": roles} if roles else {})}
    path = f"/v1{_path(context)}/tool-policies"
    return changed(context, "POST", path, body, "/ui/governance", f"{tool} is restricted.")


def delete_policy(context: ViewContext) -> Done:
    """Delete a policy."""
    tool = context.path["tool_name"]
    path = f"/v1{_path(context)}/tool-policies/{segment(tool)}"
    return changed(context, "DELETE", path, None, "/ui/governance", f"The policy of {tool} was deleted.")


def _overrides(context: ViewContext) -> Content:
    page = context.backend.items(f"{_path(context)}/role-policy-overrides", None, limit=_MOST)
    rows = [
        (
            f"override-{override['role']}-{override['tool_name']}",
            override["role"],
            h.code(override["tool_name"]),
            "can use it" if override["enabled"] else "can't use it",
            moment(override["updated_at"]),
        )
        for override in page.items
    ]
    role, rule = context.entered.get("role", "member"), context.entered.get("rule", "off")
    roles = [h.option(name, value=name, selected=name == role) for name in ROLES]
    rules = [
        h.option(text, value=value, selected=value == rule)
        for value, text in (("off", "can't use it"), ("on", "can use it"))
    ]
    return [
        table(
            "Overrides for roles",
            {"Role": "", "Tool": "", "Rule": "", "Changed": ""},
            rows,
            h.p("No overrides: the policy of a tool applies to every role."),
        ),
        _rest(page.more),
        form(
            context,
            "/ui/governance/overrides",
            field("Role", h.select(roles, id="role", name="role")),
            field("Tool", h.input(id="override-tool", name="tool", list="tools", required=True, autocomplete="off")),
            field("Rule", h.select(rules, id="rule", name="rule")),
            h.button("Make the exception"),
            id="override-form",
            class_="inline",
        ),
    ]


def create_override(context: ViewContext) -> Done:
    """Make an exception from the policy of a tool for a role."""
    tool = required(context.form, "tool", "must be the name of a tool such as email_send")
    body = {"role": context.form.get("role", ""), "tool_name": tool, "enabled": context.form.get("rule") == "on"}
    path = f"/v1{_path(context)}/role-policy-overrides"
    return changed(context, "POST", path, body, "/ui/governance", f"{body['role']} has a rule for {tool}.")


def _rest(more: str | None) -> Content:
    return h.p(f"The first {_MOST}. The API lists the others.", class_="note") if more else None


def show_audit(context: ViewContext) -> PageContent:
    """Show the audit log, the newest first: one kind of action, or what has a text, or all."""
    action, wanted = context.query.text("action"), context.searched
    with context.backend.reading() as store:
        organization = context.backend.app.organization
        counts = store.audit.counts(organization)
        where = {"organization": organization} | ({} if action is None else {"action": action})
        rows = store.audit.rows(where, newest_first=True, after=context.number_cursor)
        read = list(islice(rows, PER_PAGE + 1 if wanted is None else _SCANNED))
    shown = [(row, found) for row, found in read if wanted is None or _has_text(context, found, wanted)]
    last = shown[PER_PAGE - 1][0] if len(shown) > PER_PAGE else None
    if last is None and wanted is not None and len(read) == _SCANNED:
        last = read[-1][0]
    empty: Content = h.p("No entries match.")
    if not counts:
        first = example("change-setting", "A first entry · Python", _CHANGE_SETTING, context)
        empty = [h.p("No entries yet. Changing a setting adds one:"), first]
    columns = {"Time": "", "Who": "", "Action": "", "Target": "name", "What changed": "name wide"}
    body = [
        (
            f"audit-{row}",
            moment(found["created_at"]),
            found["actor"],
            h.code(found["action"]),
            _target(found["target"]),
            [h.div(part) for part in _changes(context, found)],
        )
        for row, found in shown[:PER_PAGE]
    ]
    actions: dict[str, str | None] = {"All": None, **{name: name for name in counts}}
    content = [
        h.p("Changes to governance, quotas, policies and the registry, decisions about runs, and refused runs."),
        search_form(context, "Who, what or where"),
        choices(context, "Actions", "action", actions, counts | {"All": sum(counts.values())}) if counts else None,
        table("Audit log", columns, body, empty),
        pager(context, last),
    ]
    return PageContent("Audit log", content, "Audit log")


def _has_text(context: ViewContext, found: StoredAudit, wanted: str) -> bool:
    text = f"{found['actor']} {found['target']} {found['action']} {json_text(found['changes'], None)}"
    return wanted.casefold() in context.backend.redact(text).casefold()


def _target(target: str) -> HTMLElement:
    kind, _, name = target.partition("/")
    place = {"executions": "runs", "workflows": "workflows", "workflow-registry": "workflows"}.get(kind)
    return h.code(target) if place is None else h.a(h.code(target), href=f"/ui/{place}/{segment(name)}")


def _changes(context: ViewContext, found: StoredAudit) -> Iterator[Content]:
    for name, change_made in found["changes"].items():
        old, new = (
            NOTHING if value is None else short(value, context) for value in (change_made["from"], change_made["to"])
        )
        yield [f"{name}: ", None if old == NOTHING else f"{old} → ", h.strong(new)]
