# Derived from fibonacci/_async/deployments.py by tests/mirror.py; change that file, not this one.
"""The calls of a deployment: read the platform for a plan, carry a plan out, pull a workflow into a file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from fibonacci._core.option_checks import check_callback, check_flag
from fibonacci._core.workflow_requests import get_workflow, list_workflows
from fibonacci._sync._resource import Resource
from fibonacci._sync.plan_application import PlanApplication, check_unchanged, stale_plan
from fibonacci._sync.tools import Tools
from fibonacci.deployment.change import DeploymentChange, step_of
from fibonacci.deployment.folder import DeploymentFolder
from fibonacci.deployment.lock import Lock
from fibonacci.deployment.plan import DeploymentPlan, basis_of, check_plan
from fibonacci.deployment.planning import check_base_url, check_organization, make_plan, tools_unchecked
from fibonacci.deployment.pulling import (
    choose_file,
    definition_of,
    import_yaml,
    needs_writing,
    pulled_entry,
    split_target,
)
from fibonacci.deployment.result import DeploymentResult
from fibonacci.errors import APIError, DeploymentError, NotFoundError
from fibonacci.models.tools import Tool
from fibonacci.models.workflows import Workflow


class Deployments(Resource):
    """Deploy folders of definitions."""

    @property
    def _base_url(self) -> str:
        return self._requestor.config.base_url

    def plan(self, path: str | os.PathLike[str]) -> DeploymentPlan:
        """Return what `apply` would do for a folder. Nothing is written."""
        folder = DeploymentFolder(path)
        tools, reason = self._list_tools() if folder.files() else (None, "")
        definitions, problems = folder.load_definitions(tools)
        if tools is None:
            problems += tools_unchecked(definitions, reason)
        if problems.errors:
            return DeploymentPlan(folder=folder.path, base_url=self._base_url, problems=problems)
        lock = folder.read_lock()
        check_base_url(lock, folder.path, self._base_url)
        workflows = self._read_platform(lock)
        return make_plan(folder.path, self._base_url, definitions, problems, lock, workflows)

    def apply(
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
                self._check_platform(plan)
            return PlanApplication(self._requestor, folder, plan, on_change).run()

    def pull(self, workflow_id: str, path: str | os.PathLike[str], *, overwrite: bool) -> Path:
        """Write a workflow into a file, and record it in the lock file beside it."""
        check_flag("overwrite", overwrite)
        folder, file = split_target(path)
        import_yaml(folder, file)
        workflow = self._send(get_workflow(workflow_id))
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
        removed = [f"{each.name!r} ({each.workflow_id})" for each in plan.changes if each.action == "delete"]
        if removed and not allow_delete:
            raise DeploymentError(
                f"the plan deletes {', '.join(removed)}: pass allow_delete=True if that is meant, else restore the "
                "files. Nothing was done."
            )

    def _check_platform(self, plan: DeploymentPlan) -> None:
        """Refuse a plan whose workflows are not as it saw them, or whose names have been taken."""
        basis = basis_of(plan)
        found = {workflow.id: workflow for workflow in self._read_platform(basis.lock)}
        told = {each.organization_id for each in found.values()} - {None}
        if basis.organization_id is not None and told and basis.organization_id not in told:
            others = " and ".join(sorted(map(repr, told)))
            raise DeploymentError(f"the plan was made for the organization {basis.organization_id!r}, not for {others}")
        known = set[str]() if basis.lock is None else basis.lock.workflow_ids
        own = {change.workflow_id for change in plan.changes} | known
        names = {change.name for change in plan.changes if step_of(change).content is not None}
        for workflow in found.values():
            if workflow.name in names and workflow.id not in own:
                raise stale_plan(f"another workflow called {workflow.name!r} has appeared ({workflow.id})")
        for change in plan.changes:
            if change.workflow_id is not None and step_of(change).seen is not None:
                check_unchanged(change, found.get(change.workflow_id))

    def _list_tools(self) -> tuple[Iterable[Tool] | None, str]:
        """Return the tools of the platform; None and the reason where they cannot be listed, as by the key's role."""
        try:
            return {tool.name: tool for tool in Tools(self._requestor).list()}.values(), ""
        except APIError as error:  # the plan's next request raises what is wrong with more than the tools
            return None, error.message

    def _read_platform(self, lock: Lock | None) -> list[Workflow]:
        """Return all workflows; with their definitions those that are, or may be, in the lock file."""
        found = {workflow.id: workflow for workflow in self._pager(list_workflows())}
        ids = set[str]() if lock is None else lock.workflow_ids
        names = set[str]() if lock is None else lock.names_of_interrupted
        unknown = {each.id for each in found.values() if each.name in names}
        for workflow_id in sorted(ids | unknown):
            if workflow_id not in found or found[workflow_id].definition is None:
                try:
                    found[workflow_id] = self._send(get_workflow(workflow_id))
                except NotFoundError:
                    found.pop(workflow_id, None)
        return list(found.values())
