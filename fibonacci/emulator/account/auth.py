"""API keys: who the caller is, and which role the caller has.

The keys of all roles derive from the owner's by HMAC-SHA256: `fib-viewer-<hex>` for a role, `fib-member-ada-<hex>` for
a person with a role. So none has to be registered, and other processes with the owner's key derive the same. Nobody can
derive the owner's key, or that of another role, from one of them.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from typing import Final, Literal

from fibonacci.emulator.http.errors import unauthorized

KeyRole = Literal["owner", "admin", "member", "viewer"]
"""The role of a key. `fibonacci.models.Role` is open for further roles of the platform; the emulator has these four."""

ROLES: Final[tuple[KeyRole, ...]] = ("viewer", "member", "admin", "owner")
"""Every role includes the permissions of those before it."""

_NAME: Final = re.compile(r"[A-Za-z0-9_.@-]{1,64}")
DERIVED_KEY: Final = re.compile(rf"fib-({'|'.join(ROLES)})(?:-({_NAME.pattern}))?-[0-9a-f]{{32}}")
"""A key of a role or of a person, as a text has it."""
_DIGITS: Final = 32  # of the digest, in hexadecimal
_MANY: Final = 1_000  # verified keys in the cache, which is cleared beyond that
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


SEED: Final = Actor("seed", "owner")
"""Who changes what a seed has, in the audit log."""


class ApiKeys:
    """All keys that an emulator accepts.

    Args:
        owner: The owner's key.
    """

    def __init__(self, owner: str) -> None:
        self.owner: Final = owner
        self._secret = owner.encode("utf-8", "surrogatepass")
        # A dictionary finds a key by a hash with a random seed: how long that takes says nothing of the key.
        self._known = {owner: Actor("owner", "owner")}
        self._people: dict[str, KeyRole] = {}

    def of(self, role: KeyRole, name: str | None = None) -> str:
        """Return the key of a role, or of a person with that role.

        Raises:
            ValueError: If there is no such role, or a key cannot contain the name.
        """
        if role not in ROLES:
            raise ValueError(f"role is one of {', '.join(ROLES)}, not {role!r}")
        if name is None:
            return self.owner if role == "owner" else self._derived(role, None)
        if not _NAME.fullmatch(name):
            raise ValueError(f"a name is 1 to 64 letters, digits, '_', '.', '@' and '-', not {name!r}")
        self._people[name] = role
        return self._derived(role, name)

    def role_of(self, name: str) -> KeyRole | None:
        """Return a role by its own name, or that of a person, who has or has used a key; `None` if there is none."""
        return _BY_TEXT.get(name) or self._people.get(name)

    def find(self, key: str) -> Actor | None:
        """Return the actor of a key; `None` if the key is unknown."""
        actor = self._known.get(key)
        if actor is None:
            actor = self._verified(key)
            if actor is None:
                return None
            if len(self._known) >= _MANY:
                self._known = {self.owner: self._known[self.owner]}
            self._known[key] = actor
        if actor.name != actor.role:
            self._people[actor.name] = actor.role
        return actor

    def _verified(self, key: str) -> Actor | None:
        found = DERIVED_KEY.fullmatch(key)
        if found is None:
            return None
        role, name = _BY_TEXT[found[1]], found[2]
        if (role == "owner" and name is None) or not hmac.compare_digest(key, self._derived(role, name)):
            return None
        return Actor(name or role, role)

    def _derived(self, role: KeyRole, name: str | None) -> str:
        label = role if name is None else f"{role}-{name}"
        digest = hmac.digest(self._secret, f"fibonacci emulator key: {label}".encode(), "sha256").hex()
        return f"fib-{label}-{digest[:_DIGITS]}"

    def is_owner(self, key: str) -> bool:
        """Return whether a key is the owner's own, rather than one that derives from it."""
        return hmac.compare_digest(key.encode("utf-8", "surrogatepass"), self._secret)

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
