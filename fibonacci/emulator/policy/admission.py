"""Admission: whether a workflow may run, which runs require approval, and what in one is unknown or not supported.

Inputs are checked first, then the definition, tool policies, quotas, and approval. Only the emulator's own organization
decides. A refusal is recorded in its audit log.

A run counts when it is requested, whether or not it requires approval. The hour begins with its first run. An approved
run waits as `pending` while the limit of `concurrent_executions` is reached.

A run requires approval if the settings of its organization name one of its workflow's categories: each
`require_approval_for_...` is for one category, and each flag in `category_flags` for the category of its name. A
threshold of 0 turns approval off.

A definition has the categories that it names, as in `{"categories": ["financial"], "nodes": [...]}`, those of its tools
in the catalog, and those of the words in its tools' names. For example, `slack_send_message` and `email_send` are
external communication, and `file_write` is a public write. `grant_access` is a permission change, and `refund_payment`
is financial. Names count because a tool need not be in the catalog.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from fibonacci.definitions import Problem
from fibonacci.definitions.json_schema import first_fault
from fibonacci.definitions.json_types import is_array
from fibonacci.emulator.context import RequestContext
from fibonacci.emulator.engine.compiled import CompiledWorkflow, compiled, problems_of, tools_of
from fibonacci.emulator.engine.emulator_warnings import EmulatorWarning, place_in
from fibonacci.emulator.engine.records import WAITING, new_execution
from fibonacci.emulator.engine.tool_catalog import TOOLS, find_tool
from fibonacci.emulator.engine.user_handlers import UserHandlers
from fibonacci.emulator.http.messages import Detail, HTTPException, invalid, too_many_requests
from fibonacci.emulator.policy.organizations import Change, record_change
from fibonacci.emulator.state.clock import iso
from fibonacci.emulator.state.json_encoding import JSONObject
from fibonacci.emulator.state.records import (
    DEFAULT_GOVERNANCE,
    StoredApproval,
    StoredExecution,
    StoredGovernance,
    StoredNode,
    StoredRunWindow,
    StoredWorkflow,
)
from fibonacci.emulator.state.store import Store

EXTERNAL_COMM: Final = "external_comm"
PUBLIC_WRITES: Final = "public_writes"
PERMISSION_CHANGES: Final = "permission_changes"

_WORDS: Final[Mapping[str, str]] = {
    EXTERNAL_COMM: "discord email fax http mail message notify send slack sms teams webhook",
    PUBLIC_WRITES: "http post publish share tweet upload write",
    PERMISSION_CHANGES: "acl grant invite permission permissions revoke role roles",
    "financial": "bank charge invoice pay payment payments payout refund stripe transfer",
    "pii": "contact contacts crm customer customers passport patient patients ssn",
}
CATEGORY_WORDS: Final = {category: frozenset(words.split()) for category, words in _WORDS.items()}
"""The words in the names of tools, by the category that each word means."""


def categories_of(definition: Mapping[str, Any] | None, handlers: UserHandlers | None = None) -> frozenset[str]:
    """Return the categories of a valid definition, with the handlers also those of the user's tools.

    Example:
        >>> node = {"id": "a", "type": "tool", "tool": "email_send"}
        >>> sorted(categories_of({"categories": ["pii"], "nodes": [node]}))
        ['communication', 'external_comm', 'pii']
    """
    return frozenset() if definition is None else frozenset(_categories(definition, handlers or UserHandlers()))


def categories_named_by(definition: Mapping[str, Any]) -> list[str]:
    """Return the categories that a definition names itself."""
    named = definition.get("categories")
    return [name for name in named if isinstance(name, str)] if is_array(named) else []


def misspelled_category(name: str) -> str | None:
    """Return the category that a name resembles, or `None` if it is one itself, or resembles none."""
    from fibonacci.definitions.checks.shape import nearest_category  # it would slow the start

    return nearest_category(name, {str(tool["category"]) for tool in TOOLS.values()})


def _categories(definition: Mapping[str, Any], handlers: UserHandlers) -> Iterator[str]:
    yield from categories_named_by(definition)
    for tool in tools_of(definition):
        known_tool = find_tool(handlers, tool)
        if known_tool is not None:
            yield known_tool["category"]
        words = set(tool.lower().replace("-", "_").split("_"))
        yield from (category for category, known in CATEGORY_WORDS.items() if not known.isdisjoint(words))


def report_categories(context: RequestContext, owner: str, names: Iterable[str]) -> None:
    """Warn about categories that no tool has and that look misspelled. Users may define other ones.

    Args:
        context: The request.
        owner: What names them, such as `default/governance`.
        names: The names.

    Raises:
        HTTPException: 422 in strict mode, if there is any.
    """
    context.environment.warnings.report(
        [
            EmulatorWarning(
                code="unknown_category",
                location=f"{owner} {name}",
                message=f"no tool has this category. Did you mean {near!r}?",
            )
            for name in names
            if (near := misspelled_category(name)) is not None
        ]
    )


def report_problems(context: RequestContext, workflow_id: str, problems: Sequence[Problem]) -> None:
    """Warn about the problems of a definition.

    Args:
        context: The request.
        workflow_id: The ID of its workflow.
        problems: The problems.

    Raises:
        HTTPException: 422 in strict mode, if there is any.
    """
    context.environment.warnings.report(
        [
            EmulatorWarning(
                code=problem.code, location=place_in(workflow_id, problem.location), message=problem.message
            )
            for problem in problems
        ]
    )


HOUR: Final = 3600.0


def take_run(context: RequestContext) -> None:
    """Check that one more run fits the quotas.

    Raises:
        HTTPException: 429 `quota_exceeded` if a quota is exhausted.
    """
    quota = context.platform.account.quota(context.store, context.organization)
    executions = context.store.executions
    window = context.store.run_windows.get(context.organization)
    if window is None or window["ends"] <= context.now:
        window = StoredRunWindow(ends=context.now + HOUR, first=executions.last_number() + 1)
        context.store.run_windows.put(context.organization, record=window)
    limit = quota["workflow_runs_per_hour"]
    if executions.last_number() - window["first"] + 1 >= limit:
        raise _used_up("workflow_runs_per_hour", limit, math.ceil(window["ends"] - context.now))
    limit = quota["concurrent_executions"]
    if executions.count("running") >= limit:
        raise _used_up("concurrent_executions", limit, None)


def _used_up(name: str, limit: int, retry_after: int | None) -> HTTPException:
    message = f"The quota {name} of {limit} is used up."
    return too_many_requests("quota_exceeded", message, retry_after, Detail(name, f"is {limit}, and used up"))


def settings_of(store: Store, organization: str) -> StoredGovernance:
    """Return the settings of an organization, with defaults for those that an older record lacks."""
    stored = store.governance.get(organization)
    return DEFAULT_GOVERNANCE if stored is None else {**DEFAULT_GOVERNANCE, **stored}


APPROVAL_SECONDS: Final = 7 * 86_400.0
"""How many seconds a run waits for approval."""


def approval_reasons(
    settings: StoredGovernance, definition: Mapping[str, Any] | None, handlers: UserHandlers
) -> list[str]:
    """Return the categories for which a run requires approval, or none if it may start at once."""
    if settings["approval_threshold"] < 1:
        return []
    flags = {
        EXTERNAL_COMM: settings["require_approval_for_external_comm"],
        PUBLIC_WRITES: settings["require_approval_for_public_writes"],
        PERMISSION_CHANGES: settings["require_approval_for_permission_changes"],
    }
    watched = {category for category, is_watched in (*flags.items(), *settings["category_flags"].items()) if is_watched}
    return sorted(watched & categories_of(definition, handlers)) if watched else []


def hold_for_approval(
    context: RequestContext,
    workflow: StoredWorkflow,
    inputs: JSONObject,
    reasons: list[str],
    nodes: Sequence[StoredNode] = (),
) -> StoredExecution:
    """Store a run that requires approval, and return its execution."""
    approval: StoredApproval = {
        "reasons": reasons,
        "requested_by": context.actor.name,
        "requested_at": iso(context.now),
        "approved_by": [],
        "rejected_by": None,
        "expires_at": iso(context.now + APPROVAL_SECONDS),
    }
    execution = new_execution(workflow, inputs, context.actor.role, context.now, nodes)
    execution.update({"status": WAITING, "approval": approval})
    context.store.executions.add(execution, due=context.now + APPROVAL_SECONDS)
    after = {"status": WAITING, "reasons": reasons, "workflow_id": workflow["id"]}
    request = Change(context.actor.name, "approval.requested", f"executions/{execution['id']}", {}, after)
    record_change(context.store, context.organization, request, context.now)
    return execution


def execute(
    context: RequestContext, workflow: StoredWorkflow, inputs: JSONObject, nodes: Sequence[StoredNode] = ()
) -> StoredExecution:
    """Start a run, or hold it for approval.

    Args:
        context: The request.
        workflow: The workflow.
        inputs: The inputs by name.
        nodes: If the run continues another, the nodes that have already ended.

    Returns:
        The record of the execution.

    Raises:
        HTTPException: 422 if the inputs do not fit the schema, or in strict mode if its definition has problems. 403
            `permission_denied` if a tool policy refuses a tool to the caller's role. 429 `quota_exceeded` if a quota of
            runs is used up.
    """
    compiled_workflow = compiled(workflow["definition"])
    _check_inputs(compiled_workflow, inputs)
    problems = problems_of(compiled_workflow.text, context.environment)
    if problems:
        report_problems(context, workflow["id"], problems)
    try:
        _check_tools(context, compiled_workflow)
        take_run(context)
    except HTTPException as error:
        after = {"code": error.code, "reason": error.message}
        refusal = Change(context.actor.name, "run.refused", f"workflows/{workflow['id']}", {}, after)
        record_change(context.store, context.organization, refusal, context.now)
        raise
    settings = settings_of(context.store, context.organization)
    reasons = approval_reasons(settings, workflow["definition"], context.environment.handlers)
    if reasons:
        return hold_for_approval(context, workflow, inputs, reasons, nodes)
    execution = new_execution(workflow, inputs, context.actor.role, context.now, nodes)
    return context.platform.scheduler.start(execution, compiled_workflow, problems, context.now)


def _check_inputs(workflow: CompiledWorkflow, inputs: JSONObject) -> None:
    fault = None if workflow.input_schema is None else first_fault(workflow.input_schema, inputs, "inputs")
    if fault is not None:
        raise invalid(Detail(fault.place, fault.message))


def _check_tools(context: RequestContext, workflow: CompiledWorkflow) -> None:
    """Refuse the workflow if its definition has a tool that the caller's role may not use."""
    for tool in workflow.tools:
        refusal = context.environment.refusal_of(tool, context.actor.role)
        if refusal is not None:
            raise HTTPException(403, "permission_denied", refusal, [Detail("tool", refusal)])
