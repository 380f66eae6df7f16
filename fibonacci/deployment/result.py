"""What an apply has done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fibonacci.deployment.plan import DeploymentChange
from fibonacci.models.workflows import Workflow


@dataclass(frozen=True, slots=True)
class DeploymentResult:
    """What `client.workflows.apply` has done: all of its plan. It is true when that was anything."""

    folder: Path
    """The absolute path of the folder."""

    changes: tuple[DeploymentChange, ...]
    """What was done, in order."""

    workflows: Mapping[str, Workflow]
    """The workflows that were created or updated, by file."""

    def __bool__(self) -> bool:
        return bool(self.changes)

    def __str__(self) -> str:
        from fibonacci.deployment.plan_text import result_text

        return result_text(self)

    def __repr__(self) -> str:
        return f"<DeploymentResult {str(self.folder)!r}: {len(self.changes)} done>"
