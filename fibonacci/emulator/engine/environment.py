"""What the workflows of an emulator can reach."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from fibonacci.emulator.engine.emulator_warnings import WarningLog
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
        organization: The organization that all workflows belong to.
    """

    store: Store
    env: Variables
    secrets: Secrets
    handlers: UserHandlers = field(default_factory=UserHandlers)
    models: list[str] = field(default_factory=lambda: list(KNOWN_MODELS))
    warnings: WarningLog = field(default_factory=WarningLog)
    scripts: ScriptQueue = field(default_factory=ScriptQueue)
    organization: str = "default"

    def refusal_of(self, tool: str, role: str) -> str | None:
        """Return why a role may not use a tool, or `None` if it may.

        An override for the role takes precedence. Without one, the policy must be enabled and allow the role. Without
        either, the tool is allowed.

        Args:
            tool: The name of the tool, in the underscore spelling.
            role: The role.
        """
        override = self.store.role_overrides.get(self.organization, role, tool)
        policy = self.store.tool_policies.get(self.organization, tool)
        refusal = None
        if override is not None:
            if not override["enabled"]:
                refusal = f"role-policy-overrides/{role}/{tool} is off for the role {role}"
        elif policy is not None and not policy["enabled"]:
            refusal = f"tool-policies/{tool} is off"
        elif policy is not None and role not in policy["allowed_roles"]:
            refusal = f"tool-policies/{tool} does not allow the role {role}"
        return None if refusal is None else f"The tool {tool!r} is refused: {refusal}."
