"""Whether a workflow may run: tool policies first, then quotas, then approval.

Only the emulator's own organization decides. A refusal is in its audit log.
"""

from __future__ import annotations

from typing import Any

from fibonacci.emulator.context import RequestContext
from fibonacci.emulator.engine.records import start
from fibonacci.emulator.http.errors import Detail, HTTPException
from fibonacci.emulator.policy import governance
from fibonacci.emulator.policy.approvals import reasons_to_wait, wait_for_approval
from fibonacci.emulator.policy.categories import tools_of
from fibonacci.emulator.policy.run_quota import take_run
from fibonacci.emulator.state.store import Record


def execute(context: RequestContext, workflow: Record, inputs: dict[str, Any]) -> Record:
    """Start a run, or keep it waiting for approval.

    Returns:
        The record of the execution.

    Raises:
        ApiError: 403 `permission_denied` when a tool is refused to the caller's role, 429 `quota_exceeded` when a quota
            of runs is used up.
    """
    try:
        _check_tools(context, workflow)
        take_run(context)
    except HTTPException as error:
        after = {"code": error.code, "reason": error.message}
        target = f"workflows/{workflow['id']}"
        governance.audit(
            context.store, context.organization, context.actor, context.now, "run.refused", target, {}, after
        )
        raise
    reasons = reasons_to_wait(context.store.governance.get(context.organization), workflow["definition"])
    if reasons:
        return wait_for_approval(context, workflow, inputs, reasons)
    return start(context.scheduler, workflow, inputs, context.now)


def _check_tools(context: RequestContext, workflow: Record) -> None:
    """Refuse the workflow with the first of its tools that the caller's role may not use.

    An override for the role decides alone; without one the policy has to be enabled and to name the role; without
    either everybody may use the tool.
    """
    for tool in tools_of(workflow["definition"]):
        override = context.store.role_overrides.get(context.organization, context.role, tool)
        policy = context.store.tool_policies.get(context.organization, tool)
        if override is not None:
            if not override["enabled"]:
                raise _refused(
                    tool, f"role-policy-overrides/{context.role}/{tool}", f"is off for the role {context.role}"
                )
        elif policy is not None and not policy["enabled"]:
            raise _refused(tool, f"tool-policies/{tool}", "is off")
        elif policy is not None and context.role not in policy["allowed_roles"]:
            raise _refused(tool, f"tool-policies/{tool}", f"does not allow the role {context.role}")


def _refused(tool: str, policy: str, why: str) -> HTTPException:
    message = f"The tool {tool!r} is refused: {policy} {why}."
    return HTTPException(403, "permission_denied", message, [Detail("tool", message)])
