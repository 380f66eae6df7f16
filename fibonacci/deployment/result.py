"""What an apply has done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from fibonacci._text import visible
from fibonacci.deployment.change import DeploymentAction, DeploymentChange
from fibonacci.models.workflows import Workflow

_DONE: Final[dict[DeploymentAction, str]] = {
    "record": "recorded",
    "update": "updated",
    "create": "created",
    "delete": "deleted",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentResult:
    """What `client.workflows.apply` has done, which is all of its plan.

    Its text has a line for each change.

    Example:
        ```python
        from pathlib import Path

        Path("flows").mkdir()
        Path("flows", "hello.json").write_text('{"nodes": [{"id": "hi", "type": "llm", "instruction": "Say hi"}]}')
        result = client.workflows.apply(client.workflows.plan("flows"))
        print(result.workflows["hello.json"].id)
        ```
    """

    folder: Path
    """The absolute path of the folder."""

    changes: tuple[DeploymentChange, ...]
    """What was done, in order."""

    workflows: Mapping[str, Workflow]
    """The workflows that were created or updated, by the name of the file."""

    def __bool__(self) -> NoReturn:
        raise TypeError("a DeploymentResult is neither true nor false: result.changes has what was done")

    def __str__(self) -> str:
        if not self.changes:
            return "Nothing was done."
        return "\n".join(map(done_text, self.changes))

    def __repr__(self) -> str:
        return f"<DeploymentResult {str(self.folder)!r}: {len(self.changes)} done>"


def done_text(change: DeploymentChange) -> str:
    """Return what was done, in a line."""
    where = change.workflow_id or "in the lock file"
    return f"{_DONE[change.action]} {visible(change.file)}  {change.name!r} ({where})"
