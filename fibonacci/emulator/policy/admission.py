"""Admission: whether a workflow may run, and what in it is unknown or not supported.

A run counts when it is requested, whether or not it requires approval. The hour begins with its first run. An approved
run waits as `pending` while the limit of `concurrent_executions` is reached.

Inputs are checked first, then the definition, tool policies, quotas, and approval.

Only the emulator's own organization decides. A refusal is recorded in its audit log.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, cast

from fibonacci.definitions import Problem
from fibonacci.definitions.json_schema import first_fault
from fibonacci.emulator.account import PLANS
from fibonacci.emulator.context import RequestContext
from fibonacci.emulator.engine.compiled import CompiledWorkflow, compiled
from fibonacci.emulator.engine.definition_problems import problems_of
from fibonacci.emulator.engine.emulator_warnings import EmulatorWarning, place_in
from fibonacci.emulator.engine.records import new_execution
from fibonacci.emulator.http.messages import Detail, HTTPException, invalid, too_many_requests
from fibonacci.emulator.option_values import PlanName
from fibonacci.emulator.policy.approvals import (
    approval_reasons,
    hold_for_approval,
    misspelled_category,
    settings_of,
)
from fibonacci.emulator.policy.organizations import Change, record_change
from fibonacci.emulator.state.json_encoding import JSONObject
from fibonacci.emulator.state.records import StoredExecution, StoredNode, StoredRunWindow, StoredWorkflow
from fibonacci.emulator.state.store import Store


def report_categories(context: RequestContext, owner: str, names: Iterable[str]) -> None:
    """Warn about categories that seem to be misspelled: no tool has them. Categories of one's own are fine.

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


def overrides_of(store: Store, organization: str) -> dict[str, int]:
    """Return the overrides of an organization's quota, by name."""
    return cast("dict[str, int]", store.quota_overrides.get(organization) or {})


def effective_quota(store: Store, plan: PlanName, organization: str) -> Mapping[str, int]:
    """Return the quota of an organization: its overrides, else the limits of the plan."""
    return {**PLANS[plan].quota, **overrides_of(store, organization)}


def places_of(store: Store, plan: PlanName, organization: str) -> int:
    """Return how many executions of an organization may run at once."""
    return effective_quota(store, plan, organization)["concurrent_executions"]


def take_run(context: RequestContext) -> None:
    """Check that one more run fits the quotas.

    Raises:
        HTTPException: 429 `quota_exceeded` if a quota is exhausted.
    """
    quota = effective_quota(context.store, context.plan, context.organization)
    executions = context.store.executions
    window = context.store.run_windows.get(context.organization)
    if window is None or window["ends"] <= context.now:
        window = StoredRunWindow(ends=context.now + HOUR, first=executions.last_number() + 1)
        context.store.run_windows.put(context.organization, record=window)
    limit = quota["workflow_runs_per_hour"]
    if runs_in(context.store, window) >= limit:
        raise _used_up("workflow_runs_per_hour", limit, math.ceil(window["ends"] - context.now))
    limit = quota["concurrent_executions"]
    if executions.count("running") >= limit:
        raise _used_up("concurrent_executions", limit, None)


def runs_in(store: Store, window: StoredRunWindow) -> int:
    """Return how many runs a window has had."""
    return max(0, store.executions.last_number() - window["first"] + 1)


def _used_up(name: str, limit: int, retry_after: int | None) -> HTTPException:
    message = f"The quota {name} of {limit} is used up."
    return too_many_requests("quota_exceeded", message, retry_after, Detail(name, f"is {limit}, and used up"))


def execute(
    context: RequestContext, workflow: StoredWorkflow, inputs: JSONObject, nodes: Sequence[StoredNode] = ()
) -> StoredExecution:
    """Start a run, or hold it for approval.

    Args:
        context: The request.
        workflow: The workflow.
        inputs: The inputs by name.
        nodes: The nodes that have ended already, of a run that continues another.

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
        refusal = Change(context.actor, "run.refused", f"workflows/{workflow['id']}", {}, after)
        record_change(context.store, context.organization, refusal, context.now)
        raise
    settings = settings_of(context.store, context.organization)
    reasons = approval_reasons(settings, workflow["definition"], context.environment.handlers)
    if reasons:
        return hold_for_approval(context, workflow, inputs, reasons, nodes)
    execution = new_execution(workflow, inputs, context.role, context.now, nodes)
    return context.scheduler.start(execution, compiled_workflow, problems, context.now)


def _check_inputs(workflow: CompiledWorkflow, inputs: JSONObject) -> None:
    fault = None if workflow.input_schema is None else first_fault(workflow.input_schema, inputs, "inputs")
    if fault is not None:
        raise invalid(Detail(fault.place, fault.message))


def _check_tools(context: RequestContext, workflow: CompiledWorkflow) -> None:
    """Refuse the workflow if its definition has a tool that the caller's role may not use."""
    for tool in workflow.tools:
        refusal = context.environment.refusal_of(tool, context.role)
        if refusal is not None:
            raise HTTPException(403, "permission_denied", refusal, [Detail("tool", refusal)])
