"""API keys: whose they are, and which role they have.

The keys of all roles follow from the owner's, so that nothing has to be registered and other processes can write them
down: `<key>-viewer` for a role, `<key>-member-ada` for a person with a role.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

KeyRole = Literal["owner", "admin", "member", "viewer"]

ROLES: Final[tuple[KeyRole, ...]] = ("viewer", "member", "admin", "owner")
"""Every role may do what those before it may."""

_NAME: Final = re.compile(r"[A-Za-z0-9_.@-]{1,64}")
_BY_TEXT: Final[dict[str, KeyRole]] = {role: role for role in ROLES}


@dataclass(frozen=True, slots=True)
class Actor:
    """Who calls.

    Attributes:
        name: The name in the audit log: the person's, else that of the role.
        role: What decides about permissions.
    """

    name: str
    role: KeyRole

    def may(self, lowest: KeyRole) -> bool:
        """Tell whether this role is that one or above it."""
        return ROLES.index(self.role) >= ROLES.index(lowest)


class ApiKeys:
    """All keys that an emulator accepts."""

    def __init__(self, owner: str) -> None:
        self.owner: Final = owner
        self._known = {owner: Actor("owner", "owner")}
        self._prefix = f"{owner}-"

    def of(self, role: KeyRole, name: str | None = None) -> str:
        """Return the key of a role, or of a person with that role.

        Raises:
            ValueError: When there is no such role, or the name cannot stand in a key.
        """
        if role not in ROLES:
            raise ValueError(f"role is one of {', '.join(ROLES)}, not {role!r}")
        if name is None:
            return self.owner if role == "owner" else self._prefix + role
        if not _NAME.fullmatch(name):
            raise ValueError(f"a name is 1 to 64 letters, digits, '_', '.', '@' and '-', not {name!r}")
        return f"{self._prefix}{role}-{name}"

    def find(self, key: str) -> Actor | None:
        """Return whose key it is, or `None`."""
        actor = self._known.get(key)
        if actor is not None or not key.startswith(self._prefix):
            return actor
        text, dash, name = key[len(self._prefix) :].partition("-")
        role = _BY_TEXT.get(text)
        if role is None or (dash and not _NAME.fullmatch(name)):
            return None
        return Actor(name or role, role)
