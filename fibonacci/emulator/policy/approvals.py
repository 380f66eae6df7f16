"""Governance and approval: the settings, categories of workflows, which runs require approval, and decisions.

A run requires approval if the settings of its organization name one of its workflow's categories: each
`require_approval_for_...` is for one category, and each flag in `category_flags` for the category of its name.
`approval_threshold` is the number of different people who must approve. 0 turns approval off. The requester may approve
only with `allow_self_approval`. One rejection is enough: the execution is `cancelled`. The settings apply as they are
at the decision, and a threshold that is lowered releases the runs that have enough approvals. Only an admin or the
owner can decide. A run without a decision after `APPROVAL_SECONDS` is `cancelled`.

The quota of runs per hour was applied when the run was requested. An approved run is `pending` until the quota of
concurrent executions has a place for it. If a policy refuses a tool by then, its node fails.

A definition has the categories that it names, as in `{"categories": ["financial"], "nodes": [...]}`, those of its tools
in the catalog, and those of the words in its tools' names. For example, `slack_send_message` and `email_send` are
external communication, and `file_write` is a public write. `grant_access` is a permission change, and `refund_payment`
is financial. Names count because a tool need not be in the catalog.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Final

from pydantic import Field

from fibonacci.definitions.json_types import Whole, is_array
from fibonacci.emulator.account import KeyRole
from fibonacci.emulator.context import RequestContext
from fibonacci.emulator.engine.compiled import tools_of
from fibonacci.emulator.engine.records import WAITING, new_execution, view_of
from fibonacci.emulator.engine.scheduler import Scheduler, outliving_damage
from fibonacci.emulator.engine.tool_catalog import TOOLS, find_tool
from fibonacci.emulator.engine.user_handlers import UserHandlers
from fibonacci.emulator.http.bodies import Body
from fibonacci.emulator.http.messages import Detail, HTTPException, conflict, not_found
from fibonacci.emulator.policy.organizations import Change, record_change
from fibonacci.emulator.state.clock import VirtualClock, iso
from fibonacci.emulator.state.json_encoding import JSONObject
from fibonacci.emulator.state.records import (
    DEFAULT_GOVERNANCE,
    StoredApproval,
    StoredExecution,
    StoredGovernance,
    StoredNode,
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


class GovernanceUpdate(Body):
    """The six settings, all optional in the body of an update. The defaults are those of a new organization."""

    require_approval_for_external_comm: bool = False
    require_approval_for_public_writes: bool = False
    require_approval_for_permission_changes: bool = False
    allow_self_approval: bool = False
    approval_threshold: Annotated[Whole, Field(ge=0)] = 1
    category_flags: dict[str, bool] = Field(default_factory=dict)


def settings_of(store: Store, organization: str) -> StoredGovernance:
    """Return the settings of an organization, with defaults for those that an older record does not have."""
    stored = store.governance.get(organization)
    return DEFAULT_GOVERNANCE if stored is None else {**DEFAULT_GOVERNANCE, **stored}


APPROVAL_SECONDS: Final = 7 * 86_400.0
"""Seconds for which a run waits for approval."""

DECIDING: Final[tuple[KeyRole, ...]] = ("admin", "owner")
"""The roles that decide about runs."""


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
        "requested_by": context.actor,
        "requested_at": iso(context.now),
        "approved_by": [],
        "rejected_by": None,
        "expires_at": iso(context.now + APPROVAL_SECONDS),
    }
    execution = new_execution(workflow, inputs, context.role, context.now, nodes)
    execution.update({"status": WAITING, "approval": approval})
    context.store.executions.add(execution, due=context.now + APPROVAL_SECONDS)
    after = {"status": WAITING, "reasons": reasons, "workflow_id": workflow["id"]}
    request = Change(context.actor, "approval.requested", f"executions/{execution['id']}", {}, after)
    record_change(context.store, context.organization, request, context.now)
    return execution


def release(context: RequestContext) -> None:
    """Let the runs start that wait for approval and have all that are required: the threshold may have been lowered."""
    threshold = settings_of(context.store, context.organization)["approval_threshold"]
    for execution in list(context.store.executions.records(WAITING)):
        if "approval" not in execution:
            continue
        approved_by = execution["approval"]["approved_by"]
        if len(approved_by) >= threshold and _has_version(context.store, execution):
            _let_run(context.scheduler, execution, execution, context.actor, context.now)


def cancel(context: RequestContext, execution: StoredExecution) -> StoredExecution:
    """Cancel a run that has not ended, and record it if it waits for approval, and return its new record."""
    if execution["status"] == WAITING:
        status = {"status": "cancelled"}
        target = f"executions/{execution['id']}"
        change = Change(context.actor, "approval.cancelled", target, {"status": WAITING}, status)
        record_change(context.store, context.organization, change, context.now)
    return context.scheduler.cancel(execution, context.now)


_DECIDED: Final = ("approved", "rejected", "expired", "cancelled")


def counts_of(store: Store, organization: str, home: str) -> dict[str, int]:
    """Return how many requests for approval an organization has in each state, which only that of the emulator has."""
    actions = store.audit.counts(organization)
    decided = {name: actions.get(f"approval.{name}", 0) for name in _DECIDED}
    return {"pending": store.executions.count(WAITING) if organization == home else 0, **decided}


def _let_run(
    scheduler: Scheduler, before: StoredExecution, after: StoredExecution, by: str, now: float
) -> StoredExecution:
    """Let a run start that has all approvals, as soon as there is a place for it, and return its new record."""
    execution = scheduler.enqueue(before, after, now)
    target = f"executions/{execution['id']}"
    change = Change(by, "approval.approved", target, {"status": WAITING}, {"status": execution["status"]})
    record_change(scheduler.environment.store, scheduler.environment.organization, change, now)
    return execution


def _has_version(store: Store, execution: StoredExecution) -> bool:
    """Return whether there is the version of the workflow that was requested. Else the run can only be rejected."""
    return store.versions.get(execution["workflow_id"], str(execution["workflow_version"])) is not None


RoleOf = Callable[[str], KeyRole | None]
"""Returns the role of a person or of a role's name, or `None` if there is none."""


