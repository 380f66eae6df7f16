"""Deployments: read the platform for a plan, carry a plan out, pull a workflow into a file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from fibonacci._async import _runtime
from fibonacci._async.resource import AsyncResource
from fibonacci._async.tools import AsyncTools
from fibonacci._core.call import new_idempotency_key
from fibonacci._core.option_checks import check_callback, check_flag
from fibonacci._core.workflow_requests import (
    create_workflow,
    delete_workflow,
    get_workflow,
    list_workflows,
    update_workflow,
)
from fibonacci._remedies import argument, joined
from fibonacci.deployment.folder import DeploymentFolder, Lock, LockEntry, SeenWorkflow, WorkflowContent
from fibonacci.deployment.plan import DeploymentChange, DeploymentPlan, DeploymentResult, basis_of, check_plan, step_of
from fibonacci.deployment.planning import check_base_url, check_organization, make_plan, tools_unchecked
from fibonacci.deployment.pulling import (
    choose_file,
    definition_of,
    import_yaml,
    needs_writing,
    pulled_entry,
    split_target,
)
from fibonacci.errors import APIError, DeploymentError, NotFoundError, StalePlanError
from fibonacci.models.tools import Tool
from fibonacci.models.workflows import Workflow

if TYPE_CHECKING:
    from fibonacci._async.requestor import AsyncRequestor


class AsyncPlanApplication:
    """One plan being carried out.

    Args:
        requestor: Sends the requests.
        folder: The folder of the plan, locked.
        plan: The plan; it has been checked.
        on_change: Called with each change when it is made.
    """

    def __init__(
        self,
        requestor: AsyncRequestor,
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

    async def run(self) -> DeploymentResult:
        """Carry out the steps in order."""
        try:
            for change in self._plan.changes:
                await self._step(change)
                await self._report(change)
        except BaseException as error:
            done = f"{len(self._done)} of {len(self._plan.changes)} changes"
            error.add_note(f"apply ended early: {done} were completed; make a plan and apply it to continue")
            raise
        return DeploymentResult(folder=self._plan.folder, changes=tuple(self._done), workflows=dict(self._results))

    async def _report(self, change: DeploymentChange) -> None:
        workflow = self._results.get(change.file)
        done = change if workflow is None else replace(change, workflow_id=workflow.id)
        self._done.append(done)
        if self._on_change is not None:
            await _runtime.resolve("on_change", self._on_change(done))

    async def _step(self, change: DeploymentChange) -> None:
        if self._folder.read_lock() != self._expected:
            raise stale_plan("another process has written the lock file")
        workflow_id, content = change.workflow_id, step_of(change).content
        if change.action == "create" and content is not None:
            await self._create(change, content)
        elif change.action == "update" and content is not None and workflow_id is not None:
            await self._update(change, content, workflow_id)
        elif change.action == "delete" and workflow_id is not None:
            await self._delete(change, workflow_id)
        else:
            self._record(change, step_of(change).entry)

    async def _read(self, workflow_id: str) -> Workflow | None:
        try:
            return await self._requestor.send(get_workflow(workflow_id))
        except NotFoundError:
            return None

    async def _create(self, change: DeploymentChange, content: WorkflowContent) -> None:
        interrupted = step_of(change).entry
        if interrupted is None:
            workflow = await self._send_creation(change, content, new_idempotency_key())
        else:
            # A server that honors the key responds as it did to the request that was interrupted, if that arrived.
            workflow = await self._send_creation(change, content, interrupted.idempotency_key)
            if await self._read(workflow.id) is None:  # and it may have been deleted since
                workflow = await self._send_creation(change, content, new_idempotency_key())
        await self._record_workflow(change, content, workflow)

    async def _send_creation(self, change: DeploymentChange, content: WorkflowContent, key: str | None) -> Workflow:
        before = self._lock
        # Recorded before it is sent: when the outcome stays unknown, the next plan finds by it what was created.
        self._record(change, LockEntry(content.name, content.digest(), idempotency_key=key))
        request = create_workflow(content.name, content.description, content.definition, idempotency_key=key)
        try:
            return await self._requestor.send(request)
        except (APIError, TypeError, ValueError) as error:
            if not (isinstance(error, APIError) and error.outcome_unknown):
                self._folder.write_lock(before)
                self._lock = self._expected = before
            raise

    async def _update(self, change: DeploymentChange, content: WorkflowContent, workflow_id: str) -> None:
        check_unchanged(change, await self._read(workflow_id))  # just before it is changed
        request = update_workflow(workflow_id, content.name, content.description, content.definition)
        workflow = await self._requestor.send(request)
        await self._record_workflow(change, content, workflow)

    async def _delete(self, change: DeploymentChange, workflow_id: str) -> None:
        check_unchanged(change, await self._read(workflow_id))  # just before it is changed
        with suppress(NotFoundError):  # a first attempt without a response has done it
            await self._requestor.send(delete_workflow(workflow_id))
        self._record(change, None)

    async def _record_workflow(self, change: DeploymentChange, content: WorkflowContent, workflow: Workflow) -> None:
        if workflow.definition is None:  # the platform answers without it
            workflow = await self._requestor.send(get_workflow(workflow.id))
        self._results[change.file] = workflow
        if self._lock.organization_id is None:
            self._lock = replace(self._lock, organization_id=workflow.organization_id)
        self._record(change, LockEntry(content.name, content.digest(), workflow.id, SeenWorkflow.of(workflow)))

    def _record(self, change: DeploymentChange, entry: LockEntry | None) -> None:
        """Change one entry of the lock file. What another process has written stays, and stops the next step."""
        previous = step_of(change).previous_file
        lock = self._folder.read_lock()
        base = self._lock if lock is None or lock == self._expected else lock
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


class AsyncDeployments(AsyncResource):
    """Deploy folders of definitions."""

    @property
    def _base_url(self) -> str:
        return self._requestor.config.base_url

    async def plan(self, path: str | os.PathLike[str]) -> DeploymentPlan:
        """Return what `apply` would do for a folder. Nothing is written."""
        folder = DeploymentFolder(path)
        tools, reason = await self._list_tools() if folder.files() else (None, "")
        definitions, problems = folder.load_definitions(tools)
        if tools is None:
            problems += tools_unchecked(definitions, reason)
        if problems.errors:
            return DeploymentPlan(folder=folder.path, base_url=self._base_url, problems=problems)
        lock = folder.read_lock()
        check_base_url(lock, folder.path, self._base_url)
        workflows = await self._read_platform(lock)
        return make_plan(folder.path, self._base_url, definitions, problems, lock, workflows)

    async def apply(
        self, plan: DeploymentPlan, *, allow_delete: bool, on_change: Callable[[DeploymentChange], object] | None
    ) -> DeploymentResult:
        """Carry out a plan, step by step; the lock file is written after each."""
        self._check(plan, allow_delete=allow_delete)
        check_callback("on_change", on_change, close=self._requestor.config.close)
        folder = DeploymentFolder(plan.folder)
        with folder.locked():
            if folder.read_lock() != basis_of(plan).lock:
                raise stale_plan(f"the lock file of {str(plan.folder)!r} has changed")
            if plan.has_changes:
                await self._check_platform(plan)
            return await AsyncPlanApplication(self._requestor, folder, plan, on_change).run()

    async def pull(self, workflow_id: str, path: str | os.PathLike[str], *, overwrite: bool) -> Path:
        """Write a workflow into a file, and record it in the lock file beside it."""
        check_flag("overwrite", overwrite)
        folder, file = split_target(path)
        import_yaml(folder, file)
        workflow = await self._send(get_workflow(workflow_id))
        definition = definition_of(workflow)
        folder.path.mkdir(parents=True, exist_ok=True)
        with folder.locked():
            lock = folder.read_lock()
            check_base_url(lock, folder.path, self._base_url)
            organization_id = check_organization(lock, folder.path, [workflow])
            lock = lock or Lock(self._base_url, organization_id)
            file = choose_file(folder, lock, workflow, file)
            if needs_writing(folder, file, lock, workflow, overwrite=overwrite):
                folder.write_definition(file, definition)
            earlier = next((name for name, entry in lock.entries.items() if entry.workflow_id == workflow.id), None)
            entry = pulled_entry(definition, file, workflow)
            folder.write_lock(lock.changed(file, entry, instead_of=earlier))
        return folder.path / file

    def _check(self, plan: DeploymentPlan, *, allow_delete: bool) -> None:
        """Refuse what must not be applied, before anything is sent."""
        check_plan(plan)
        check_flag("allow_delete", allow_delete)
        if plan.base_url != self._base_url:
            raise DeploymentError(f"the plan was made for {plan.base_url}, and the client calls {self._base_url}")
        removed = [f"{change.name!r} ({change.workflow_id})" for change in plan.changes if change.action == "delete"]
        if removed and not allow_delete:
            raise DeploymentError(
                joined(
                    f"the plan deletes {', '.join(removed)}: pass ",
                    argument("allow_delete", True),
                    " if that is meant, else restore the files. Nothing was done.",
                )
            )

    async def _check_platform(self, plan: DeploymentPlan) -> None:
        """Refuse a plan whose workflows are not as it saw them, or whose names have been taken."""
        basis = basis_of(plan)
        workflows = {workflow.id: workflow for workflow in await self._read_platform(basis.lock)}
        organizations = {workflow.organization_id for workflow in workflows.values()} - {None}
        if basis.organization_id is not None and organizations and basis.organization_id not in organizations:
            others = " and ".join(sorted(map(repr, organizations)))
            raise DeploymentError(f"the plan was made for the organization {basis.organization_id!r}, not for {others}")
        known = set[str]() if basis.lock is None else basis.lock.workflow_ids
        own = {change.workflow_id for change in plan.changes} | known
        names = {change.name for change in plan.changes if step_of(change).content is not None}
        for workflow in workflows.values():
            if workflow.name in names and workflow.id not in own:
                raise stale_plan(f"another workflow called {workflow.name!r} has appeared ({workflow.id})")
        for change in plan.changes:
            if change.workflow_id is not None and step_of(change).seen is not None:
                check_unchanged(change, workflows.get(change.workflow_id))

    async def _list_tools(self) -> tuple[Iterable[Tool] | None, str]:
        """Return the tools of the platform; None and the reason where they cannot be listed, as by the key's role."""
        try:
            return {tool.name: tool async for tool in AsyncTools(self._requestor).list()}.values(), ""
        except APIError as error:  # the plan's next request raises what is wrong with more than the tools
            return None, error.message

    async def _read_platform(self, lock: Lock | None) -> list[Workflow]:
        """Return all workflows; with their definitions those that are, or may be, in the lock file."""
        workflows = {workflow.id: workflow async for workflow in self._pager(list_workflows())}
        ids = set[str]() if lock is None else lock.workflow_ids
        names = set[str]() if lock is None else lock.names_of_interrupted
        unknown = {workflow.id for workflow in workflows.values() if workflow.name in names}
        for workflow_id in sorted(ids | unknown):
            if workflow_id not in workflows or workflows[workflow_id].definition is None:
                try:
                    workflows[workflow_id] = await self._send(get_workflow(workflow_id))
                except NotFoundError:
                    workflows.pop(workflow_id, None)
        return list(workflows.values())
