"""What the workflows of an emulator can reach."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from fibonacci.emulator.engine.emulator_warnings import EmulatorWarning, WarningLog
from fibonacci.emulator.engine.scripts import ScriptQueue
from fibonacci.emulator.engine.user_handlers import UserHandlers
from fibonacci.emulator.engine.variables import Secrets, Variables
from fibonacci.emulator.state.store import Store

KNOWN_MODELS: Final = ("claude-haiku-4-5", "claude-sonnet-4-5", "claude-opus-4-5")
"""The models that an emulator knows at first."""


@dataclass(frozen=True, slots=True)
class Environment:
    """What the workflows of an emulator can reach.

    Attributes:
        store: The store, for memory.
        env: The values of `{{env.NAME}}`.
        secrets: The values of `{{secrets.NAME}}`.
        handlers: The user handlers.
        models: The names of the known models.
        warnings: What in workflows and requests is unknown or not supported.
        scripts: The answers that nodes get in sequence.
    """

    store: Store
    env: Variables
    secrets: Secrets
    handlers: UserHandlers = field(default_factory=UserHandlers)
    models: list[str] = field(default_factory=lambda: list(KNOWN_MODELS))
    warnings: WarningLog = field(default_factory=WarningLog)
    scripts: ScriptQueue = field(default_factory=ScriptQueue)

    def warn_of_bad_text(self, place: str) -> None:
        """Warn about a text in the state that was not valid Unicode."""
        message = "it was not valid Unicode, as earlier versions stored it: each half of a character is now U+FFFD"
        self.warnings.keep([EmulatorWarning(code="not_unicode", location=place, message=message)])
