"""The organization: its templates, its memory, its tools and models, its keys and its limits."""

from __future__ import annotations

from itertools import islice
from typing import Any, Final

from fibonacci._texts.text import counted
from fibonacci.definitions.tools import canonical_tool
from fibonacci.emulator.account import PLANS, ROLES
from fibonacci.emulator.engine.memory import is_live
from fibonacci.emulator.http.messages import not_found
from fibonacci.emulator.page.components import (
    NOTHING,
    changed,
    duration,
    example,
    facts,
    form,
    json_block,
    moment,
    search_form,
    section,
    short,
    table,
    text_block,
)
from fibonacci.emulator.page.context import Done, PageContent, ViewContext, segment
from fibonacci.emulator.page.html import Content, HTMLElement, h
from fibonacci.emulator.policy.admission import runs_in
from fibonacci.emulator.policy.approvals import DECIDING
from fibonacci.emulator.routes import ENDPOINTS
from fibonacci.emulator.routes.workflows import TRANSITIONS
from fibonacci.emulator.state.records import StoredMemory

_MOST: Final = 100
_SET: Final = """print(client.memory.set("color", "blue", scope="global"))
"""
_APPROVE_TEMPLATE: Final = """node = {"id": "greet", "type": "llm", "instruction": "Greet {{input.name}}"}
workflow = client.workflows.create(name="Greeter", definition={"nodes": [node]})
print(client.registry.approve_template(workflow.id))
"""
_NAMED_KEY: Final = """curl {address}/_emulator/keys \\
  -H "Authorization: Bearer $FIBONACCI_API_KEY" -H "Content-Type: application/json" \\
  -d '{"role": "admin", "name": "ada"}'
"""


def show(context: ViewContext) -> PageContent:
    """Show what the organization has."""
    app = context.backend.app
    content = [
        facts(("Organization", h.code(app.organization)), ("Plan", app.account.plan)),
        section("Memory", search_form(context, "Key, scope or owner"), _memory(context), name="memory"),
        section("Registry", _registry(context), name="registry"),
        section("Tools", _tools(context), name="tools"),
        section("Models", _models(context), name="models"),
        section("Keys", _keys(context), name="keys"),
        section("Limits", _limits(context), name="limits"),
    ]
    return PageContent("Organization", content, "Organization")


def _first(items: list[Any]) -> Content:
    return h.p(f"The first {_MOST}. The API lists the others.", class_="note") if len(items) > _MOST else None


def _memory(context: ViewContext) -> Content:
    now, wanted = context.backend.app.clock.now(), (context.searched or "").casefold()
    with context.backend.reading() as store:
        rows = store.memory.rows(newest_first=True)
        live = (row for row in rows if is_live(row[1], now))
        found = (row for row in live if wanted in f"{row[1]['key']}\n{row[1]['scope']}\n{_owner(row[1])}".casefold())
        shown = list(islice(found, _MOST + 1))
    empty: Content = [h.p("No values yet. To set one:"), example("set", "A first value · Python", _SET, context)]
    columns = {"Key": "name", "Scope": "", "Owner": "", "Value": "name", "Updated": "", "Expires": "", "(Actions)": ""}
    rows_shown = [
        (
            f"memory-{number}",
            h.a(h.code(entry["key"].strip() or "(blank)"), href=f"/ui/memory/{number}"),
            entry["scope"],
            _owner(entry) or NOTHING,
            h.code(short(entry["value"], context)),
            moment(entry["updated_at"]),
            moment(entry["expires"]) if entry["expires"] is not None else "never",
            _delete_form(context, number, entry),
        )
        for number, entry in shown[:_MOST]
    ]
    return [table("Memory", columns, rows_shown, h.p("No values match.") if wanted else empty), _first(shown)]


def _owner(entry: StoredMemory) -> str:
    return {"user": entry["user_id"], "workflow": entry["workflow_id"]}.get(entry["scope"]) or ""


