"""Admission: whether a workflow may run.

Inputs are checked first, then the definition, tool policies, quotas, and approval.

Only the emulator's own organization decides. A refusal is recorded in its audit log.
"""

from __future__ import annotations

from typing import Any

from fibonacci.definitions.json_schema import first_fault
from fibonacci.emulator.context import RequestContext
from fibonacci.emulator.engine.compiled import CompiledWorkflow, compiled
from fibonacci.emulator.engine.definition_problems import problems_of
from fibonacci.emulator.engine.records import start
from fibonacci.emulator.http.errors import Detail, HTTPException, invalid
from fibonacci.emulator.policy.approvals import approval_reasons, hold_for_approval
from fibonacci.emulator.policy.audit_log import Change, record_change
from fibonacci.emulator.policy.categories import tools_of
from fibonacci.emulator.policy.governance import settings_of
from fibonacci.emulator.policy.run_quota import take_run
from fibonacci.emulator.policy.unknown import report_problems, report_unmatched_scripts
from fibonacci.emulator.state.tables import Record


def execute(context: RequestContext, workflow: Record, inputs: dict[str, Any]) -> Record:
    """Start a run, or hold it for approval.

    Returns:
        The record of the execution.

    Raises:
        HTTPException: 422 if the inputs do not fit the schema, or in strict mode if its definition has problems, 403
            `permission_denied` if a tool policy refuses a tool to the caller's role, 429 `quota_exceeded` if a quota of
            runs is exhausted.
    """
    compiled_workflow = compiled(workflow["definition"])
    _check_inputs(compiled_workflow, inputs)
    report_problems(context, workflow["id"], problems_of(compiled_workflow.text, context.environment))
    report_unmatched_scripts(context, compiled_workflow)
    try:
        _check_tools(context, workflow)
        take_run(context)
    except HTTPException as error:
        after = {"code": error.code, "reason": error.message}
        refusal = Change(context.actor, "run.refused", f"workflows/{workflow['id']}", {}, after)
        record_change(context.store, context.organization, refusal, context.now)
        raise
    settings = settings_of(context.store, context.organization)
    reasons = approval_reasons(settings, workflow["definition"], context.environment.handlers)
    if reasons:
        return hold_for_approval(context, workflow, inputs, reasons)
    return start(context.scheduler, workflow, compiled_workflow, inputs, context.now)


def _check_inputs(workflow: CompiledWorkflow, inputs: dict[str, Any]) -> None:
    fault = None if workflow.input_schema is None else first_fault(workflow.input_schema, inputs, "inputs")
    if fault is not None:
        raise invalid(Detail(fault.place, fault.message))


def _check_tools(context: RequestContext, workflow: Record) -> None:
    """Refuse the workflow if its definition has a tool that the caller's role may not use.

    An override for the role takes precedence. Without one, the policy must be enabled and allow the role. Without
    either, the tool is allowed.
    """
    for tool in tools_of(workflow["definition"]):
        override = context.store.role_overrides.get(context.organization, context.role, tool)
        policy = context.store.tool_policies.get(context.organization, tool)
        if override is not None:
            if not override["enabled"]:
                name = f"role-policy-overrides/{context.role}/{tool}"
                raise _refused(tool, name, f"is off for the role {context.role}")
        elif policy is not None and not policy["enabled"]:
            raise _refused(tool, f"tool-policies/{tool}", "is off")
        elif policy is not None and context.role not in policy["allowed_roles"]:
            raise _refused(tool, f"tool-policies/{tool}", f"does not allow the role {context.role}")


def _refused(tool: str, policy: str, why: str) -> HTTPException:
    message = f"The tool {tool!r} is refused: {policy} {why}."
    return HTTPException(403, "permission_denied", message, [Detail("tool", message)])
