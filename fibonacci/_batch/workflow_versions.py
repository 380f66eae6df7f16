"""Which version of the workflow rows run, and whether it changes while they do. Pure: time is an argument."""

from __future__ import annotations

from typing import Final

from fibonacci._batch.rows import Row
from fibonacci.models.executions import Execution

_READ_EVERY: Final = 60.0
"""Seconds between two readings of the workflow, where executions don't tell their version."""


class WorkflowVersions:
    """Follows the version of a workflow through a run.

    Args:
        version: The version when the run began, as a text. None if the platform states none.
        now: Seconds on the monotonic clock.

    Attributes:
        current: The version that rows started now are taken to run.
    """

    def __init__(self, version: str | None, now: float) -> None:
        self.current: str | None = version
        self._seen = {version}
        self._is_told = False
        self._read_at = now

    def must_read(self, now: float) -> bool:
        """Whether the workflow should be read to see its version, as rows are started now."""
        return self.current is not None and not self._is_told and now - self._read_at >= _READ_EVERY

    def reading(self, now: float) -> None:
        """Record that the workflow is being read."""
        self._read_at = now

    def has_changed(self, version: str | None) -> bool:
        """Take in the version of the workflow, or of a row started in this run, and return whether it is a new one."""
        if version is None or version in self._seen:
            return False
        self._seen.add(version)
        is_first, self.current = self.current is None, version
        return not is_first

    def told_by(self, row: Row, execution: Execution) -> str | None:
        """Take in an execution of a row, and return its version if this run started the row.

        If an earlier run may have started it, its version says nothing about now.
        """
        version = version_text((execution.model_extra or {}).get("workflow_version"))
        if version is None:
            return None
        row.version = version
        if row.attempts != 1 or row.is_uncertain:
            return None
        self._is_told = True
        return version


def version_text(version: object) -> str | None:
    """Return a version as a text, or None if the platform states none."""
    return str(version) if isinstance(version, int | str) and not isinstance(version, bool) else None
