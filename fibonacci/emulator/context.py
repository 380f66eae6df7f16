"""What a handler is given, and what it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fibonacci.emulator.account.auth import KeyRole
from fibonacci.emulator.account.plans import PlanName
from fibonacci.emulator.engine.scheduler import Scheduler
from fibonacci.emulator.http.query import Query
from fibonacci.emulator.http.replies import Reply
from fibonacci.emulator.state.store import Store


@dataclass(frozen=True, slots=True)
class RequestContext:
    """One request on its way to its handler.

    Attributes:
        path: The decoded parameters of the path by name.
        query: The parameters of the query.
        body: The raw body.
        now: The time of the request in Unix seconds.
        actor: Who calls, as the audit log names it.
        role: The role of who calls.
        organization: The organization that all workflows belong to.
        plan: The plan of the account.
        store: All state.
        engine: Runs workflows.
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


Handler = Callable[[RequestContext], Reply]
"""Checks everything first and changes the store last, so that an error changes nothing."""