class Approvals:
    """Decisions about the runs that wait for approval."""

    def __init__(self, store: Store, scheduler: Scheduler, clock: VirtualClock, role_of: RoleOf) -> None:
        self._role_of = role_of
        self._store = store
        self._scheduler = scheduler
        self._clock = clock
        self._organization = scheduler.environment.organization

    def decide(self, execution_id: str, by: str, *, approve: bool) -> JSONObject:
        """Approve or reject a run in one person's name. A run that starts may end before this returns.

        Returns:
            The execution in its public form.

        Raises:
            HTTPException: 404 if the execution doesn't exist. 409 if it isn't waiting for approval, or this person has
                already approved it. 403 if this person isn't an admin, or requested it and may not approve it.
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
        for execution_id, _ in self._store.executions.due(WAITING, now):
            with outliving_damage(self._store, execution_id):
                execution = self._store.executions.get(execution_id)
                if execution is not None:
                    error = f"nobody approved it within {APPROVAL_SECONDS / 86_400:g} days"
                    ended = self._scheduler.cancel(execution, now, error=error)
                    status = {"status": ended["status"]}
                    self._record(execution, "emulator", now, "approval.expired", {"status": WAITING}, status)

    def _check_role(self, by: str) -> None:
        role = self._role_of(by)
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

    def _approve(self, execution_id: str, by: str, now: float) -> StoredExecution:
        execution, approval = self._waiting(execution_id)
        settings = settings_of(self._store, self._organization)
        _check_approver(execution_id, approval, by, allow_self_approval=settings["allow_self_approval"])
        if not _has_version(self._store, execution):
            which = f"Version {execution['workflow_version']} of workflow {execution['workflow_id']!r}"
            raise conflict("workflow_id", f"{which} was deleted: reject the execution.")
        after: StoredApproval = {**approval, "approved_by": [*approval["approved_by"], by]}
        approved: StoredExecution = {**execution, "approval": after}
        self._record(execution, by, now, "approval.given", approval, after)
        if len(after["approved_by"]) >= settings["approval_threshold"]:
            return _let_run(self._scheduler, execution, approved, by, now)
        self._store.executions.update(execution, approved, due=execution["created"] + APPROVAL_SECONDS)
        return approved

    def _reject(self, execution_id: str, by: str, now: float) -> StoredExecution:
        execution, approval = self._waiting(execution_id)
        execution = self._scheduler.cancel(execution, now, approval={**approval, "rejected_by": by})
        self._record(execution, by, now, "approval.rejected", {"status": WAITING}, {"status": execution["status"]})
        return execution

    def _waiting(self, execution_id: str) -> tuple[StoredExecution, StoredApproval]:
        execution = self._store.executions.get(execution_id)
        if execution is None:
            raise not_found("execution_id", "execution", execution_id)
        status = execution["status"]
        if status != WAITING or "approval" not in execution:
            raise conflict("status", f"Execution {execution_id!r} is {status} and is not waiting for approval.")
        return execution, execution["approval"]

    def _record(
        self,
        execution: StoredExecution,
        by: str,
        now: float,
        action: str,
        before: Mapping[str, object],
        after: Mapping[str, object],
    ) -> None:
        change = Change(by, action, f"executions/{execution['id']}", before, after)
        record_change(self._store, self._organization, change, now)


def _check_approver(execution_id: str, approval: StoredApproval, by: str, *, allow_self_approval: bool) -> None:
    if by == approval["requested_by"] and not allow_self_approval:
        detail = Detail("by", f"{by} requested this run, and allow_self_approval is off")
        raise HTTPException(403, "permission_denied", f"{by} may not approve their own run.", [detail])
    if by in approval["approved_by"]:
        raise conflict("by", f"{by} has already approved execution {execution_id!r}.")