def show_value(context: ViewContext) -> PageContent:
    """Show one value in memory."""
    entry = _find(context)
    content = [
        facts(
            ("Scope", entry["scope"]),
            ("Owner", _owner(entry)),
            ("Created", moment(entry["created_at"])),
            ("Updated", moment(entry["updated_at"])),
            ("Expires", moment(entry["expires"]) if entry["expires"] is not None else "never"),
        ),
        json_block("value", "Value", entry["value"], context),
        _delete_form(context, context.as_number, entry),
    ]
    return PageContent(entry["key"], content, "Organization")


def delete_value(context: ViewContext) -> Done:
    """Delete one value in memory."""
    store = context.backend.app.store
    with store.transaction():
        entry = _find(context)
        store.memory.delete(entry["scope"], _owner(entry), entry["key"])
    return Done("/ui/organization#memory", f"{entry['key']} was deleted.")


def _find(context: ViewContext) -> StoredMemory:
    """Return the value whose number the path has: a key may hold anything, also a secret."""
    with context.backend.reading() as store:
        for number, entry in islice(store.memory.rows(newest_first=True, after=context.as_number + 1), 1):
            if number == context.as_number and is_live(entry, context.backend.app.clock.now()):
                return entry
    raise not_found("number", "value in memory (it may have expired)", context.path["number"])


def _delete_form(context: ViewContext, number: int, entry: StoredMemory) -> HTMLElement:
    label = f"Delete {entry['key']} in the scope {entry['scope']}"
    return form(context, f"/ui/memory/{number}/delete", h.button("Delete", aria_label=label))


def _registry(context: ViewContext) -> Content:
    page = context.backend.items("/workflow-registry", None, include_archived="true", limit=_MOST)
    empty = [
        h.p("No templates yet. Approve a workflow as a template on its page, or in Python:"),
        example("approve-template", "A template · Python", _APPROVE_TEMPLATE, context),
    ]
    with context.backend.reading() as store:
        workflows = {entry["workflow_id"]: store.workflows.get(entry["workflow_id"]) for entry in page.items}
    columns = {"Template": "name", "Version": "number", "Latest version": "number", "Changed": "", "State": ""}
    rows = [
        (
            f"template-{entry['workflow_id']}",
            h.a(entry["name"].strip() or entry["workflow_id"], href=f"/ui/workflows/{segment(entry['workflow_id'])}"),
            entry["version"],
            NOTHING if (workflow := workflows[entry["workflow_id"]]) is None else workflow["version"],
            moment(entry["updated_at"]),
            registry_form(context, entry["workflow_id"]),
        )
        for entry in page.items
    ]
    return [table("Registry", columns, rows, empty), _first([*page.items, page.more] if page.more else [])]


_STEPS: Final = {
    "approved": ("approve-template", "Approve as template"),
    "deprecated": ("deprecate", "Deprecate"),
    "archived": ("archive", "Archive"),
}


def registry_form(context: ViewContext, workflow_id: str) -> HTMLElement:
    """Return the state of a workflow in the registry, and a button for each state that it can get."""
    with context.backend.reading() as store:
        found = store.registry.get(workflow_id)
    status = None if found is None else found["status"]
    buttons = [h.button(_STEPS[other][1], name="status", value=other) for other in TRANSITIONS.get(status, ())]
    words = h.span(status or "not a template")
    return form(context, f"/ui/registry/{segment(workflow_id)}", words, buttons, class_="inline")


def change_registry(context: ViewContext) -> Done:
    """Move a workflow to another state in the registry."""
    workflow_id, status = context.path["workflow_id"], context.form.get("status", "")
    step, _ = _STEPS.get(status, ("unknown", ""))
    message = f"{context.backend.workflow_name(workflow_id)} is now {status}."
    path = f"/v1/workflow-registry/{segment(workflow_id)}/{step}"
    return changed(context, "POST", path, None, "/ui/organization#registry", message)


