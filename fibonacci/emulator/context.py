"""What a handler is given, and the handler type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fibonacci.emulator.account import KeyRole
from fibonacci.emulator.engine.environment import Environment
from fibonacci.emulator.engine.scheduler import Scheduler
from fibonacci.emulator.http.bodies import Query
from fibonacci.emulator.http.replies import Reply
from fibonacci.emulator.option_values import PlanName
from fibonacci.emulator.state.store import Store


@dataclass(frozen=True, slots=True)
class RequestContext:
    """One authenticated request, and what its handler works on.

    Attributes:
        path: The decoded path parameters by name.
        query: The query parameters.
        body: The raw body.
        now: The time of the request in Unix seconds.
        actor: The caller's name in the audit log.
        role: The caller's role.
        organization: The organization that all workflows belong to.
        plan: The plan of the account.
        store: All state.
        scheduler: Runs workflows.
    """

    path: Mapping[str, str]
    query: Query
    body: bytes
    now: float
    actor: str
    role: KeyRole
    organization: str
    plan: PlanName
    store: Store
    scheduler: Scheduler

    @property
    def environment(self) -> Environment:
        """What workflows can reach, the user's handlers among it."""
        return self.scheduler.environment


Handler = Callable[[RequestContext], Reply]
"""Validates everything first and changes the store last, so that an error changes nothing."""
