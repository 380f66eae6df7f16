"""Settings of the organization: governance and tool policies, the audit log, the registry, and the roles of keys."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from fibonacci._text import counted
from fibonacci.emulator.account import ROLES, KeyRole
from fibonacci.emulator.engine.tool_catalog import TOOLS
from fibonacci.emulator.page.components import (
    NOTHING,
    example,
    facts,
    form,
    moment,
    pager,
    search_form,
    short,
    table,
    text_block,
    with_query,
)
from fibonacci.emulator.page.context import PER_PAGE, Done, PageContent, ViewContext, segment
from fibonacci.emulator.page.html import Content, HTMLElement, h
from fibonacci.emulator.policy.approvals import APPROVAL_SECONDS, CATEGORY_WORDS, DECIDING, categories_of, settings_of
from fibonacci.emulator.routes import ENDPOINTS
from fibonacci.emulator.routes.workflows import TRANSITIONS
from fibonacci.emulator.state.records import StoredAudit, StoredGovernance

_MOST: Final = 200  # of what is on one page without a pager: as many as an endpoint gives at once
_SCANNED: Final = 5_000
"""How many entries of the audit log one page reads to find those that match."""


def show_governance(context: ViewContext) -> PageContent:
    """Show the settings and what each means, and the tool policies."""
    path = f"/organizations/{segment(context.backend.app.organization)}"
    with context.backend.reading() as store:
        settings = settings_of(store, context.backend.app.organization)
    statistics = context.backend.get(f"{path}/governance/approvals")
    counts = [(name.capitalize(), f"{count:,}") for name, count in statistics.items() if isinstance(count, int)]
    return PageContent(
        "Governance",
        [
            h.p("Which runs wait for approval, and which tools a role can use. Only the owner can change this."),
            h.section(
                h.h2("Approval", id="approval"),
                _settings(settings),
                example("change-setting", "Change a setting · Python", _CHANGE_SETTING, context),
                aria_labelledby="approval",
            ),
            h.section(
                h.h2("Requests for approval", id="statistics"),
                facts(*counts),
                h.p(h.a("Runs waiting for approval", href="/ui/approvals")),
                aria_labelledby="statistics",
            ),
            h.section(h.h2("Tool policies", id="policies"), _policies(context, path), aria_labelledby="policies"),
            h.section(
                h.h2("Overrides for roles", id="overrides"), _overrides(context, path), aria_labelledby="overrides"
            ),
        ],
        "Governance",
    )


_CHANGE_SETTING: Final = """governance = client.organizations.governance
print(governance.update("{organization}", require_approval_for_external_comm=True))
"""
_CREATE_POLICY: Final = """policies = client.organizations.tool_policies
print(policies.create("{organization}", tool_name="email_send", allowed_roles=["owner"]))
"""
_CREATE_OVERRIDE: Final = """policies = client.organizations.tool_policies
print(policies.create_role_override("{organization}", role="member", tool_name="email_send", enabled=False))
"""
_APPROVE_TEMPLATE: Final = """node = {"id": "greet", "type": "llm", "instruction": "Greet {{input.name}}"}
workflow = client.workflows.create(name="Greeter", definition={"nodes": [node]})
print(client.registry.approve_template(workflow.id))
"""


def _settings(settings: StoredGovernance) -> HTMLElement:
    entries = [
        h.div(h.dt(h.code(name)), h.dd(h.strong(value)), h.dd(meaning), id=f"setting-{name}")
        for name, value, meaning in _meanings(settings)
    ]
    return h.dl(entries, class_="card settings")


def _meanings(settings: StoredGovernance) -> Iterator[tuple[str, str, Content]]:
    prefix = "require_approval_for_"
    for name, value in settings.items():
        if name.startswith(prefix):
            yield name, _switch(bool(value)), _held(name.removeprefix(prefix))
    for category, is_watched in settings["category_flags"].items():
        yield f"category_flags.{category}", _switch(is_watched), _held(category)
    if not settings["category_flags"]:
        yield "category_flags", "none", "More categories whose runs wait for approval, such as financial and pii."
    threshold = settings["approval_threshold"]
    people = (
        "Nobody has to approve, so no run waits." if threshold < 1 else f"A run needs {counted(threshold, 'approval')}."
    )
    days = f"{APPROVAL_SECONDS / 86_400:g} days"
    yield (
        "approval_threshold",
        f"{threshold:,}",
        f"{people} One rejection is enough. After {days} without a decision, the run is canceled.",
    )
    own = settings["allow_self_approval"]
    yield "allow_self_approval", _switch(own), f"The requester of a run {'can' if own else 'cannot'} approve it."


def _switch(is_on: bool) -> str:
    return "on" if is_on else "off"


def _held(category: str) -> Content:
    """Return what a category holds: tools of the catalog, and words in the names of tools."""
    tools = [
        name for name in TOOLS if category in categories_of({"nodes": [{"id": "a", "type": "tool", "tool": name}]})
    ]
    words = sorted(CATEGORY_WORDS.get(category, ()))
    parts: list[Content] = ["A run waits if its workflow names this category"]
    if tools:
        parts.append([", or uses one of these tools: ", h.code(", ".join(tools))])
    if words:
        parts.append([", or uses a tool with one of these words in its name: ", ", ".join(words)])
    return [*parts, "."]


def _policies(context: ViewContext, path: str) -> Content:
    page = context.backend.items(f"{path}/tool-policies", None, limit=_MOST)
    rows = [
        h.tr(
            h.td(h.code(policy["tool_name"])),
            h.td("yes" if policy["enabled"] else "no"),
            h.td(", ".join(policy["allowed_roles"]) or "nobody" if policy["enabled"] else "nobody"),
            h.td(moment(policy["updated_at"])),
            id=f"policy-{policy['tool_name']}",
        )
        for policy in page.items
    ]
    empty = [
        h.p("No policies: every role that can run workflows can use any tool. To restrict a tool:"),
        example("restrict", "A tool that only the owner can use · Python", _CREATE_POLICY, context),
    ]
    columns = ("Tool", "Enabled", "Roles that can use it", "Changed")
    return [table("Tool policies", columns, rows, empty), _rest(page.more)]


def _overrides(context: ViewContext, path: str) -> Content:
    page = context.backend.items(f"{path}/role-policy-overrides", None, limit=_MOST)
    rows = [
        h.tr(
            h.td(override["role"]),
            h.td(h.code(override["tool_name"])),
            h.td("can use it" if override["enabled"] else "can't use it"),
            h.td(moment(override["updated_at"])),
            id=f"override-{override['role']}-{override['tool_name']}",
        )
        for override in page.items
    ]
    empty = [
        h.p("No overrides: the policy of a tool applies to every role. To make an exception:"),
        example("override", "A tool that members can't use · Python", _CREATE_OVERRIDE, context),
    ]
    return [table("Overrides for roles", ("Role", "Tool", "Rule", "Changed"), rows, empty), _rest(page.more)]


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
    shown = [(number, entry) for number, entry in read if wanted is None or _has_text(context, entry, wanted)]
    last = shown[PER_PAGE - 1][0] if len(shown) > PER_PAGE else None
    if last is None and wanted is not None and len(read) == _SCANNED:
        last = read[-1][0]
    empty: Content = h.p("No entries match.")
    if not counts:
        first = example("change-setting", "A first entry · Python", _CHANGE_SETTING, context)
        empty = [h.p("No entries yet. Changing a setting adds one:"), first]
    columns = ("Time", "Who", "Action", "Target", "What changed")
    return PageContent(
        "Audit log",
        [
            h.p("Changes to governance, quotas, policies and the registry, decisions about runs, and refused runs."),
            search_form(context, "Who, what or where"),
            _actions(context, action, counts),
            table("Audit log", columns, [_entry_row(context, *row) for row in shown[:PER_PAGE]], empty),
            pager(context, last),
        ],
        "Audit log",
    )


def _has_text(context: ViewContext, entry: StoredAudit, wanted: str) -> bool:
    text = f"{entry['actor']} {entry['target']} {entry['action']} {json.dumps(entry['changes'], ensure_ascii=False)}"
    return wanted.casefold() in context.backend.redact(text).casefold()


def _actions(context: ViewContext, chosen: str | None, counts: dict[str, int]) -> Content:
    links = [
        h.li(
            h.a(
                text,
                " ",
                h.span(f"{count:,}", class_="count"),
                href=with_query(context, action=name, cursor=None),
                aria_current="true" if name == chosen else None,
            )
        )
        for text, name, count in [("All", None, sum(counts.values())), *((name, name, n) for name, n in counts.items())]
    ]
    return h.nav(h.ul(links), class_="filters", aria_label="Actions") if counts else None


def _entry_row(context: ViewContext, number: int, entry: StoredAudit) -> HTMLElement:
    return h.tr(
        h.td(moment(entry["created_at"])),
        h.td(entry["actor"]),
        h.td(h.code(entry["action"])),
        h.td(_target(entry["target"]), class_="name"),
        h.td([h.div(part) for part in _changes(context, entry)], class_="name wide"),
        id=f"audit-{number}",
    )


def _target(target: str) -> HTMLElement:
    kind, _, name = target.partition("/")
    section = {"executions": "runs", "workflows": "workflows", "workflow-registry": "workflows"}.get(kind)
    return h.code(target) if section is None else h.a(h.code(target), href=f"/ui/{section}/{segment(name)}")


def _changes(context: ViewContext, entry: StoredAudit) -> Iterator[Content]:
    for name, change in entry["changes"].items():
        old, new = (NOTHING if value is None else short(value, context) for value in (change["from"], change["to"]))
        yield [f"{name}: ", None if old == NOTHING else f"{old} → ", h.strong(new)]


def show_registry(context: ViewContext) -> PageContent:
    """Show the templates, and what can become of each."""
    with_archived = context.query.boolean("archived", default=False)
    page = context.backend.items(
        "/workflow-registry", context.cursor, include_archived="true" if with_archived else None
    )
    links = [
        h.li(
            h.a(text, href=with_query(context, archived=value, cursor=None), aria_current="true" if is_chosen else None)
        )
        for text, value, is_chosen in (
            ("Listed", None, not with_archived),
            ("Including archived", "true", with_archived),
        )
    ]
    empty = [
        h.p("No templates yet. Approve a workflow as a template on its page, or in Python:"),
        example("approve-template", "A template · Python", _APPROVE_TEMPLATE, context),
    ]
    columns = ("Template", "Version", "Latest version", "Changed", "State")
    rows = [_registry_row(context, entry) for entry in page.items]
    return PageContent(
        "Registry",
        [
            h.p("Workflows that were approved as templates. An archived template stays archived."),
            h.nav(h.ul(links), class_="filters", aria_label="States"),
            table("Registry", columns, rows, empty, ("Version", "Latest version")),
            pager(context, page.more),
        ],
        "Registry",
    )


def _registry_row(context: ViewContext, entry: Any) -> HTMLElement:
    workflow_id = entry["workflow_id"]
    with context.backend.reading() as store:
        workflow = store.workflows.get(workflow_id)
    return h.tr(
        h.td(h.a(entry["name"].strip() or workflow_id, href=f"/ui/workflows/{segment(workflow_id)}"), class_="name"),
        h.td(entry["version"], class_="number"),
        h.td(NOTHING if workflow is None else workflow["version"], class_="number"),
        h.td(moment(entry["updated_at"])),
        h.td(registry_form(context, workflow_id)),
        id=f"template-{workflow_id}",
    )


_STEPS: Final = {"approved": "approve-template", "deprecated": "deprecate", "archived": "archive"}
_BUTTONS: Final = {"approved": "Approve as template", "deprecated": "Deprecate", "archived": "Archive"}


def registry_form(context: ViewContext, workflow_id: str) -> HTMLElement:
    """Return the state of a workflow in the registry, and a button for each state that it can get."""
    with context.backend.reading() as store:
        entry = store.registry.get(workflow_id)
    status = None if entry is None else entry["status"]
    action = f"/ui/registry/{segment(workflow_id)}"
    buttons = [h.button(_BUTTONS[other], name="status", value=other) for other in TRANSITIONS.get(status, ())]
    return form(context, action, h.span(status or "not a template"), buttons, class_="inline")


def change_registry(context: ViewContext) -> Done:
    """Move a workflow to another state in the registry."""
    workflow_id, status = context.path["workflow_id"], context.form.get("status", "")
    step = _STEPS.get(status, "unknown")
    context.backend.send("POST", f"/v1/workflow-registry/{segment(workflow_id)}/{step}")
    name = context.backend.workflow_name(workflow_id)
    return Done("/ui/registry?archived=true", f"{name} is now {status}.")


_NAMED_KEY: Final = """curl {address}/_emulator/keys \\
  -H "Authorization: Bearer $FIBONACCI_API_KEY" -H "Content-Type: application/json" \\
  -d '{"role": "admin", "name": "ada"}'
