"""The platform's API: a request of a known caller, carried out in a transaction by the handler of its endpoint."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Final

from fibonacci._logging import log
from fibonacci.emulator.account import Account, Actor
from fibonacci.emulator.app.responses import EncodedReply, encoded, encoded_error
from fibonacci.emulator.app.retention import IdempotencyCache, Retention
from fibonacci.emulator.context import Endpoint, RequestContext
from fibonacci.emulator.engine.emulator_warnings import EmulatorWarning, WarningLog
from fibonacci.emulator.engine.scheduler import Scheduler
from fibonacci.emulator.http.bodies import Query, RequestBody, read_json
from fibonacci.emulator.http.messages import (
    HTTPException,
    ServerRequest,
    bad_request,
    permission_denied,
    unsupported_media_type,
)
from fibonacci.emulator.http.router import API_0_2, API_PREFIX, Router
from fibonacci.emulator.policy.approvals import Approvals
from fibonacci.emulator.routes import ENDPOINTS, api_0_2
from fibonacci.emulator.state.clock import VirtualClock
from fibonacci.emulator.state.snapshot import StateError, StateFullError, StateLockedError, StateReadOnlyError
from fibonacci.emulator.state.store import Store


class EndpointCaller:
    """Calls handlers with what they work on.

    Args:
        account: The account.
        store: All state.
        scheduler: Runs workflows.
    """

    def __init__(self, *, account: Account, store: Store, scheduler: Scheduler) -> None:
        self._account = account
        self._store = store
        self._scheduler = scheduler

    def call(self, router: Router[Endpoint], request: ServerRequest, actor: Actor, now: float) -> EncodedReply:
        """Route a request to its handler, if the actor's role may use it, and return error responses as replies too.

        Raises:
            Exception: Any other error, so that the transaction around it changes nothing.
        """
        query = request.target.partition("?")[2]
        try:
            endpoint, path = find(router, request, actor)
            context = self._context(path, Query(query), self._body(router, request, endpoint), actor, now)
            if query and not endpoint.is_read:  # a refusal must come before the change
                _report_unread(context, endpoint)
            if request.body and not endpoint.reads_body:
                _report_unread_body(context, endpoint)
            reply = endpoint.handler(context)
            if query and endpoint.is_read:
                _report_unread(context, endpoint)
            return encoded(reply)
        except HTTPException as error:
            return encoded_error(error)

    def _body(self, router: Router[Endpoint], request: ServerRequest, endpoint: Endpoint) -> RequestBody:
        """Return the body of a request, without warnings for controls, which are not the platform's."""
        if router.prefix != API_PREFIX:
            return RequestBody(request.body)
        warnings = self._scheduler.environment.warnings
        if request.body and endpoint.reads_body:
            _report_media_type(warnings, request.headers.get("content-type", ""), endpoint)
        return RequestBody(request.body, partial(_report_repeated, warnings, endpoint))

    def _context(
        self, path: Mapping[str, str], query: Query, body: RequestBody, actor: Actor, now: float
    ) -> RequestContext:
        return RequestContext(
            path=path,
            query=query,
            body=body,
            now=now,
            actor=actor.name,
            role=actor.role,
            organization=self._scheduler.environment.organization,
            plan=self._account.plan,
            store=self._store,
            scheduler=self._scheduler,
        )


def router_of(endpoints: Iterable[Endpoint], prefix: str = API_PREFIX) -> Router[Endpoint]:
    """Return the router of endpoints."""
    targets = ((endpoint.method, endpoint.path, endpoint) for endpoint in endpoints)
    return Router(targets, prefix, lambda endpoint: endpoint.is_served)


def find(router: Router[Endpoint], request: ServerRequest, actor: Actor) -> tuple[Endpoint, Mapping[str, str]]:
    """Return the endpoint of a request and its path parameters, if the actor's role may use it.

    The body of the request does not count.

    Raises:
        HTTPException: If the endpoint doesn't exist, or the role may not use it (403).
    """
    endpoint, path = router.find(request.method, request.target.partition("?")[0])
    if not actor.may(endpoint.lowest_role):
        raise permission_denied(str(endpoint), actor.role, endpoint.lowest_role)
    return endpoint, path


def _report_unread(context: RequestContext, endpoint: Endpoint) -> None:
    """Warn about query parameters that the endpoint does not have, and refuse them in strict mode."""
    unread = context.query.unread(endpoint.query)
    problems = {name: ("unknown_query_parameter", f"there is no parameter {name!r}") for name in unread}
    for name in context.query.repeated:
        problems.setdefault(
            name, ("repeated_query_parameter", "it is given more than once, and only the last one counts")
        )
    context.environment.warnings.report(
        [
            EmulatorWarning(code=code, location=f"{endpoint} ?{name}", message=message)
            for name, (code, message) in problems.items()
        ]
    )


def _report_unread_body(context: RequestContext, endpoint: Endpoint) -> None:
    """Warn about the fields of a body that the endpoint does not read, and refuse them in strict mode."""
    try:
        content = read_json(context.body.raw)
    except HTTPException:
        content = context.body.raw
    if content != {}:
        message = "the endpoint takes no body, so this one is ignored"
        context.environment.warnings.report(
            [EmulatorWarning(code="unread_body", location=str(endpoint), message=message)]
        )


