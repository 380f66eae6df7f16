"""Governance and approval: the settings, which runs require approval, and what a decision does.

A run requires approval if the settings of its organization name one of its workflow's categories (see `categories`):
each `require_approval_for_...` stands for one category, each flag in `category_flags` for the category of its name.
`approval_threshold` is the number of different people who have to approve; 0 turns approval off. The requester may
approve only with `allow_self_approval`. One rejection is enough: the execution is `cancelled`. The settings apply as
they are at the decision; tool policies and quotas were applied when the run was requested. Who decides is an admin or
the owner. A run that nobody has decided about after `APPROVAL_SECONDS` is `cancelled`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Annotated, Any, Final

from pydantic import Field

from fibonacci.definitions.json_types import Whole
from fibonacci.emulator.account import KeyRole
from fibonacci.emulator.context import RequestContext
from fibonacci.emulator.engine.compiled import compiled
from fibonacci.emulator.engine.records import WAITING, cancelled, hold, start, view_of
from fibonacci.emulator.engine.scheduler import Scheduler
from fibonacci.emulator.engine.user_handlers import UserHandlers
from fibonacci.emulator.http.bodies import Body
from fibonacci.emulator.http.replies import Detail, HTTPException, conflict, not_found
from fibonacci.emulator.policy.categories import EXTERNAL_COMM, PERMISSION_CHANGES, PUBLIC_WRITES, categories_of
from fibonacci.emulator.policy.organizations import Change, record_change
from fibonacci.emulator.state.clock import VirtualClock, iso
from fibonacci.emulator.state.store import Store
from fibonacci.emulator.state.tables import Record


class GovernanceUpdate(Body):
    """The six settings, all optional in the body of an update; the defaults are those of a new organization."""

    require_approval_for_external_comm: bool = False
    require_approval_for_public_writes: bool = False
    require_approval_for_permission_changes: bool = False
    allow_self_approval: bool = False
    approval_threshold: Annotated[Whole, Field(ge=0)] = 1
    category_flags: dict[str, bool] = Field(default_factory=dict)


def settings_of(store: Store, organization: str) -> Record:
    """Return the settings of an organization; those that its record does not have, for it is older, are the default."""
    return _defaults() | (store.governance.get(organization) or {})


@cache
def _defaults() -> Record:
    return GovernanceUpdate().model_dump()


APPROVAL_SECONDS: Final = 7 * 86_400.0
"""Seconds for which a run waits for approval."""

_DECIDING: Final = ("admin", "owner")
_SETTINGS: Final[Mapping[str, str]] = {
    "require_approval_for_external_comm": EXTERNAL_COMM,
    "require_approval_for_public_writes": PUBLIC_WRITES,
    "require_approval_for_permission_changes": PERMISSION_CHANGES,
}


def approval_reasons(settings: Record, definition: Mapping[str, Any] | None, handlers: UserHandlers) -> list[str]:
    """Return the categories for which a run requires approval; none if it may start at once."""
    if settings["approval_threshold"] < 1:
        return []
    watched = {category for setting, category in _SETTINGS.items() if settings[setting]}
    watched |= {category for category, is_watched in settings["category_flags"].items() if is_watched}
    return sorted(watched & categories_of(definition, handlers)) if watched else []


def hold_for_approval(context: RequestContext, workflow: Record, inputs: dict[str, Any], reasons: list[str]) -> Record:
    """Store a run that requires approval; return its execution."""
    approval: Record = {
        "reasons": reasons,
        "requested_by": context.actor,
        "requested_at": iso(context.now),
        "approved_by": [],
        "rejected_by": None,
        "expires_at": iso(context.now + APPROVAL_SECONDS),
    }
    execution = hold(context.store, workflow, inputs, context.now, approval)
    context.store.held.put(execution["id"], record={"expires": context.now + APPROVAL_SECONDS})
    after = {"status": WAITING, "reasons": reasons, "workflow_id": workflow["id"]}
    request = Change(context.actor, "approval.requested", f"executions/{execution['id']}", {}, after)
    record_change(context.store, context.organization, request, context.now)
    return execution


RoleOf = Callable[[str], KeyRole | None]
"""Returns the role of a person or of a role's name; `None` if there is none."""