"""


def show_keys(context: ViewContext) -> PageContent:
    """Show what each role may do, and the people with a key. No key is shown."""
    people = context.backend.app.keys.people
    rows = [h.tr(h.td(name), h.td(role), id=f"person-{name}") for name, role in sorted(people.items())]
    code = _NAMED_KEY.replace("{address}", f"http://{context.address}")
    empty = h.p("Nobody has made or used a key with a name since the emulator started.")
    return PageContent(
        "Keys",
        [
            h.p("Every key has a role. A role can do what the roles above it in this table can, and more:"),
            table("Roles", ("Role", "Can also", "Key in Python"), [_role_row(role) for role in ROLES], None),
            h.section(
                h.h2("People", id="people"),
                h.p("The audit log shows the name of the person, or the role of a key that has no name."),
                table("People", ("Name", "Role"), rows, empty),
                h.p("To make a key for a person, and print it:"),
                text_block("make-key", "A key for a person · curl", code, context),
                aria_labelledby="people",
            ),
            h.p(
                "The owner's key is the one that the emulator printed when it started. The other keys are derived from "
                "it, and are the same in all processes that have the owner's key. This page shows no keys.",
                class_="note",
            ),
        ],
        "Keys",
    )


def _role_row(role: KeyRole) -> HTMLElement:
    own = [endpoint for endpoint in ENDPOINTS if endpoint.lowest_role == role]
    code = "emulator.api_key" if role == "owner" else f'emulator.key("{role}")'
    more = "sign in here, use the control API, " if role == "owner" else ""
    more += "approve and reject runs, " if role in DECIDING else ""
    summary = f"{more}{counted(len(own), 'endpoint')} of the API"
    return h.tr(
        h.td(role),
        h.td(
            h.details(h.summary(summary), h.ul([h.li(h.code(str(endpoint))) for endpoint in own]), id=f"may-{role}"),
            class_="name wide",
        ),
        h.td(h.code(code)),
        id=f"role-{role}",
    )
