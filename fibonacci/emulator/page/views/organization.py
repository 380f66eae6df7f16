"""The organization: its templates, its memory, its tools and models, its keys and its limits."""

from __future__ import annotations

from itertools import islice
from typing import Any, Final

from fibonacci._texts.text import counted
from fibonacci.definitions.tools import canonical_tool
from fibonacci.emulator.account import PLANS, ROLES
from fibonacci.emulator.engine.memory import is_live
from fibonacci.emulator.http.messages import not_found
from fibonacci.emulator.page import components as ui
from fibonacci.emulator.page.context import Action, Done, PageContent, ViewContext, segment
from fibonacci.emulator.page.html import Content, HTMLElement, h
from fibonacci.emulator.policy.admission import runs_in
from fibonacci.emulator.policy.approvals import DECIDING
from fibonacci.emulator.routes import ENDPOINTS
from fibonacci.emulator.routes.workflows import TRANSITIONS
from fibonacci.emulator.state.records import StoredMemory

_MOST: Final = 100


def show(context: ViewContext) -> PageContent:
    """Show what the organization has."""
    app = context.backend.app
    content = [
        ui.facts(("Organization", h.code(app.organization)), ("Plan", app.account.plan)),
        ui.section("Memory", ui.search_form(context, ui.Field("q", "Key, scope or owner", "search")), _memory(context)),
        ui.section("Registry", _registry(context)),
        ui.section("Tools", _tools(context)),
        ui.section("Models", _models(context)),
        ui.section("Keys", _keys(context)),
        ui.section("Limits", _limits(context)),
    ]
    return PageContent("Organization", content, "Organization")


def first_of(context: ViewContext, path: str, **query: str) -> tuple[list[Any], Content]:
    """Return the first items of a list, and what to say about the rest."""
    page = context.backend.items(path, None, limit=_MOST, **query)
    return page.items, h.p(f"The first {_MOST}. The API lists the others.", class_="note") if page.more else None


def _memory(context: ViewContext) -> Content:
    now = context.backend.app.clock.now()
    with context.backend.reading() as store:
        rows = store.memory.rows(newest_first=True, after=context.number_cursor)
        live = (row for row in rows if is_live(row[1], now))
        page = ui.found(context, live, lambda entry: f"{entry['key']}\n{entry['scope']}\n{_owner(entry)}")
    columns = {"Key": "name", "Scope": "", "Owner": "", "Value": "name", "Updated": "", "Expires": "", "(Actions)": ""}
    shown = [
        (
            f"memory-{number}",
            h.a(h.code(entry["key"].strip() or "(blank)"), href=f"/ui/memory/{number}"),
            entry["scope"],
            _owner(entry) or ui.NOTHING,
            h.code(ui.short(entry["value"], context)),
            ui.moment(entry["updated_at"]),
            ui.moment(entry["expires"]) if entry["expires"] is not None else "never",
            _delete_form(context, number, entry),
        )
        for number, entry in page.items
    ]
    empty = "No values here. To set one, call ", h.code("client.memory.set(key, value)"), "."
    return [ui.table("Memory", columns, shown, empty), ui.pager(context, page.more)]


def _owner(entry: StoredMemory) -> str:
    return {"user": entry["user_id"], "workflow": entry["workflow_id"]}.get(entry["scope"]) or ""


def show_value(context: ViewContext) -> PageContent:
    """Show one value in memory."""
    entry = _find(context)
    content = [
        ui.facts(
            ("Scope", entry["scope"]),
            ("Owner", _owner(entry)),
            ("Created", ui.moment(entry["created_at"])),
            ("Updated", ui.moment(entry["updated_at"])),
            ("Expires", ui.moment(entry["expires"]) if entry["expires"] is not None else "never"),
        ),
        ui.json_block("value", "Value", entry["value"], context),
        _delete_form(context, context.as_number, entry),
    ]
    return PageContent(entry["key"], content, "Organization")


def delete_value(context: ViewContext) -> Done:
    """Delete one value in memory."""
    store = context.backend.app.store
    with store.transaction():
        entry = _find(context)
        store.memory.delete(entry["scope"], _owner(entry), entry["key"])
    return Done("/ui/organization", f"{entry['key']} was deleted.")


def _find(context: ViewContext) -> StoredMemory:
    """Return the value whose number the path has: a key may hold anything, also a secret."""
    with context.backend.reading() as store:
        for number, entry in islice(store.memory.rows(newest_first=True, after=context.as_number + 1), 1):
            if number == context.as_number and is_live(entry, context.backend.app.clock.now()):
                return entry
    raise not_found("number", "value in memory (it may have expired)", context.path["number"])


def _delete_form(context: ViewContext, number: int, entry: StoredMemory) -> HTMLElement:
    label = f"Delete {entry['key']} in the scope {entry['scope']}"
    return ui.form(context, f"/ui/memory/{number}/delete", h.button("Delete", aria_label=label))


def _registry(context: ViewContext) -> Content:
    templates, rest = first_of(context, "/workflow-registry", include_archived="true")
    with context.backend.reading() as store:
        workflows = {entry["workflow_id"]: store.workflows.get(entry["workflow_id"]) for entry in templates}
    columns = {"Template": "name", "Version": "number", "Latest version": "number", "Changed": "", "State": ""}
    rows = [
        (
            f"template-{entry['workflow_id']}",
            h.a(entry["name"].strip() or entry["workflow_id"], href=f"/ui/workflows/{segment(entry['workflow_id'])}"),
            entry["version"],
            ui.NOTHING if (workflow := workflows[entry["workflow_id"]]) is None else workflow["version"],
            ui.moment(entry["updated_at"]),
            registry_form(context, entry["workflow_id"]),
        )
        for entry in templates
    ]
    return [ui.table("Registry", columns, rows, "No templates. The page of a workflow can make it one."), rest]


