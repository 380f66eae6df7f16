"""Approval: which runs have to wait for it, and what a decision does.

A run waits when the settings of its organization name what its workflow deals with (see `categories`): each
`require_approval_for_...` stands for the category of its name, and each flag in `category_flags` for its own. As many
different people as `approval_threshold` says have to approve; 0 asks nobody. Who asked for the run may approve it only
with `allow_self_approval`. One person's rejection is enough: the execution is `cancelled`. The settings count as they
are at the moment of the decision; tool policies and quotas counted when the run was asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fibonacci.emulator.context import RequestContext
from fibonacci.emulator.engine.records import WAITING, cancelled, hold, start
from fibonacci.emulator.engine.scheduler import Scheduler
from fibonacci.emulator.http.errors import Detail, HTTPException, conflict, not_found
from fibonacci.emulator.policy import governance
from fibonacci.emulator.policy.categories import EXTERNAL_COMM, PERMISSION_CHANGES, PUBLIC_WRITES, categories_of
from fibonacci.emulator.state.clock import iso
from fibonacci.emulator.state.store import Record, Store

_SETTINGS: Final[Mapping[str, str]] = {
    "require_approval_for_external_comm": EXTERNAL_COMM,
    "require_approval_for_public_writes": PUBLIC_WRITES,
    "require_approval_for_permission_changes": PERMISSION_CHANGES,
}


def reasons_to_wait(settings: Record | None, definition: Mapping[str, Any] | None) -> list[str]:
    """Return the categories for which a run needs approval; none when it may start at once."""
    if settings is None or settings["approval_threshold"] < 1:
        return []
    watched = {category for setting, category in _SETTINGS.items() if settings[setting]}
    watched |= {category for category, is_watched in settings["category_flags"].items() if is_watched}
    return sorted(watched & categories_of(definition)) if watched else []


def wait_for_approval(context: RequestContext, workflow: Record, inputs: dict[str, Any], reasons: list[str]) -> Record:
    """Keep a run that has to wait; return its execution."""
    approval: Record = {
        "reasons": reasons,
        "requested_by": context.actor,
        "requested_at": iso(context.now),
        "approved_by": [],
        "rejected_by": None,
    }
    execution = hold(context.store, workflow, inputs, context.now, approval)
    after = {"status": WAITING, "reasons": reasons, "workflow_id": workflow["id"]}
    target = f"executions/{execution['id']}"
    governance.audit(
        context.store, context.organization, context.actor, context.now, "approval.requested", target, {}, after
    )
    return execution


class Approvals:
    """Decides about the runs that wait."""

    def __init__(self, store: Store, scheduler: Scheduler, organization: str) -> None:
        self._store = store
        self._scheduler = scheduler
        self._organization = organization

    def approve(self, execution_id: str, by: str, now: float) -> Record:
        """Approve a run in one person's name, and start it when enough have.

        Returns:
            The execution.

        Raises:
            ApiError: 404 when there is none, 409 when it does not wait or this person has approved it already, 403 when
                this person asked for it.
        """
        execution = self._waiting(execution_id)
        settings = governance.settings_of(self._store, self._organization)
        approval = execution["approval"]
        if by == approval["requested_by"] and not settings["allow_self_approval"]:
            fault = Detail("by", f"{by} asked for this run, and allow_self_approval is off")
            raise HTTPException(403, "permission_denied", f"{by} may not approve a run of their own.", [fault])
        if by in approval["approved_by"]:
            raise conflict("by", f"{by} has approved execution {execution_id!r} already.")
        workflow = self._workflow_of(execution)
        after = approval | {"approved_by": [*approval["approved_by"], by]}
        execution |= {"approval": after}
        self._audit(execution, by, now, "approval.given", approval, after)
        if len(after["approved_by"]) < settings["approval_threshold"]:
            self._store.executions.put(execution_id, record=execution)
            return execution
        execution = start(self._scheduler, workflow, execution["inputs"], now, held=execution)
        status = {"status": execution["status"]}
        self._audit(execution, by, now, "approval.approved", {"status": WAITING}, status)
        return execution

    def reject(self, execution_id: str, by: str, now: float) -> Record:
        """Reject a run in one person's name: it is cancelled.

        Returns:
            The execution.

        Raises:
            ApiError: 404 when there is none, 409 when it does not wait.
        """
        execution = self._waiting(execution_id)
        after = execution["approval"] | {"rejected_by": by}
        execution = cancelled(execution, now) | {"approval": after}
        self._store.executions.put(execution_id, record=execution)
        self._audit(execution, by, now, "approval.rejected", {"status": WAITING}, {"status": execution["status"]})
        return execution

    def _waiting(self, execution_id: str) -> Record:
        execution = self._store.executions.get(execution_id)
        if execution is None:
            raise not_found("execution_id", "execution", execution_id)
        status = execution["status"]
        if status != WAITING:
            raise conflict("status", f"Execution {execution_id!r} is {status}, and waits for no approval.")
        return execution

    def _workflow_of(self, execution: Record) -> Record:
        """Return the workflow in the version that was asked for."""
        workflow_id, version = execution["workflow_id"], execution["workflow_version"]
        snapshot = self._store.versions.get(workflow_id, str(version))
        if snapshot is None:
            raise conflict("workflow_id", f"Workflow {workflow_id!r} was deleted: reject the execution.")
        return snapshot | {"id": workflow_id}

    def _audit(self, execution: Record, by: str, now: float, action: str, before: Record, after: Record) -> None:
        target = f"executions/{execution['id']}"
        governance.audit(self._store, self._organization, by, now, action, target, before, after)
