"""What a handler is given, the handler type, and what is known of an endpoint."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Generic, NamedTuple

from typing_extensions import TypeVar

from fibonacci.emulator.account import KeyRole
from fibonacci.emulator.engine.environment import Environment
from fibonacci.emulator.engine.scheduler import Scheduler
from fibonacci.emulator.http.bodies import Query, RequestBody
from fibonacci.emulator.http.messages import Reply
from fibonacci.emulator.option_values import PlanName
from fibonacci.emulator.state.store import Store


class RequestContext(NamedTuple):
    """One authenticated request, and what its handler works on.

    Attributes:
        path: The decoded path parameters by name.
        query: The query parameters.
        body: The body, not read yet.
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
    body: RequestBody
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

HandlerT = TypeVar("HandlerT", default=Handler)


@dataclass(frozen=True, slots=True)
class Endpoint(Generic[HandlerT]):
    """Everything known about an endpoint. The tables are at the end of each file of routes.

    Attributes:
        method: The method.
        path: The path below `/v1`, with names in braces, or a whole path of the API of 0.2.
        handler: The handler.
        role: The lowest role that may use it. By default `viewer` to read and `member` to change something. The
            documentation has those of versions, governance and quota. The others are the emulator's choice.
        has_body: Whether it reads a body. What a `GET` or a `DELETE` has as a body is never read.
        query: The query parameters that it reads, if it changes something, so that others are refused before the
            change. For a `GET`, they are those that its handler has read.
        is_served: Whether it does more than refuse.
    """

    method: str
    path: str
    handler: HandlerT
    role: KeyRole | None = None
    has_body: bool = True
    query: Collection[str] = ()
    is_served: bool = True

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def is_read(self) -> bool:
        """Whether its method changes nothing."""
        return self.method == "GET"

    @property
    def lowest_role(self) -> KeyRole:
        """The lowest role that may use it."""
        return self.role or ("viewer" if self.is_read else "member")

    @property
    def reads_body(self) -> bool:
        """Whether it reads a body."""
        return self.has_body and self.method not in ("GET", "DELETE")
