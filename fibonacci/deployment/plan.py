"""A deployment plan: what `apply` would do, and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from fibonacci.definitions.comparison.diff import DefinitionDiff
from fibonacci.deployment.content import SeenWorkflow, WorkflowContent
from fibonacci.deployment.lock import Lock, LockEntry

Action = Literal["record", "update", "create", "delete"]
"""What is done, in the order in which a plan does it. `record` changes the lock file only."""


@dataclass(frozen=True, slots=True)
class DeploymentChange:
    """One thing that `apply` would do."""

    action: Action
    """What is done: `create`, `update` or `delete` a workflow, or `record`: change the lock file only."""

    file: str
    """The name of the file; for a removal, of the one that is gone."""

    name: str
    """The name that the workflow will have; for a removal, the one it has."""

    workflow_id: str | None
    """The id of the workflow; None for one that is created."""

    reason: str
    """Why, in words."""

    diff: DefinitionDiff = field(default=DefinitionDiff(), repr=False)
    """How the definition on the platform will change."""

    content: WorkflowContent | None = field(default=None, repr=False)
    """What is sent; None where nothing is."""

    seen: SeenWorkflow | None = field(default=None, repr=False)
    """The workflow as the plan saw it; `apply` refuses when it has changed since. None where there is none."""

    entry: LockEntry | None = field(default=None, repr=False)
    """For `record`, the new entry in the lock file, None for none; for the creation of a workflow that was
    interrupted, its entry."""

    previous_file: str | None = None
    """The name that the file had at the last apply; None when it had the same."""

    def __str__(self) -> str:
        from fibonacci.deployment.plan_text import change_text

        return change_text(self)


@dataclass(frozen=True, slots=True)
class DeploymentPlan:
    """The changes that make the platform match the definitions in a folder.

    It is true when there is anything to do, and its text lists the changes. It belongs to one folder and one platform.
    It can be pickled, and applied by another process.
    """

    folder: Path
    """The absolute path of the folder."""

    base_url: str
    """The base URL of the platform."""

    changes: tuple[DeploymentChange, ...] = ()
    """What would be done, in order."""

    unchanged: tuple[str, ...] = ()
    """The files whose workflows are left alone."""

    organization: str | None = None
    """The id of the organization; None when the platform has not sent it."""

    lock: Lock | None = field(default=None, repr=False)
    """The lock file as the plan found it; `apply` refuses when it has changed since. None when there was none."""

    @property
    def summary(self) -> str:
        """The number of changes of each kind, such as `1 to create, 2 to update, 5 unchanged`."""
        from fibonacci.deployment.plan_text import plan_summary

        return plan_summary(self)

    def __bool__(self) -> bool:
        return bool(self.changes)

    def __str__(self) -> str:
        from fibonacci.deployment.plan_text import plan_text

        return plan_text(self)

    def __repr__(self) -> str:
        return f"<DeploymentPlan {str(self.folder)!r}: {self.summary}>"
