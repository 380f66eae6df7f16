"""The account: API keys and their roles, the plan, and its rate limit, which can be changed while the emulator runs.

All keys share the limits of the plan. Counts are in memory, so a request that only reads doesn't write to the disk. A
restart begins new windows, and if several processes share a file, each counts only its own requests.

The keys of all roles are derived from the owner's by HMAC-SHA256: `fib-viewer-<hex>` for a role, `fib-member-ada-<hex>`
for a person with a role. So no key needs to be registered, and other processes with the owner's key derive the same
keys. Nobody can derive the owner's key, or that of another role, from one of them.
"""

from __future__ import annotations

import hmac
import math
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, cast

from fibonacci.emulator.http.messages import Detail, HTTPException, too_many_requests, unauthorized
from fibonacci.emulator.option_values import KEPT, PlanName
from fibonacci.emulator.state.store import Store


@dataclass(frozen=True, slots=True)
class AccountPlan:
    """The limits of a plan.

    Attributes:
        per_minute: Requests per minute.
        per_day: Requests per day, or `None` for no limit.
        quota: The plan's own limits.
        ceilings: The highest values that an organization's owner may set.
    """

    per_minute: int
    per_day: int | None
    quota: Mapping[str, int]
    ceilings: Mapping[str, int]


def _quota(runs: int, concurrent: int, memory: int) -> dict[str, int]:
    return {"workflow_runs_per_hour": runs, "concurrent_executions": concurrent, "memory_mb": memory}


PLANS: Final[Mapping[PlanName, AccountPlan]] = {
    "free": AccountPlan(60, 1_000, _quota(60, 2, 256), _quota(120, 5, 512)),
    "pro": AccountPlan(300, 50_000, _quota(1_000, 20, 2_048), _quota(5_000, 100, 8_192)),
    "enterprise": AccountPlan(
        1_000_000, None, _quota(10_000_000, 1_000, 65_536), _quota(100_000_000, 10_000, 1_048_576)
    ),
}


DAY: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Rate:
    """A number of requests per window.

    Attributes:
        limit: Requests per window.
        seconds: The length of the window.
    """

    limit: int
    seconds: float


class Allowance(NamedTuple):
    """What remains of a rate limit.

    Attributes:
        limit: Requests per window.
        remaining: Remaining requests of this window.
        reset: When the next window begins, in whole Unix seconds, rounded up.
        refusal: The error, if this request exceeded the limit.
    """

    limit: int
    remaining: int
    reset: int
    refusal: HTTPException | None = None


@dataclass(slots=True)
class Window:
    """How much of a window is used.

    Attributes:
        rate: The limit.
        used: The requests of this window.
        ends: The end of the window in Unix seconds, or `None` if none has begun.
    """

    rate: Rate
    used: int = 0
    ends: float | None = None

    def enter(self, now: float) -> bool:
        """Begin a new window if the last one is over, and return whether it allows one more request."""
        if self.ends is None or now >= self.ends:
            self.used, self.ends = 0, now + self.rate.seconds
        return self.used < self.rate.limit


class RateLimits:
    """Counts requests per window, a minute by default, and per day, safe to use from threads.

    Args:
        rate: The limit per window.
        per_day: The limit per day, or `None` for no limit.
    """

    def __init__(self, rate: Rate, per_day: int | None) -> None:
        self._lock = threading.Lock()
        self.change(rate, per_day)

    def change(self, rate: Rate, per_day: int | None) -> None:
        """Set other limits, and start every window over."""
        with self._lock:
            self._rate, self._per_day = rate, per_day
            self._windows = [Window(rate), *([] if per_day is None else [Window(Rate(per_day, DAY))])]

    def reset(self) -> None:
        """Start every window over."""
        self.change(self._rate, self._per_day)

    def take(self, now: float, skipped: float = 0.0) -> Allowance:
        """Count one request, unless it is refused.

        Args:
            now: The time in Unix seconds.
            skipped: How many of those seconds were skipped. They shift the windows without ending any.
        """
        now -= skipped
        with self._lock:
            full = [window for window in self._windows if not window.enter(now)]
            if full:
                return _refused(full[-1], now, skipped, is_daily=full[-1] is not self._windows[0])
            for window in self._windows:
                window.used += 1
            return _remaining(self._windows[0], skipped)

    def untouched(self, now: float) -> Allowance:
        """Return the allowance of an unused key, for responses that belong to no key."""
        return Allowance(self._rate.limit, self._rate.limit, math.ceil(now + self._rate.seconds))


