"""Approval: the settings, and decisions about the runs that wait for it.

`approval_threshold` is the number of different people who must approve. The requester may approve only with
`allow_self_approval`. One rejection is enough: the execution is `cancelled`. The settings apply as they are at the
decision, and a threshold that is lowered releases the runs that have enough approvals. Only an admin or the owner can
decide. A run without a decision after `APPROVAL_SECONDS` is `cancelled`.

The quota of runs per hour was applied when the run was requested. An approved run is `pending` until the quota of
concurrent executions has a place for it. If a policy refuses a tool by then, its node fails.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import Field

from fibonacci.definitions.json_types import Whole
from fibonacci.emulator.account import KeyRole
from fibonacci.emulator.context import Platform, RequestContext
from fibonacci.emulator.engine.records import WAITING
from fibonacci.emulator.http.messages import Body, Detail, HTTPException, conflict, not_found
from fibonacci.emulator.policy.admission import APPROVAL_SECONDS, settings_of
from fibonacci.emulator.policy.organizations import Change, record_change
from fibonacci.emulator.state.records import StoredApproval, StoredExecution
from fibonacci.emulator.state.store import Store


class GovernanceUpdate(Body):
    """The six settings, all optional in the body of an update. The defaults are those of a new organization."""

    require_approval_for_external_comm: bool = False
    require_approval_for_public_writes: bool = False
    require_approval_for_permission_changes: bool = False
    allow_self_approval: bool = False
    approval_threshold: Annotated[Whole, Field(ge=0)] = 1
    category_flags: dict[str, bool] = Field(default_factory=dict)


DECIDING: Final[tuple[KeyRole, ...]] = ("admin", "owner")
"""The roles that decide about runs."""


def release(context: RequestContext) -> None:
    """Start the waiting runs that have enough approvals now, because the threshold may have been lowered."""
    threshold = settings_of(context.store, context.organization)["approval_threshold"]
    for execution in list(context.store.executions.records(WAITING)):
        if "approval" not in execution:
            continue
        approved_by = execution["approval"]["approved_by"]
        if len(approved_by) >= threshold and _has_version(context.store, execution):
            _start_approved(context.platform, execution, execution, context.actor.name, context.now)


def cancel(context: RequestContext, execution: StoredExecution) -> StoredExecution:
    """Cancel a run that has not ended, audit that if it waits for approval, and return its new record."""
    canceled = context.platform.scheduler.cancel(execution, context.now)
    if execution["status"] == WAITING:
        _record_end(context.platform, canceled, context.actor.name, context.now, "cancelled")
    return canceled


_DECIDED: Final = ("approved", "rejected", "expired", "cancelled")


def counts_of(store: Store, organization: str, home: str) -> dict[str, int]:
    """Return how many requests for approval an organization has in each state. Only the emulator's own has any."""
    actions = store.audit.counts(organization)
    decided = {name: actions.get(f"approval.{name}", 0) for name in _DECIDED}
    return {"pending": store.executions.count(WAITING) if organization == home else 0, **decided}


def decide(platform: Platform, execution_id: str, by: str, *, approve: bool) -> StoredExecution:
    """Approve or reject a run in one person's name, inside a transaction, and return its new record.

    Raises:
        HTTPException: 404 if the execution doesn't exist. 409 if it isn't waiting for approval, or this person has
            already approved it. 403 if this person isn't an admin, or requested it and may not approve it.
    """
    now = platform.clock.now()
    platform.scheduler.catch_up(now)
    expire(platform, now)
    _check_role(platform.keys.role_of(by), by)
    execution = platform.store.executions.get(execution_id)
    if execution is None:
        raise not_found("execution_id", "execution", execution_id)
    if execution["status"] != WAITING or "approval" not in execution:
        message = f"Execution {execution_id!r} is {execution['status']} and is not waiting for approval."
        raise conflict("status", message)
    if approve:
        return _approve(platform, execution, execution["approval"], by, now)
    rejected = platform.scheduler.cancel(execution, now, approval={**execution["approval"], "rejected_by": by})
    _record_end(platform, rejected, by, now, "rejected")
    return rejected


def expire(platform: Platform, now: float) -> None:
    """Cancel the runs that nobody has decided about in time."""
    executions = platform.store.executions
    for execution_id, _ in executions.due(WAITING, now):
        execution = executions.get(execution_id)
        if execution is not None:
            error = f"nobody approved it within {APPROVAL_SECONDS / 86_400:g} days"
            _record_end(platform, platform.scheduler.cancel(execution, now, error=error), "emulator", now, "expired")


def _check_role(role: KeyRole | None, by: str) -> None:
    if role in DECIDING:
        return
    if role is None:
        message = (
            f"{by!r} is not a role, and nobody with that name has a key. Create one with "
            f"emulator.key('admin', name={by!r})."
        )
    else:
        message = f"{by} may not decide about runs: this requires the role admin or owner, not {role}."
    raise HTTPException(403, "permission_denied", message, [Detail("by", message)])


def _approve(
    platform: Platform, execution: StoredExecution, approval: StoredApproval, by: str, now: float
) -> StoredExecution:
    settings = settings_of(platform.store, platform.organization)
    if by == approval["requested_by"] and not settings["allow_self_approval"]:
        detail = Detail("by", f"{by} requested this run, and allow_self_approval is off")
        raise HTTPException(403, "permission_denied", f"{by} may not approve their own run.", [detail])
    if by in approval["approved_by"]:
        raise conflict("by", f"{by} has already approved execution {execution['id']!r}.")
    if not _has_version(platform.store, execution):
        which = f"Version {execution['workflow_version']} of workflow {execution['workflow_id']!r}"
        raise conflict("workflow_id", f"{which} was deleted: reject the execution.")
    after: StoredApproval = {**approval, "approved_by": [*approval["approved_by"], by]}
    approved: StoredExecution = {**execution, "approval": after}
    _record(platform, execution, by, now, "given", approval, after)
    if len(after["approved_by"]) >= settings["approval_threshold"]:
        return _start_approved(platform, execution, approved, by, now)
    platform.store.executions.update(execution, approved, due=execution["created"] + APPROVAL_SECONDS)
    return approved


def _start_approved(
    platform: Platform, before: StoredExecution, after: StoredExecution, by: str, now: float
) -> StoredExecution:
    """Let a run with all approvals start as soon as there is a place for it, and return its new record."""
    execution = platform.scheduler.enqueue(before, after, now)
    _record_end(platform, execution, by, now, "approved")
    return execution


def _has_version(store: Store, execution: StoredExecution) -> bool:
    """Return whether the requested version of the workflow still exists. If not, the run can only be rejected."""
    return store.versions.get(execution["workflow_id"], str(execution["workflow_version"])) is not None


def _record_end(platform: Platform, execution: StoredExecution, by: str, now: float, what: str) -> None:
    """Record that a run no longer waits for approval."""
    _record(platform, execution, by, now, what, {"status": WAITING}, {"status": execution["status"]})


def _record(
    platform: Platform,
    execution: StoredExecution,
    by: str,
    now: float,
    what: str,
    before: Mapping[str, object],
    after: Mapping[str, object],
) -> None:
    change = Change(by, f"approval.{what}", f"executions/{execution['id']}", before, after)
    record_change(platform.store, platform.organization, change, now)