def _tools(context: ViewContext) -> Content:
    page = context.backend.items("/tools", None, limit=_MOST)
    handlers = context.backend.app.environment.handlers
    columns = {
        "Name": "",
        "Category": "",
        "What it does": "name",
        "Parameters": "name",
        "Connected": "",
        "Carried out by": "",
    }
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
        for tool in page.items
    ]
    star = h.p("A star marks required parameters. A function with ", h.code("@emulator.tool"), " replaces the default.")
    return [star, table("Tools", columns, rows), _first([*page.items, page.more] if page.more else [])]


def _models(context: ViewContext) -> Content:
    names = [h.li(h.code(name)) for name in context.backend.app.environment.models]
    how = h.p("The emulator knows these and warns about others. Add names to ", h.code("emulator.models"), ".")
    return [how, h.ul(names, class_="words")]


def _keys(context: ViewContext) -> Content:
    people = context.backend.app.keys.people
    roles = list[tuple[Content, ...]]()
    for role in ROLES:
        own = [endpoint for endpoint in ENDPOINTS if endpoint.lowest_role == role]
        more = "sign in here, use the control API, " if role == "owner" else ""
        more += "approve and reject runs, " if role in DECIDING else ""
        summary = h.summary(f"{more}{counted(len(own), 'endpoint')} of the API")
        code = "emulator.api_key" if role == "owner" else f'emulator.key("{role}")'
        listed = h.details(summary, h.ul([h.li(h.code(str(endpoint))) for endpoint in own]), id=f"may-{role}")
        roles.append((f"role-{role}", role, listed, h.code(code)))
    rows = [(f"person-{name}", name, role) for name, role in sorted(people.items())]
    empty = h.p("Nobody has made or used a key with a name since the emulator started. To make one, and print it:")
    code = _NAMED_KEY.replace("{address}", f"http://{context.address}")
    return [
        h.p("Each role can do what the roles above it can, and more. This page shows no keys."),
        table("Roles", {"Role": "", "Can also": "name wide", "Key in Python": ""}, roles),
        table("People", {"Name": "", "Role": ""}, rows, empty),
        text_block("make-key", "A key for a person · curl", code, context),
    ]


def _limits(context: ViewContext) -> Content:
    app = context.backend.app
    now = app.clock.now()
    windows = app.account.limits.usage(now, app.clock.skipped)
    with context.backend.reading() as store:
        quota = app.account.quota(store, app.organization)
        hour = store.run_windows.get(app.organization)
        running = store.executions.count("running")
        counted_runs = 0 if hour is None else runs_in(store, hour)
    runs = 0 if hour is None or hour["ends"] <= now else counted_runs
    used = {"workflow_runs_per_hour": runs, "concurrent_executions": running}
    plan = PLANS[app.account.plan]
    rates = [
        (
            f"window-{number}",
            duration(window.rate.seconds * 1_000),
            _used(window.used, window.rate.limit),
            f"{window.rate.limit:,}",
            f"{window.rate.limit - window.used:,}",
            "with the next request" if window.ends is None else moment(window.ends),
        )
        for number, window in enumerate(windows)
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
    columns = {"Window": "", "Used": "", "Limit": "number", "Left": "number", "Next window": ""}
    return [
        h.p("All keys share the rate limits. Requests from this page don't count."),
        table("Rate limits", columns, rates),
        h.p(
            "To change a quota, up to the ceiling of the plan, call ",
            h.code("client.organizations.quota.update(...)"),
            ".",
        ),
        table(
            "Quotas",
            {"Quota": "", "Used": "", "Limit": "number", "Plan's limit": "number", "Ceiling": "number"},
            quotas,
        ),
    ]


def _used(used: int, limit: int) -> Content:
    return [f"{used:,} ", h.meter(value=used, min=0, max=max(limit, 1), aria_label="Share in use")]
