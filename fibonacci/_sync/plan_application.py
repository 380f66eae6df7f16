# Derived from fibonacci/_async/plan_application.py by tests/mirror.py; change that file, not this one.
"""Carrying out a deployment plan, step by step."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from fibonacci._core.preparation import new_idempotency_key
from fibonacci._core.workflow_requests import create_workflow, delete_workflow, get_workflow, update_workflow
from fibonacci._sync import _runtime
from fibonacci.deployment.change import DeploymentChange, step_of
from fibonacci.deployment.content import SeenWorkflow, WorkflowContent
from fibonacci.deployment.folder import DeploymentFolder
from fibonacci.deployment.lock import Lock, LockEntry
from fibonacci.deployment.plan import DeploymentPlan, basis_of
from fibonacci.deployment.result import DeploymentResult
from fibonacci.errors import APIError, NotFoundError, StalePlanError
from fibonacci.models.workflows import Workflow

if TYPE_CHECKING:
    from fibonacci._sync.requestor import Requestor


class PlanApplication:
    """One plan being carried out.

    Args:
        requestor: Sends the requests.
        folder: The folder of the plan, locked.
        plan: The plan; it has been checked.
        on_change: Called with each change when it is made.
    """

    def __init__(
        self,
        requestor: Requestor,
        folder: DeploymentFolder,
        plan: DeploymentPlan,
        on_change: Callable[[DeploymentChange], object] | None,
    ) -> None:
        self._requestor = requestor
        self._folder = folder
        self._plan = plan
        self._on_change = on_change
        basis = basis_of(plan)
        self._lock = replace(basis.lock or Lock(plan.base_url), organization_id=basis.organization_id)
        self._expected = basis.lock
        self._done: list[DeploymentChange] = []
        self._results: dict[str, Workflow] = {}

    def run(self) -> DeploymentResult:
        """Carry out the steps in order."""
        try:
            for change in self._plan.changes:
                self._step(change)
                self._report(change)
        except BaseException as error:
            done = f"{len(self._done)} of {len(self._plan.changes)} changes"
            error.add_note(f"apply ended early: {done} were completed; make a plan and apply it to continue")
            raise
        return DeploymentResult(folder=self._plan.folder, changes=tuple(self._done), workflows=dict(self._results))

    def _report(self, change: DeploymentChange) -> None:
        workflow = self._results.get(change.file)
        done = change if workflow is None else replace(change, workflow_id=workflow.id)
        self._done.append(done)
        if self._on_change is not None:
            _runtime.resolve("on_change", self._on_change(done))

    def _step(self, change: DeploymentChange) -> None:
        if self._folder.read_lock() != self._expected:
            raise stale_plan("another process has written the lock file")
        workflow_id, content = change.workflow_id, step_of(change).content
        if change.action == "create" and content is not None:
            self._create(change, content)
        elif change.action == "update" and content is not None and workflow_id is not None:
            self._update(change, content, workflow_id)
        elif change.action == "delete" and workflow_id is not None:
            self._delete(change, workflow_id)
        else:
            self._record(change, step_of(change).entry)

    def _read(self, workflow_id: str) -> Workflow | None:
        try:
            return self._requestor.send(get_workflow(workflow_id))
        except NotFoundError:
            return None

    def _create(self, change: DeploymentChange, content: WorkflowContent) -> None:
        interrupted = step_of(change).entry
        if interrupted is None:
            workflow = self._send_creation(change, content, new_idempotency_key())
        else:
            # A server that honors the key responds as it did to the request that was interrupted, if that arrived.
            workflow = self._send_creation(change, content, interrupted.idempotency_key)
            if self._read(workflow.id) is None:  # and it may have been deleted since
                workflow = self._send_creation(change, content, new_idempotency_key())
        self._record_workflow(change, content, workflow)

    def _send_creation(self, change: DeploymentChange, content: WorkflowContent, key: str | None) -> Workflow:
        before = self._lock
        # Recorded before it is sent: when the outcome stays unknown, the next plan finds by it what was created.
        self._record(change, LockEntry(content.name, content.digest(), idempotency_key=key))
        request = create_workflow(content.name, content.description, content.definition, idempotency_key=key)
        try:
            return self._requestor.send(request)
        except (APIError, TypeError, ValueError) as error:
            if not (isinstance(error, APIError) and error.outcome_unknown):
                self._folder.write_lock(before)
                self._lock = self._expected = before
            raise

    def _update(self, change: DeploymentChange, content: WorkflowContent, workflow_id: str) -> None:
        check_unchanged(change, self._read(workflow_id))  # just before it is changed
        request = update_workflow(workflow_id, content.name, content.description, content.definition)
        workflow = self._requestor.send(request)
        self._record_workflow(change, content, workflow)

    def _delete(self, change: DeploymentChange, workflow_id: str) -> None:
        check_unchanged(change, self._read(workflow_id))  # just before it is changed
        with suppress(NotFoundError):  # a first attempt without a response has done it
            self._requestor.send(delete_workflow(workflow_id))
        self._record(change, None)

    def _record_workflow(self, change: DeploymentChange, content: WorkflowContent, workflow: Workflow) -> None:
        if workflow.definition is None:  # the platform answers without it
            workflow = self._requestor.send(get_workflow(workflow.id))
        self._results[change.file] = workflow
        if self._lock.organization_id is None:
            self._lock = replace(self._lock, organization_id=workflow.organization_id)
        self._record(change, LockEntry(content.name, content.digest(), workflow.id, SeenWorkflow.of(workflow)))

    def _record(self, change: DeploymentChange, entry: LockEntry | None) -> None:
        """Change one entry of the lock file. What another process has written stays, and stops the next step."""
        previous = step_of(change).previous_file
        found = self._folder.read_lock()
        base = self._lock if found is None or found == self._expected else found
        self._folder.write_lock(base.changed(change.file, entry, instead_of=previous))
        self._lock = self._expected = self._lock.changed(change.file, entry, instead_of=previous)


def check_unchanged(change: DeploymentChange, workflow: Workflow | None) -> None:
    """Refuse a change whose workflow is not as the plan saw it."""
    if workflow is None:
        raise stale_plan(f"{change.workflow_id} ({change.name!r}) has been deleted")
    if SeenWorkflow.of(workflow) != step_of(change).seen:
        raise stale_plan(f"{workflow.id} ({workflow.name!r}) has been changed")


def stale_plan(what: str) -> StalePlanError:
    """Return the error for a change since the plan was made."""
    return StalePlanError(f"{what} since the plan was made: make a new plan")