def _remaining(window: Window, skipped: float, refusal: HTTPException | None = None) -> Allowance:
    assert window.ends is not None
    limit = window.rate.limit
    return Allowance(limit, limit - window.used, math.ceil(window.ends + skipped), refusal)


def _refused(window: Window, now: float, skipped: float, *, is_daily: bool) -> Allowance:
    assert window.ends is not None
    limit, seconds, wait = window.rate.limit, window.rate.seconds, max(1, math.ceil(window.ends - now))
    if is_daily:
        detail = Detail("requests_per_day", f"is {limit}, and used up")
        refusal = too_many_requests("quota_exceeded", f"The quota of {limit} requests a day is used up.", wait, detail)
    else:
        message = f"More than {limit} requests in {seconds:g} seconds."
        refusal = too_many_requests("rate_limit_exceeded", message, wait)
    return _remaining(window, skipped, refusal)


class Account:
    """The plan of the emulator's organization, its rate limit, and how many executions are kept.

    Args:
        plan: The plan.
        rate: The limit of a window. It replaces the plan's requests per minute.
        keep: How many finished executions, and responses to idempotency keys, to keep, or `None` for all.

    Attributes:
        limits: Counts the requests.
        plan: The plan: rate limits and quotas.
        own_rate: The limit that replaces the plan's, or `None` if there is none.
        rate: The limit of a window.
        keep: The argument, or what `set_keep` set last.

    Raises:
        ValueError: If the plan is unknown, or the rate or `keep` is not positive.
    """

    def __init__(self, plan: PlanName = "enterprise", rate: Rate | None = None, keep: int | None = KEPT) -> None:
        self.limits: Final = RateLimits(Rate(1, 60.0), None)
        self.set_limits(plan, rate)
        self.set_keep(keep)

    def set_limits(self, plan: PlanName, own_rate: Rate | None) -> None:
        """Set the plan, and optionally a limit that replaces the plan's. Every window starts over.

        Raises:
            ValueError: If the plan is unknown, or the rate is not positive.
        """
        if plan not in PLANS:
            raise ValueError(f"plan must be one of {', '.join(PLANS)}, not {plan!r}")
        if own_rate is not None and (own_rate.limit < 1 or not 0 < own_rate.seconds < math.inf):
            raise ValueError("rate_limit must be a number of requests and a number of seconds, both positive")
        self.plan: PlanName = plan
        self.own_rate: Rate | None = own_rate
        self.rate: Rate = own_rate or Rate(PLANS[plan].per_minute, 60.0)
        self.limits.change(self.rate, PLANS[plan].per_day)

    def set_keep(self, keep: int | None) -> None:
        """Set how many finished executions are kept.

        Raises:
            ValueError: If it is less than 1.
        """
        if keep is not None and keep < 1:
            raise ValueError(f"keep must be a number of executions, at least 1, or None for all, not {keep!r}")
        self.keep: int | None = keep

    def quota(self, store: Store, organization: str) -> dict[str, int]:
        """Return the quota of an organization: its overrides, else the limits of the plan."""
        return {**PLANS[self.plan].quota, **overrides_of(store, organization)}


def overrides_of(store: Store, organization: str) -> dict[str, int]:
    """Return the overrides of an organization's quota, by name."""
    return cast("dict[str, int]", store.quota_overrides.get(organization) or {})


KeyRole = Literal["owner", "admin", "member", "viewer"]
"""The roles that a key of the emulator can have.

`fibonacci.models.Role` also accepts roles that the platform may add later.
"""

