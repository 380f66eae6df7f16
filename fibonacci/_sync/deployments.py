# Derived from fibonacci/_async/deployments.py by tests/tools/mirror.py; change that file, not this one.
"""Deployments: read the platform for a plan, carry a plan out, pull a workflow into a file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from fibonacci._core.call import new_idempotency_key
from fibonacci._core.options import check_callback, check_flag
from fibonacci._core.workflow_requests import (
    create_workflow,
    delete_workflow,
    get_workflow,
    list_workflows,
    update_workflow,
)
from fibonacci._sync import _runtime
from fibonacci._sync.executions import Executions
from fibonacci._sync.large_pages import LargePages
from fibonacci._sync.resource import Pages, Resource
from fibonacci._sync.tools import Tools
from fibonacci._sync.versions import Versions
from fibonacci.definitions import diff
from fibonacci.deployment.content import SeenWorkflow, WorkflowContent
from fibonacci.deployment.folder import DeploymentFolder
from fibonacci.deployment.plan import (
    MOST_COUNTED,
    DeploymentChange,
    DeploymentPlan,
    DeploymentResult,
    basis_of,
    check_plan,
    step_of,
)
from fibonacci.deployment.planning import DeploymentTarget, check_moved, make_plan, tools_unchecked
from fibonacci.deployment.pulling import (
    choose_file,
    has_local_changes,
    local_changes,
    merged_definition,
    pulled_definition,
    pulled_state,
    split_target,
    write_definition,
)
from fibonacci.deployment.state import (
    EnvironmentState,
    StateFiles,
    WorkflowState,
    environment_name,
    is_same_platform,
)
from fibonacci.errors import APIError, DeploymentError, NotFoundError, StalePlanError
from fibonacci.models.tools import Tool
from fibonacci.models.workflows import Workflow

if TYPE_CHECKING:
    from fibonacci._sync.requestor import Requestor


class PlanApplication:
    """One plan being carried out.

    Args:
        requestor: Sends the requests.
        files: The files of the state, whose folder is locked.
        plan: The plan, already checked.
        on_change: Called with each change when it is made.
    """

    def __init__(
        self,
        requestor: Requestor,
        files: StateFiles,
        plan: DeploymentPlan,
        on_change: Callable[[DeploymentChange], object] | None,
    ) -> None:
        self._requestor = requestor
        self._files = files
        self._plan = plan
        self._on_change = on_change
        state = basis_of(plan).state
        self._organization_id = None if state is None else state.organization_id
        self._known: WorkflowState | None = None  # the state of the workflow of the step
        self._done: list[DeploymentChange] = []
        self._results: dict[str, Workflow] = {}

    def run(self) -> DeploymentResult:
        """Carry out the steps in order."""
        try:
            if self._plan.changes and basis_of(self._plan).state is None:
                self._write_platform(basis_of(self._plan).organization_id)
            for change in self._plan.changes:
                self._step(change)
                self._report(change)
        except BaseException as error:
            done = f"{len(self._done)} of {len(self._plan.changes)} changes"
            error.add_note(f"apply ended early after {done}. To continue, make a new plan and apply it")
            raise
        return DeploymentResult(folder=self._plan.folder, changes=tuple(self._done), workflows=dict(self._results))

    def _report(self, change: DeploymentChange) -> None:
        done = change
        if change.action == "create":
            done = replace(change, workflow_id=self._results[change.file].id)
        self._done.append(done)
        if self._on_change is not None:
            _runtime.resolve("on_change", self._on_change(done))

    def _step(self, change: DeploymentChange) -> None:
        step = step_of(change)
        self._known = step.known
        if self._known is not None and not self._files.has(self._known):
            raise stale_plan(f"another process wrote the state of {self._known.file}")
        if step.content is not None and step.after is not None:
            if change.workflow_id is None:
                self._create(change, step.content, step.after)
            else:
                self._update(change, step.content, step.after, change.workflow_id)
        else:
            if change.action == "delete" and change.workflow_id is not None:
                self._delete(change, change.workflow_id)
            self._record(step.after)

    def _read(self, workflow_id: str) -> Workflow | None:
        try:
            return self._requestor.send(get_workflow(workflow_id))
        except NotFoundError:
            return None

    def _create(self, change: DeploymentChange, content: WorkflowContent, after: WorkflowState) -> None:
        known = self._known
        interrupted = None if known is None or known.workflow_id is not None else (known.name, known.applied)
        if known is None or interrupted != (after.name, after.applied):
            workflow = self._send_creation(content, after, new_idempotency_key())
        else:
            # A server that honors the key responds as it did to the request that was interrupted, if that arrived.
            workflow = self._send_creation(content, after, known.idempotency_key)
            current = self._read(workflow.id)  # which may have been renamed or deleted since
            if current is None or workflow.name not in (None, current.name):
                workflow = self._send_creation(content, after, new_idempotency_key())
        self._record_workflow(change, after, workflow)

    def _send_creation(self, content: WorkflowContent, after: WorkflowState, key: str | None) -> Workflow:
        before = self._known
        # Recorded before it is sent: when the outcome stays unknown, the next plan finds by it what was created.
        self._record(replace(after, idempotency_key=key))
        request = create_workflow(content.name, content.description, content.definition, idempotency_key=key)
        try:
            return self._requestor.send(request)
        except (APIError, TypeError, ValueError) as error:
            if not (isinstance(error, APIError) and error.outcome_unknown):
                self._record(before)
            raise

    def _update(
        self, change: DeploymentChange, content: WorkflowContent, after: WorkflowState, workflow_id: str
    ) -> None:
        check_unchanged(change, self._read(workflow_id))  # just before it is changed
        request = update_workflow(workflow_id, content.name, content.description, content.definition)
        self._record_workflow(change, after, self._requestor.send(request))

    def _delete(self, change: DeploymentChange, workflow_id: str) -> None:
        check_unchanged(change, self._read(workflow_id))  # just before it is changed
        self._requestor.send(delete_workflow(workflow_id))

    def _record_workflow(self, change: DeploymentChange, after: WorkflowState, workflow: Workflow) -> None:
        if workflow.definition is None:  # the platform answers without it
            workflow = self._requestor.send(get_workflow(workflow.id))
        self._results[change.file] = workflow
        if self._organization_id is None and workflow.organization_id is not None:
            self._write_platform(workflow.organization_id)
        self._record(replace(after, workflow_id=workflow.id, seen=SeenWorkflow.of(workflow)))

    def _write_platform(self, organization_id: str | None) -> None:
        state = basis_of(self._plan).state
        self._files.write_platform(self._plan.base_url if state is None else state.base_url, organization_id)
        self._organization_id = organization_id

    def _record(self, state: WorkflowState | None) -> None:
        self._files.replace(self._known, state)
        self._known = state


def check_unchanged(change: DeploymentChange, workflow: Workflow | None) -> None:
    """Refuse a change whose workflow isn't as the plan saw it."""
    if workflow is None:
        raise stale_plan(f"{change.workflow_id} ({change.name!r}) has been deleted")
    if SeenWorkflow.of(workflow) != step_of(change).seen:
        raise stale_plan(f"{workflow.id} ({workflow.name!r}) has been changed")