class Approvals:
    """Decisions about the runs that wait for approval."""

    def __init__(
        self, store: Store, scheduler: Scheduler, clock: VirtualClock, organization: str, role_of: RoleOf
    ) -> None:
        self._role_of = role_of
        self._store = store
        self._scheduler = scheduler
        self._clock = clock
        self._organization = organization

    def decide(self, execution_id: str, by: str, *, approve: bool) -> Record:
        """Approve or reject a run in one person's name. A run that starts may end before this returns.

        Returns:
            The execution in its public form.

        Raises:
            HTTPException: 404 if there is no such execution, 409 if it does not wait for approval or this person has
                approved it already, 403 if this person is no admin, or requested it and may not approve it.
        """
        with self._store.transaction():
            now = self._clock.now()
            self._scheduler.catch_up(now)
            self.expire(now)
            self._check_role(by)
            execution = self._approve(execution_id, by, now) if approve else self._reject(execution_id, by, now)
            may_end_soon = self._scheduler.may_end_soon(execution, now)
        if may_end_soon:
            execution, now = self._scheduler.settle(execution)
        return view_of(execution, now)

    def expire(self, now: float) -> None:
        """Cancel the runs that nobody has decided about in time."""
        for (execution_id,) in list(self._store.held.due(now)):
            self._store.held.delete(execution_id)
            execution = self._store.executions.get(execution_id)
            if execution is not None and execution["status"] == WAITING:
                error = f"nobody approved it within {APPROVAL_SECONDS / 86_400:g} days"
                ended = cancelled(execution, now) | {"error": error}
                self._store.executions.put(execution_id, record=ended)
                status = {"status": ended["status"]}
                self._record(execution, "emulator", now, "approval.expired", {"status": WAITING}, status)

    def _check_role(self, by: str) -> None:
        role = self._role_of(by)
        if role in _DECIDING:
            return
        if role is None:
            message = f"{by!r} is no role and nobody with a key: emulator.key('admin', name={by!r}) makes one."
        else:
            message = f"{by} may not decide about runs: it takes the role admin or owner, not {role}."
        raise HTTPException(403, "permission_denied", message, [Detail("by", message)])

    def _approve(self, execution_id: str, by: str, now: float) -> Record:
        execution = self._waiting(execution_id)
        settings = settings_of(self._store, self._organization)
        approval = execution["approval"]
        _check_approver(execution, by, allow_self_approval=settings["allow_self_approval"])
        workflow = self._workflow_of(execution)
        after = approval | {"approved_by": [*approval["approved_by"], by]}
        execution |= {"approval": after}
        self._record(execution, by, now, "approval.given", approval, after)
        if len(after["approved_by"]) < settings["approval_threshold"]:
            self._store.executions.put(execution_id, record=execution)
            return execution
        self._store.held.delete(execution_id)
        plan = compiled(workflow["definition"])
        execution = start(self._scheduler, workflow, plan, execution["inputs"], now, held=execution)
        status = {"status": execution["status"]}
        self._record(execution, by, now, "approval.approved", {"status": WAITING}, status)
        return execution

    def _reject(self, execution_id: str, by: str, now: float) -> Record:
        execution = self._waiting(execution_id)
        after = execution["approval"] | {"rejected_by": by}
        execution = cancelled(execution, now) | {"approval": after}
        self._store.executions.put(execution_id, record=execution)
        self._store.held.delete(execution_id)
        self._record(execution, by, now, "approval.rejected", {"status": WAITING}, {"status": execution["status"]})
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
        """Return the workflow in the version that was requested."""
        workflow_id, version = execution["workflow_id"], execution["workflow_version"]
        snapshot = self._store.versions.get(workflow_id, str(version))
        if snapshot is None:
            raise conflict("workflow_id", f"Workflow {workflow_id!r} was deleted: reject the execution.")
        return snapshot | {"id": workflow_id}

    def _record(self, execution: Record, by: str, now: float, action: str, before: Record, after: Record) -> None:
        change = Change(by, action, f"executions/{execution['id']}", before, after)
        record_change(self._store, self._organization, change, now)


def _check_approver(execution: Record, by: str, *, allow_self_approval: bool) -> None:
    approval = execution["approval"]
    if by == approval["requested_by"] and not allow_self_approval:
        detail = Detail("by", f"{by} requested this run, and allow_self_approval is off")
        raise HTTPException(403, "permission_denied", f"{by} may not approve a run of their own.", [detail])
    if by in approval["approved_by"]:
        raise conflict("by", f"{by} has approved execution {execution['id']!r} already.")
