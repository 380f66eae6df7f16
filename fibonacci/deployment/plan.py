"""A deployment plan: what `apply` would do, and why."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

from fibonacci.definitions.comparison.diff_text import visible
from fibonacci.deployment.change import Action, DeploymentChange
from fibonacci.deployment.lock import Lock


@dataclass(frozen=True, slots=True)
class DeploymentPlan:
    """The changes that make the platform match the definitions in a folder.

    It is true when there is anything to do, and its text lists the changes. It belongs to one folder and one platform.
    It can be pickled, and applied by another process.

    Example:
        ```python
        from pathlib import Path

        Path("flows").mkdir()
        Path("flows", "hello.json").write_text('{"nodes": [{"id": "hi", "type": "llm", "instruction": "Say hi"}]}')
        plan = client.workflows.plan("flows")
        print(plan.summary)  # prints: 1 to create, 0 unchanged
        if plan:
            client.workflows.apply(plan)
        ```
    """

    folder: Path
    """The absolute path of the folder."""

    base_url: str
    """The base URL of the platform that it was made for."""

    changes: tuple[DeploymentChange, ...] = ()
    """What would be done, in order."""

    unchanged: tuple[str, ...] = ()
    """The names of the files whose workflows are left alone, in alphabetical order."""

    organization_id: str | None = None
    """The id of the organization; None when the platform has not sent it."""

    lock: Lock | None = field(default=None, repr=False)
    """The lock file as the plan found it; `apply` refuses when it has changed since. None when there was none."""

    @property
    def summary(self) -> str:
        """The number of changes of each kind, such as `1 to create, 2 to update, 5 unchanged`."""
        actions = Counter(change.action for change in self.changes)
        parts = [f"{actions[action]} to {action}" for action in get_args(Action) if actions[action]]
        return ", ".join([*parts, f"{len(self.unchanged)} unchanged"])

    def __bool__(self) -> bool:
        return bool(self.changes)

    def __str__(self) -> str:
        return self.text()

    def text(self, *, detailed: bool = True) -> str:
        """Return the changes as text.

        Args:
            detailed: Whether the differences between the definitions are part of it.

        Returns:
            The folder and the platform, a paragraph for each change, and the summary.
        """
        place = f"{visible(str(self.folder))} at {self.base_url}"
        if not self:
            files = "1 file" if len(self.unchanged) == 1 else f"{len(self.unchanged)} files"
            return f"No changes: {place} matches its {files}."
        width = max(len(visible(change.file)) for change in self.changes)
        changes = "\n\n".join(change.text(width, detailed=detailed) for change in self.changes)
        return f"Plan for {place}\n\n{changes}\n\nPlan: {self.summary}."

    def __repr__(self) -> str:
        return f"<DeploymentPlan {str(self.folder)!r}: {self.summary}>"


def check_plan(plan: object) -> None:
    """Refuse what is no plan.

    Raises:
        TypeError: If it is something else.
    """
    if not isinstance(plan, DeploymentPlan):
        raise TypeError(f"plan must be what workflows.plan(folder) returns, not {type(plan).__name__}")