def stale_plan(what: str) -> StalePlanError:
    """Return the error for a change since the plan was made."""
    return StalePlanError(f"{what} since the plan was made: make a new plan")


class Deployments(Resource):
    """Deploy folders of definitions."""

    @property
    def _base_url(self) -> str:
        return self._requestor.config.base_url

    def plan(
        self, path: str | os.PathLike[str], environment: str | None, moved: Mapping[str, str | None] | None
    ) -> DeploymentPlan:
        """Return what `apply` would do for a folder. Nothing is written."""
        folder = DeploymentFolder(path)
        target = self._target(folder, environment)
        moved = check_moved(moved)
        tools, reason = self._list_tools() if folder.files() else (None, "")
        definitions, problems = folder.load_definitions(tools)
        if tools is None:
            problems += tools_unchecked(definitions, reason)
        if problems.errors:
            return DeploymentPlan(
                folder=folder.path, environment=target.environment, base_url=self._base_url, problems=problems
            )
        state = StateFiles(folder.path, target.environment).read()
        target.check_base_url(state)
        workflows = self._read_platform(state)
        plan = make_plan(target, definitions, problems, state, workflows, moved)
        return replace(plan, changes=tuple([self._with_running(change) for change in plan.changes]))

    def apply(
        self,
        plan: DeploymentPlan,
        *,
        allow_delete: bool,
        allow_empty: bool,
        overwrite: bool,
        on_change: Callable[[DeploymentChange], object] | None,
    ) -> DeploymentResult:
        """Carry out a plan, step by step, and write the state after each step."""
        check_flag("allow_delete", allow_delete)
        check_flag("allow_empty", allow_empty)
        check_flag("overwrite", overwrite)
        check_plan(plan, allow_delete=allow_delete, allow_empty=allow_empty, overwrite=overwrite)
        if not is_same_platform(plan.base_url, self._base_url):
            raise DeploymentError(f"the plan was made for {plan.base_url}, and the client calls {self._base_url}")
        check_callback("on_change", on_change, close=self._requestor.config.close)
        folder, files = DeploymentFolder(plan.folder), StateFiles(plan.folder, plan.environment)
        with folder.locked():
            state = files.read()
            if state != basis_of(plan).state:
                raise stale_plan(f"the state of environment {plan.environment!r} of {str(plan.folder)!r} has changed")
            if state is not None:
                files.remove_ended_creations(state)
            if plan.has_changes:
                self._check_platform(plan)
            return PlanApplication(self._requestor, files, plan, on_change).run()

    def pull(
        self,
        workflow_id: str | Workflow,
        path: str | os.PathLike[str],
        *,
        overwrite: bool,
        merge: bool,
        environment: str | None,
    ) -> Path:
        """Write a workflow into a file, and record it in the state next to it."""
        check_flag("overwrite", overwrite)
        check_flag("merge", merge)
        folder, file = split_target(path)
        target = self._target(folder, environment)
        workflow = self._send(get_workflow(workflow_id))
        if workflow.definition is None:
            raise DeploymentError(f"{workflow.id} ({workflow.name!r}) has no definition, so there is nothing to pull")
        folder.path.mkdir(parents=True, exist_ok=True)
        files = StateFiles(folder.path, target.environment)
        with folder.locked():
            known = files.read()
            target.check_base_url(known)
            organization_id = target.check_organization(known, [workflow])
            state = known or EnvironmentState(self._base_url, organization_id)
            file = choose_file(folder, state, workflow, file)
            before = state.of_workflow(workflow.id)
            present = folder.read_definition(file)
            written = pulled = pulled_definition(workflow, file, present)
            path = folder.path / file
            if path.exists() and has_local_changes(present, pulled, before, workflow):
                if merge and present is not None:
                    seen = None if before is None else before.seen
                    snapshot = None
                    if seen is not None and seen.version is not None:
                        snapshot = Versions(self._requestor).get(workflow.id, seen.version)
                    written = merged_definition(path, present, workflow, seen, snapshot)
                elif not overwrite:
                    raise local_changes(path, present, workflow)
            after = pulled_state(pulled, file, workflow, state)
            if present is None or diff(present, written):
                write_definition(folder, file, written)
            if known is None or organization_id != known.organization_id:
                files.write_platform(state.base_url, organization_id)
            files.replace(before or state.workflows.get(after.name), after)
        return path

    def _target(self, folder: DeploymentFolder, environment: str | None) -> DeploymentTarget:
        name = environment_name(environment, self._requestor.config.profile)
        return DeploymentTarget(folder.path, name, self._base_url)

    def _check_platform(self, plan: DeploymentPlan) -> None:
        """Refuse a plan whose workflows aren't as it saw them, or whose names have been taken."""
        basis = basis_of(plan)
        workflows = {workflow.id: workflow for workflow in self._read_platform(basis.state)}
        organizations = {workflow.organization_id for workflow in workflows.values()} - {None}
        if basis.organization_id is not None and organizations and basis.organization_id not in organizations:
            others = " and ".join(sorted(map(repr, organizations)))
            raise DeploymentError(f"the plan was made for the organization {basis.organization_id!r}, not for {others}")
        known = set[str]() if basis.state is None else basis.state.workflow_ids
        own = {change.workflow_id for change in plan.changes} | known
        names = {change.name for change in plan.changes if step_of(change).content is not None}
        for workflow in workflows.values():
            if workflow.name in names and workflow.id not in own:
                raise stale_plan(f"another workflow called {workflow.name!r} has appeared ({workflow.id})")
        for change in plan.changes:
            if change.workflow_id is not None and step_of(change).seen is not None:
                check_unchanged(change, workflows.get(change.workflow_id))

    def _list_tools(self) -> tuple[Iterable[Tool] | None, str]:
        """Return the platform's tools, or None and the reason if they can't be listed, as with some roles of keys."""
        try:
            return {tool.name: tool for tool in Tools(self._requestor).list()}.values(), ""
        except APIError as error:  # if more is wrong than the tools, the plan's next request raises it
            return None, error.message

    def _with_running(self, change: DeploymentChange) -> DeploymentChange:
        """Return a change of a workflow with the number of its executions that are running: one page is enough."""
        if change.action not in ("update", "delete"):
            return change
        executions = Executions(self._requestor).list(workflow_id=change.workflow_id, status="running")
        try:
            return replace(change, running=len(executions.take(MOST_COUNTED)))
        except APIError:  # such as a key whose role can't list them
            return change

    def _read_platform(self, state: EnvironmentState | None) -> list[Workflow]:
        """Return all workflows, with the definitions of those that are, or may be, in the state."""
        pages = Pages(LargePages(self._requestor), list_workflows())
        workflows = {workflow.id: workflow for page in pages for workflow in page.items}
        ids = set[str]() if state is None else state.workflow_ids
        names = set[str]() if state is None else state.names_of_interrupted
        unknown = {workflow.id for workflow in workflows.values() if workflow.name in names}
        for workflow_id in sorted(ids | unknown):
            if workflow_id not in workflows or workflows[workflow_id].definition is None:
                try:
                    workflows[workflow_id] = self._send(get_workflow(workflow_id))
                except NotFoundError:
                    workflows.pop(workflow_id, None)
        return list(workflows.values())