_STEPS: Final = {
    "approved": ("approve-template", "Approve as template"),
    "deprecated": ("deprecate", "Deprecate"),
    "archived": ("archive", "Archive"),
}


def registry_form(context: ViewContext, workflow_id: str) -> HTMLElement:
    """Return the state of a workflow in the registry, and a button for each state that it can get."""
    with context.backend.reading() as store:
        template = store.registry.get(workflow_id)
    status = None if template is None else template["status"]
    path = f"/ui/registry/{segment(workflow_id)}"
    steps = [_STEPS[other] for other in TRANSITIONS.get(status, ())]
    buttons = [h.button(word, formaction=f"{path}/{step}") for step, word in steps]
    return ui.form(context, path, h.span(status or "not a template"), buttons, class_="inline")


change_registry: Final[Action] = ui.calling(
    "POST", "/v1/workflow-registry/{workflow_id}/{step}", "", "The state in the registry was changed."
)


def _tools(context: ViewContext) -> Content:
    tools, rest = first_of(context, "/tools")
    handlers = context.backend.app.environment.handlers
    columns = {"Name": "", "Category": "", "What it does": "name", "Parameters": "name", "Connected": "", "By": ""}
    rows = [
        (
            f"tool-{tool['name']}",
            h.code(tool["name"]),
            tool["category"],
            tool["description"],
            ", ".join(
                f"{name}*" if name in tool["parameters"]["required"] else name
                for name in tool["parameters"]["properties"]
            )
            or "any",
            "yes" if tool["connected"] else "no",
            "default" if handlers.tool(canonical_tool(tool["name"])) is None else "your function",
        )
        for tool in tools
    ]
    star = h.p("A star marks required parameters. A function with ", h.code("@emulator.tool"), " replaces the default.")
    return [star, ui.table("Tools", columns, rows), rest]


def _models(context: ViewContext) -> Content:
    names = [h.li(h.code(name)) for name in context.backend.app.environment.models]
    how = h.p("The emulator knows these and warns about others. Add names to ", h.code("emulator.models"), ".")
    return [how, h.ul(names, class_="words")]


def _keys(context: ViewContext) -> Content:
    roles = list[ui.Row]()
    for role in ROLES:
        own = [h.li(h.code(str(endpoint))) for endpoint in ENDPOINTS if endpoint.lowest_role == role]
        more = "use this page and the control API, " if role == "owner" else ""
        more += "approve and reject runs, " if role in DECIDING else ""
        summary = h.summary(f"{more}{counted(len(own), 'endpoint')} of the API")
        roles.append((f"role-{role}", role, h.details(summary, h.ul(own), id=f"may-{role}")))
    people = [(f"person-{name}", name, role) for name, role in sorted(context.backend.app.keys.people.items())]
    empty = "Nobody has a key with a name. To make one, call ", h.code('emulator.key("admin", name="ada")'), "."
    return [
        h.p("Each role can do what the roles above it can, and more. This page shows no keys."),
        ui.table("Roles", {"Role": "", "Can also": "name wide"}, roles),
        ui.table("People", {"Name": "", "Role": ""}, people, empty),
    ]


def _limits(context: ViewContext) -> Content:
    app = context.backend.app
    now = app.clock.now()
    with context.backend.reading() as store:
        quota = app.account.quota(store, app.organization)
        hour = store.run_windows.get(app.organization)
        used = {
            "workflow_runs_per_hour": 0 if hour is None or hour["ends"] <= now else runs_in(store, hour),
            "concurrent_executions": store.executions.count("running"),
        }
    plan = PLANS[app.account.plan]
    rates = [
        (
            f"window-{number}",
            ui.duration(window.rate.seconds * 1_000),
            _used(window.used, window.rate.limit),
            f"{window.rate.limit:,}",
            f"{window.rate.limit - window.used:,}",
            "with the next request" if window.ends is None else ui.moment(window.ends),
        )
        for number, window in enumerate(app.account.limits.usage(now, app.clock.skipped))
    ]
    quotas = [
        (
            f"quota-{name}",
            h.code(name),
            _used(used[name], quota[name]) if name in used else "not counted",
            f"{quota[name]:,}",
            f"{own:,}",
            f"{plan.ceilings[name]:,}",
        )
        for name, own in plan.quota.items()
    ]
    windows = {"Window": "", "Used": "", "Limit": "number", "Left": "number", "Next window": ""}
    columns = {"Quota": "", "Used": "", "Limit": "number", "Plan's limit": "number", "Ceiling": "number"}
    change = h.code("client.organizations.quota.update(...)")
    return [
        h.p("All keys share the rate limits. Requests from this page don't count."),
        ui.table("Rate limits", windows, rates),
        h.p("To change a quota, up to the ceiling of the plan, call ", change, "."),
        ui.table("Quotas", columns, quotas),
    ]


def _used(used: int, limit: int) -> Content:
    return [f"{used:,} ", h.meter(value=used, min=0, max=max(limit, 1), aria_label="Share in use")]
