"""Warnings: what in a workflow or a request is unknown, not supported, or has no effect.

They are kept and logged. A strict emulator refuses instead.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from fibonacci._texts.logging import log
from fibonacci._texts.text import printable_line
from fibonacci.emulator.http.messages import Detail, HTTPException, invalid

KEPT_WARNINGS: Final = 1000
"""The largest number of warnings. Later ones are logged only."""

_log: Final = logging.getLogger("fibonacci.emulator")


@dataclass(frozen=True, slots=True, kw_only=True)
class EmulatorWarning:
    """Something in a workflow or a request that is unknown, not supported, or has no effect.

    Attributes:
        code: The kind, such as `unknown_tool`.
        location: The place, such as `workflows/wf-abc123 nodes[0].tool`.
        message: What is wrong there.

    Example:
        >>> from fibonacci.emulator import Emulator
        >>> emulator = Emulator()
        >>> definition = {"nodes": [{"id": "find", "type": "tool", "tool": "serch"}]}
        >>> workflow = emulator.client().workflows.create(name="Search", definition=definition)
        >>> execution = emulator.client().workflows.execute(workflow.id)
        >>> [warning.code for warning in emulator.warnings]
        ['unknown_tool']
    """

    code: str
    location: str
    message: str

    def __str__(self) -> str:
        return printable_line(f"{self.location}: {self.message} ({self.code})")


def place_in(workflow_id: str, place: str) -> str:
    """Return the location of a warning about a place in a workflow's definition, or about the whole if it's empty."""
    return f"workflows/{workflow_id} {place}".rstrip()


def _invalid(warnings: Sequence[EmulatorWarning]) -> HTTPException:
    return invalid(*(Detail(warning.location, f"{warning.message} ({warning.code})") for warning in warnings))


class WarningLog:
    """The warnings of one emulator, each once.

    Args:
        strict: Whether to refuse instead of warning.
    """

    def __init__(self, *, strict: bool = False) -> None:
        self.strict: Final = strict
        self._kept: dict[EmulatorWarning, None] = {}  # a dictionary as an ordered set
        self._lock = threading.Lock()

    def report(
        self,
        warnings: Sequence[EmulatorWarning],
        refusal: Callable[[Sequence[EmulatorWarning]], HTTPException] = _invalid,
    ) -> None:
        """Keep and log new warnings.

        Raises:
            HTTPException: In strict mode, if there is any warning: the refusal, by default a 422 with all of them.
        """
        if warnings and self.strict:
            raise refusal(warnings)
        self.note(warnings)

    def note(self, warnings: Sequence[EmulatorWarning]) -> None:
        """Keep and log new warnings, but refuse nothing, even in strict mode."""
        for warning in warnings:
            with self._lock:
                is_new = warning not in self._kept
                if is_new and len(self._kept) < KEPT_WARNINGS:
                    self._kept[warning] = None
            if is_new:
                log(_log, logging.WARNING, "%s", str(warning))

    def all(self) -> list[EmulatorWarning]:
        """Return the warnings, the oldest first."""
        with self._lock:
            return list(self._kept)

    def clear(self) -> None:
        """Drop all warnings."""
        with self._lock:
            self._kept.clear()
