"""API keys: who the caller is, and which role the caller has.

The keys of all roles derive from the owner's: `<key>-viewer` for a role, `<key>-member-ada` for a person with a role.
So none has to be registered, and other processes can derive them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from fibonacci.emulator.http.errors import unauthorized

KeyRole = Literal["owner", "admin", "member", "viewer"]
"""The role of a key. `fibonacci.models.Role` is open for further roles of the platform; the emulator has these four."""

ROLES: Final[tuple[KeyRole, ...]] = ("viewer", "member", "admin", "owner")
"""Every role includes the permissions of those before it."""

_NAME: Final = re.compile(r"[A-Za-z0-9_.@-]{1,64}")
_BY_TEXT: Final[dict[str, KeyRole]] = {role: role for role in ROLES}


@dataclass(frozen=True, slots=True)
class Actor:
    """The caller.

    Attributes:
        name: The name in the audit log: the person's, else the role's.
        role: The role, which decides about permissions.
    """

    name: str
    role: KeyRole

    def may(self, lowest: KeyRole) -> bool:
        """Return whether the role is `lowest` or above it."""
        return ROLES.index(self.role) >= ROLES.index(lowest)


class ApiKeys:
    """All keys that an emulator accepts.

    Args:
        owner: The owner's key.
    """

    def __init__(self, owner: str) -> None:
        self.owner: Final = owner
        self._known = {owner: Actor("owner", "owner")}
        self._prefix = f"{owner}-"
        self._people: dict[str, KeyRole] = {}

    def of(self, role: KeyRole, name: str | None = None) -> str:
        """Return the key of a role, or of a person with that role.

        Raises:
            ValueError: If there is no such role, or a key cannot contain the name.
        """
        if role not in ROLES:
            raise ValueError(f"role is one of {', '.join(ROLES)}, not {role!r}")
        if name is None:
            return self.owner if role == "owner" else self._prefix + role
        if not _NAME.fullmatch(name):
            raise ValueError(f"a name is 1 to 64 letters, digits, '_', '.', '@' and '-', not {name!r}")
        self._people[name] = role
        return f"{self._prefix}{role}-{name}"

    def role_of(self, name: str) -> KeyRole | None:
        """Return a role by its own name, or that of a person, who has or has used a key; `None` if there is none."""
        return _BY_TEXT.get(name) or self._people.get(name)

    def find(self, key: str) -> Actor | None:
        """Return the actor of a key; `None` if the key is unknown."""
        actor = self._known.get(key)
        if actor is not None or not key.startswith(self._prefix):
            return actor
        text, dash, name = key[len(self._prefix) :].partition("-")
        role = _BY_TEXT.get(text)
        if role is None or (dash and not _NAME.fullmatch(name)):
            return None
        if name:
            self._people[name] = role
        return Actor(name or role, role)

    def authenticate(self, authorization: str) -> tuple[str, Actor]:
        """Return the key and the actor of an `Authorization` header.

        Raises:
            HTTPException: 401 if the key is missing or unknown.
        """
        scheme, _, key = authorization.partition(" ")
        key = key.strip()
        if scheme.lower() != "bearer" or not key:
            raise unauthorized("The key is missing: send the header Authorization: Bearer <key>.")
        actor = self.find(key)
        if actor is None:
            raise unauthorized("The key is not known to this emulator.")
        return key, actor
