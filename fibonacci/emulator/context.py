"""The platform, one request to it, and how the request reaches the handler of its endpoint."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from fibonacci.emulator.account import Account, Actor, ApiKeys, KeyRole
from fibonacci.emulator.engine.emulator_warnings import EmulatorWarning
from fibonacci.emulator.engine.environment import Environment
from fibonacci.emulator.engine.scheduler import Scheduler
from fibonacci.emulator.faults import FaultInjector
from fibonacci.emulator.http.messages import (
    HTTPException,
    Query,
    Reply,
    ServerRequest,
    permission_denied,
    refused,
)
from fibonacci.emulator.http.router import API_PREFIX, Router
from fibonacci.emulator.request_log import RequestLog
from fibonacci.emulator.state.clock import VirtualClock
from fibonacci.emulator.state.records import StoredExecution
from fibonacci.emulator.state.store import Store


@dataclass(frozen=True, kw_only=True)
class Platform:
    """The parts of one emulator.

    Attributes:
        account: The plan, the rate limit, and how many executions are kept.
        keys: The accepted keys.
        store: All state.
        clock: The time.
        environment: What workflows can reach, and the organization that they belong to.
        scheduler: Runs workflows.
        faults: The injected faults.
        log: The recorded requests.
    """

    account: Account
    keys: ApiKeys
    store: Store
    clock: VirtualClock
    environment: Environment
    scheduler: Scheduler
    faults: FaultInjector
    log: RequestLog

    @property
    def organization(self) -> str:
        """The organization that all workflows belong to."""
        return self.environment.organization

    def restore(self, snapshot: bytes) -> None:
        """Replace the state by that of a snapshot (see `Emulator.restore`)."""
        with self.store.transaction():
            self.scheduler.restore(snapshot)
        self.account.limits.reset()

    def reset(self) -> None:
        """Delete all state, recorded requests, injected faults, scripts and warnings."""
        self.store.reset()
        self.forget()

    def forget(self) -> None:
        """Delete what is not part of the state: recorded requests, injected faults, scripts and warnings."""
        self.account.limits.reset()
        self.faults.clear()
        self.log.drop(None)
        self.environment.scripts.clear()
        self.environment.warnings.clear()


class RequestContext(NamedTuple):
    """One authenticated request, and what its handler works on.

    Attributes:
        platform: The platform.
        path: The decoded path parameters by name.
        query: The query parameters.
        body: The body as received.
        now: The time of the request in Unix seconds.
        actor: The caller.
    """

    platform: Platform
    path: Mapping[str, str]
    query: Query
    body: bytes
    now: float
    actor: Actor

    @property
    def store(self) -> Store:
        """All state."""
        return self.platform.store

    @property
    def environment(self) -> Environment:
        """What workflows can reach."""
        return self.platform.environment

    @property
    def organization(self) -> str:
        """The organization that all workflows belong to."""
        return self.platform.organization


class RunReply(NamedTuple):
    """A reply that shows an execution, made after waiting for the execution to end.

    Attributes:
        execution: The execution as it is now.
        show: Returns the reply, from the execution and the time.
    """

    execution: StoredExecution
    show: Callable[[StoredExecution, float], Reply]


Handler = Callable[[RequestContext], Reply | RunReply]
"""Validates everything first and changes the store last, so that an error changes nothing."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Everything known about an endpoint. The tables are at the end of each file of routes.

    Attributes:
        method: The method.
        path: The path below `/v1`, with names in braces, or a whole path of the API of 0.2.
        handler: The handler.
        role: The lowest role that may use it. By default `viewer` to read and `member` to change something. Those for
            versions, governance and quota are documented. The others are the emulator's choice.
        query: The query parameters that it reads, declared if it changes something, so that others are refused before
            the change. For a `GET`, they are whatever its handler reads.
    """

    method: str
    path: str
    handler: Handler
    role: KeyRole | None = None
    query: Collection[str] = ()

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def lowest_role(self) -> KeyRole:
        """The lowest role that may use it."""
        return self.role or ("viewer" if self.method == "GET" else "member")


def router_of(endpoints: Iterable[Endpoint], prefix: str = API_PREFIX) -> Router[Endpoint]:
    """Return the router of endpoints."""
    return Router(((endpoint.method, endpoint.path, endpoint) for endpoint in endpoints), prefix)


def find(router: Router[Endpoint], request: ServerRequest, actor: Actor) -> tuple[Endpoint, Mapping[str, str]]:
    """Return the endpoint of a request and its path parameters, if the actor's role may use it.

    The body of the request doesn't matter.

    Raises:
        HTTPException: If the endpoint doesn't exist, or the role may not use it (403).
    """
    endpoint, path = router.find(request.method, request.target.partition("?")[0])
    if not actor.may(endpoint.lowest_role):
        raise permission_denied(str(endpoint), actor.role, endpoint.lowest_role)
    return endpoint, path


_METHODS_WITH_BODY: Final = ("POST", "PUT", "PATCH")


def handle(
    platform: Platform, router: Router[Endpoint], request: ServerRequest, actor: Actor, now: float
) -> Reply | RunReply | HTTPException:
    """Let its endpoint handle a request. An error response is returned, not raised, so that earlier changes are stored.

    Raises:
        Exception: Any other error, so that the transaction around it changes nothing.
    """
    query = request.target.partition("?")[2]
    try:
        endpoint, path = find(router, request, actor)
        is_read = endpoint.method == "GET"
        if (
            request.body and endpoint.method in _METHODS_WITH_BODY and router.prefix == API_PREFIX
        ):  # the control API isn't part of the platform
            _report_media_type(platform, request.headers.get("content-type", ""), endpoint)
        context = RequestContext(platform, path, Query(query), request.body, now, actor)
        if query and not is_read:  # a refusal must come before the change
            _report_unread(context, endpoint)
        reply = endpoint.handler(context)
        if query and is_read:
            _report_unread(context, endpoint)
        return reply
    except HTTPException as error:
        return error


def _report_unread(context: RequestContext, endpoint: Endpoint) -> None:
    """Warn about query parameters that the endpoint does not have, and refuse them in strict mode."""
    context.environment.warnings.report(
        [
            EmulatorWarning(
                code="unknown_query_parameter",
                location=f"{endpoint} ?{name}",
                message=f"there is no parameter {name!r}",
            )
            for name in context.query.unread(endpoint.query)
        ]
    )


def _report_media_type(platform: Platform, content_type: str, endpoint: Endpoint) -> None:
    """Warn about a body whose media type isn't JSON, and refuse it in strict mode."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json")):
        return
    message = f"is {content_type!r}, not 'application/json'" if content_type else "is missing: 'application/json'"
    platform.environment.warnings.report(
        [EmulatorWarning(code="media_type", location=f"{endpoint} Content-Type", message=message)],
        lambda _: refused(415, "unsupported_media_type", "Content-Type", f"Content-Type {message}."),
    )
