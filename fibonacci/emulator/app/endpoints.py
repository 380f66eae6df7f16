"""Calling the handler of an endpoint."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from fibonacci.emulator.account.account import Account
from fibonacci.emulator.account.auth import Actor
from fibonacci.emulator.app.responses import EncodedReply, encoded, encoded_error
from fibonacci.emulator.context import Handler, RequestContext
from fibonacci.emulator.engine.emulator_warnings import EmulatorWarning
from fibonacci.emulator.engine.scheduler import Scheduler
from fibonacci.emulator.http.bodies import read_json
from fibonacci.emulator.http.errors import HTTPException, permission_denied
from fibonacci.emulator.http.messages import ServerRequest
from fibonacci.emulator.http.query import Query
from fibonacci.emulator.http.router import RouteMatch, Router
from fibonacci.emulator.routes.endpoints import has_body, lowest_role
from fibonacci.emulator.state.store import Store

_QUERY_OF_CHANGES: Final[Mapping[str, Collection[str]]] = {
    "DELETE /memory/{key}": ("scope", "user_id", "workflow_id"),
    "DELETE /api/v1/memory/{key}": ("scope", "user_id", "workflow_id", "organization_id", "hard_delete"),
    "DELETE /requests": ("route",),
    "POST /api/v1/workflows/generate/simple": ("description",),
}
"""The query parameters of the endpoints that change something."""


class EndpointCaller:
    """Calls handlers with what they work on.

    Args:
        account: The account.
        organization: The organization that all workflows belong to.
        store: All state.
        scheduler: Runs workflows.
    """

    def __init__(self, *, account: Account, organization: str, store: Store, scheduler: Scheduler) -> None:
        self._account = account
        self._organization = organization
        self._store = store
        self._scheduler = scheduler

    def call(self, router: Router[Handler], request: ServerRequest, actor: Actor, now: float) -> EncodedReply:
        """Route a request to its handler, if the actor's role may use it; an error response is a reply too.

        Raises:
            Exception: Any other error, so that the transaction around it changes nothing.
        """
        query = request.target.partition("?")[2]
        try:
            match = find(router, request, actor)
            context = self._context(match, Query(query), request.body, actor, now)
            if query and request.method != "GET":  # a refusal has to come before the change
                _report_unread(context, request.method, match.template)
            if request.body and not has_body(request.method, match.template):
                _report_body(context, request.method, match.template)
            reply = match.handler(context)
            if query and request.method == "GET":
                _report_unread(context, request.method, match.template)
            return encoded(reply)
        except HTTPException as error:
            return encoded_error(error)

    def _context(
        self, match: RouteMatch[Handler], query: Query, body: bytes, actor: Actor, now: float
    ) -> RequestContext:
        return RequestContext(
            path=match.values,
            query=query,
            body=body,
            now=now,
            actor=actor.name,
            role=actor.role,
            organization=self._organization,
            plan=self._account.plan,
            store=self._store,
            scheduler=self._scheduler,
        )


def find(router: Router[Handler], request: ServerRequest, actor: Actor) -> RouteMatch[Handler]:
    """Return the endpoint of a request, if the actor's role may use it; the body of the request does not count.

    Raises:
        HTTPException: If there is no such endpoint, or the role may not use it (403).
    """
    match = router.find(request.method, request.target.partition("?")[0])
    lowest = lowest_role(request.method, match.template)
    if not actor.may(lowest):
        raise permission_denied(f"{request.method} {match.template}", actor.role, lowest)
    return match


def _report_unread(context: RequestContext, method: str, template: str) -> None:
    """Warn about query parameters that the endpoint does not have; refuse them in strict mode."""
    endpoint = f"{method} {template}"
    unread = context.query.unread(_QUERY_OF_CHANGES.get(endpoint, ()))
    problems = {name: ("unknown_query_parameter", f"there is no parameter {name!r}") for name in unread}
    for name in context.query.repeated:
        problems.setdefault(name, ("repeated_query_parameter", "it is given more than once; the last one is read"))
    context.environment.warnings.report(
        [
            EmulatorWarning(code=code, location=f"{endpoint} ?{name}", message=message)
            for name, (code, message) in problems.items()
        ]
    )


def _report_body(context: RequestContext, method: str, template: str) -> None:
    """Warn about the fields of a body that the endpoint does not read; refuse them in strict mode."""
    try:
        content = read_json(context.body)
    except HTTPException:
        content = context.body
    if content != {}:
        message = "the endpoint has no body; this one is not read"
        context.environment.warnings.report(
            [EmulatorWarning(code="unread_body", location=f"{method} {template}", message=message)]
        )