def _report_media_type(warnings: WarningLog, content_type: str, endpoint: Endpoint) -> None:
    """Warn about a body that is not said to be JSON, and refuse it in strict mode."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json")):
        return
    message = f"is {content_type!r}, not 'application/json'" if content_type else "is missing: 'application/json'"
    warnings.report(
        [EmulatorWarning(code="media_type", location=f"{endpoint} Content-Type", message=message)],
        lambda _: unsupported_media_type(f"Content-Type {message}."),
    )


def _report_repeated(warnings: WarningLog, endpoint: Endpoint, keys: Sequence[str]) -> None:
    """Warn about keys that an object in a body has more than once, and refuse it in strict mode."""
    message = "it is given more than once, and only the last one counts"
    warnings.report(
        [EmulatorWarning(code="repeated_key", location=f"{endpoint} {key}", message=message) for key in keys],
        lambda _: bad_request(f"The body has the key {keys[0]!r} more than once in one object.", keys[0]),
    )


_PATIENCE: Final = 0.25
"""Seconds for which a request that only reads waits for another process that is writing."""

_log: Final = logging.getLogger("fibonacci.emulator")


class PlatformAPI:
    """Carries out requests of the API, one at a time.

    Args:
        approvals: Decisions about runs that wait for approval.
        clock: The clock.
        endpoints: Calls handlers.
        retention: How many executions are kept.
        scheduler: Runs workflows.
        store: All state.

    Attributes:
        router: The endpoints.
    """

    def __init__(
        self,
        *,
        approvals: Approvals,
        clock: VirtualClock,
        endpoints: EndpointCaller,
        retention: Retention,
        scheduler: Scheduler,
        store: Store,
    ) -> None:
        self.router: Final = router_of([*ENDPOINTS, *api_0_2.ENDPOINTS])
        self._approvals = approvals
        self._clock = clock
        self._endpoints = endpoints
        self._idempotency = IdempotencyCache(store.replays)
        self._retention = retention
        self._scheduler = scheduler
        self._store = store

    def call(self, request: ServerRequest, actor: Actor) -> EncodedReply:
        """Handle a request of an actor, inside a transaction of the caller."""
        return self._endpoints.call(self.router, request, actor, self._clock.now())

    def carry_out(self, request: ServerRequest, api_key: str, actor: Actor) -> EncodedReply:
        """Handle a request of an actor in a separate transaction, and catch up with time if it changes something.

        Raises:
            Exception: If it cannot be carried out or stored. Nothing is changed then.
        """
        if request.method == "GET":
            return self._read(request, actor)
        with self._store.transaction():
            now = self._clock.now()
            is_due = self._catch_up(now)
            reply = self._dispatch(request, api_key, actor, now)
            self._retention.apply(now, may_have_expired=is_due)
            return reply

    def settle(self, request: ServerRequest, api_key: str, reply: EncodedReply) -> EncodedReply:
        """Wait for a more recent reply, if one may come, outside of the transaction. A repetition gets it too."""
        try:
            settled = reply.settled()
            if settled is not reply and "idempotency-key" in request.headers:
                with self._store.transaction():
                    self._idempotency.renew(api_key, request, reply, settled, self._clock.now())
            return settled
        except StateError as error:  # what was carried out is stored, and so is this reply
            log(_log, logging.WARNING, "%s %s: %s", request.method, request.target, error)
            return reply

    def _read(self, request: ServerRequest, actor: Actor) -> EncodedReply:
        """Handle a request that only reads, after processing due events, even if those cannot be stored."""
        with self._store.reading():
            if not self._scheduler.has_work():
                return self._endpoints.call(self.router, request, actor, self._clock.now())
        try:
            with self._store.transaction(_PATIENCE):
                now = self._clock.now()
                self._catch_up(now)
                return self._endpoints.call(self.router, request, actor, now)
        except (StateFullError, StateLockedError, StateReadOnlyError) as error:
            log(_log, logging.WARNING, "events of runs are not processed: %s", error)
        with self._store.reading():
            return self._endpoints.call(self.router, request, actor, self._clock.now())

    def _catch_up(self, now: float) -> bool:
        """Process the events of runs that are due, and return whether anything else is due in the state."""
        if self._scheduler.has_work():
            self._scheduler.catch_up(now)
        if not self._store.has_due(now):  # one search, in place of one in each table
            return False
        self._approvals.expire(now)
        return True

    def _dispatch(self, request: ServerRequest, api_key: str, actor: Actor, now: float) -> EncodedReply:
        is_known = request.method == "POST" and not request.target.startswith(API_0_2)  # 0.2 has no idempotency keys
        if not is_known or "idempotency-key" not in request.headers:
            return self._endpoints.call(self.router, request, actor, now)
        reply = self._idempotency.find(api_key, request, now)
        if reply is None:
            reply = self._endpoints.call(self.router, request, actor, now)
            if reply.status < 500 and reply.status != 429:  # a repetition of these may succeed
                self._idempotency.keep(api_key, request, reply, now)
                self._retention.limit_replays()
        return reply