ROLES: Final[tuple[KeyRole, ...]] = ("viewer", "member", "admin", "owner")
"""Every role includes the permissions of those before it."""

_NAME: Final = re.compile(r"[A-Za-z0-9_.@-]{1,64}")
DERIVED_KEY: Final = re.compile(rf"fib-({'|'.join(ROLES)})(?:-({_NAME.pattern}))?-[0-9a-f]{{32}}")
"""Matches the key of a role or a person in a text."""
_DIGITS: Final = 32  # of the digest, in hexadecimal
_BY_TEXT: Final[dict[str, KeyRole]] = {role: role for role in ROLES}


@dataclass(frozen=True, slots=True)
class Actor:
    """The caller.

    Attributes:
        name: The name in the audit log: the person's, else the role's.
        role: The role, which decides the permissions.
    """

    name: str
    role: KeyRole

    def may(self, lowest: KeyRole) -> bool:
        """Return whether the role is `lowest` or above it."""
        return ROLES.index(self.role) >= ROLES.index(lowest)


OWNER: Final = Actor("owner", "owner")

SEED: Final = Actor("seed", "owner")
"""The actor that the audit log names for changes made by a seed."""


class ApiKeys:
    """All keys that an emulator accepts.

    Args:
        owner: The owner's key.
    """

    def __init__(self, owner: str) -> None:
        self.owner: Final = owner
        self._secret = owner.encode()
        self._people: dict[str, KeyRole] = {}

    def of(self, role: KeyRole, name: str | None = None) -> str:
        """Return the key of a role, or of a person with that role.

        Raises:
            ValueError: If the role doesn't exist, or a key can't contain the name.
        """
        if role not in ROLES:
            raise ValueError(f"role must be one of {', '.join(ROLES)}, not {role!r}")
        if name is None:
            return self.owner if role == "owner" else self._derived(role, None)
        if not _NAME.fullmatch(name):
            raise ValueError(f"a name must be 1 to 64 letters, digits, '_', '.', '@' and '-', not {name!r}")
        self._people[name] = role
        return self._derived(role, name)

    @property
    def people(self) -> Mapping[str, KeyRole]:
        """The roles of the people who have or have used a key, by name, as far as this process knows."""
        return dict(self._people)

    def role_of(self, name: str) -> KeyRole | None:
        """Return the role of this name, or of the person who has or has used a key in this name, or `None`."""
        return _BY_TEXT.get(name) or self._people.get(name)

    def find(self, key: str) -> Actor | None:
        """Return the actor of a key, or `None` if the key is unknown."""
        if self.is_owner(key):
            return OWNER
        match = DERIVED_KEY.fullmatch(key)
        if match is None:
            return None
        role, name = _BY_TEXT[match[1]], match[2]
        if (role == "owner" and name is None) or not hmac.compare_digest(key, self._derived(role, name)):
            return None
        if name is not None:
            self._people[name] = role
        return Actor(name or role, role)

    def _derived(self, role: KeyRole, name: str | None) -> str:
        label = role if name is None else f"{role}-{name}"
        digest = hmac.digest(self._secret, f"fibonacci emulator key: {label}".encode(), "sha256").hex()
        return f"fib-{label}-{digest[:_DIGITS]}"

    def is_owner(self, key: str) -> bool:
        """Return whether a key is the owner's, and not one that is derived from it."""
        return hmac.compare_digest(key.encode(), self._secret)

    def authenticate(self, authorization: str) -> tuple[str, Actor]:
        """Return the key and the actor of an `Authorization` header.

        Raises:
            HTTPException: 401 if the key is missing or unknown.
        """
        scheme, _, key = authorization.partition(" ")
        key = key.strip()
        if scheme.lower() != "bearer" or not key:
            raise unauthorized("The API key is missing: send the header Authorization: Bearer <key>.")
        actor = self.find(key)
        if actor is None:
            raise unauthorized("This emulator does not know the API key.")
        return key, actor
