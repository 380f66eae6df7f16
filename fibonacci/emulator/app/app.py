"""The emulator without a network: one request in, one response out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from time import perf_counter
from typing import Final

from fibonacci.emulator.account.auth import Actor, ApiKeys
from fibonacci.emulator.account.plans import PlanName
from fibonacci.emulator.account.rate_limits import Allowance, RateLimits
from fibonacci.emulator.app.control import CONTROL_PREFIX, ControlAPI, not_the_owners
from fibonacci.emulator.app.idempotency import EncodedReply, IdempotencyCache
from fibonacci.emulator.app.request_log import RequestLog, Requests
from fibonacci.emulator.context import RequestContext
from fibonacci.emulator.engine.records import view_of
from fibonacci.emulator.engine.scheduler import Scheduler
from fibonacci.emulator.faults.fault import SILENT, Failure, overlaid
from fibonacci.emulator.faults.injector import FaultInjector
from fibonacci.emulator.http.bodies import MAX_BODY
from fibonacci.emulator.http.errors import NO_HEADERS, HTTPException, payload_too_large, permission_denied, unauthorized
from fibonacci.emulator.http.messages import ServerRequest, ServerResponse
from fibonacci.emulator.http.query import Query
from fibonacci.emulator.http.replies import Reply, encode, encode_error
from fibonacci.emulator.http.router import Router
from fibonacci.emulator.policy.approvals import Approvals
from fibonacci.emulator.routes import ENDPOINTS, lowest_role
from fibonacci.emulator.state import ids
from fibonacci.emulator.state.clock import VirtualClock, http_date
from fibonacci.emulator.state.store import Record, Store

_CONTROL: Final = f"/{CONTROL_PREFIX}/"

_log: Final = logging.getLogger("fibonacci.emulator")


class App:
    """Answers requests, one at a time: every request sees the state that the one before it left.

    Attributes:
        keys: The keys that it accepts.
        faults: The failures that were ordered.
        log: The requests that it got.
        observers: Told of each request, its response, and the seconds that it took.
    """

    def __init__(
        self,
        *,
        plan: PlanName,
        api_key: str,
        limits: RateLimits,
        scheduler: Scheduler,
        store: Store,
        clock: VirtualClock,
        organization: str = "default",
    ) -> None:
        self.keys: Final = ApiKeys(api_key)
        self._plan: PlanName = plan
        self._organization = organization
        self._limits = limits
        self._scheduler = scheduler
        self._store = store
        self._clock = clock
        self._router = Router(ENDPOINTS)
        self._replays = IdempotencyCache(self._store.replays)
        self._approvals = Approvals(store, scheduler, organization)
        self.faults: Final = FaultInjector(self._router)
        self.log: Final = RequestLog(self._router)
        self.observers: Final[list[Callable[[ServerRequest, ServerResponse, float], object]]] = []
        control = ControlAPI(self.faults, Requests(self.log), clock, self.decide, self.reset)
        self._control = Router(control.endpoints(), CONTROL_PREFIX)

    def handle(self, request: ServerRequest) -> ServerResponse:
        """Answer one request; safe to call from many threads.

        Args:
            request: The request, complete.

        Returns:
            The response; every error is one too.
        """
        began = perf_counter()
        response = self._handled(request)
        for observe in self.observers:
            observe(request, response, perf_counter() - began)
        return response

    def _handled(self, request: ServerRequest) -> ServerResponse:
        if request.target.startswith(_CONTROL):
            return self._controlled(request)
        failure = self.faults.next(request) if self.faults.any else None
        response = self._answered(request) if failure is None else self._failing(request, failure)
        is_silent = failure is not None and failure.kind in SILENT
        self.log.add(request, None if is_silent else response.status, self._clock.now())
        return response

    def _failing(self, request: ServerRequest, failure: Failure) -> ServerResponse:
        if failure.is_done_first:
            return replace(self._answered(request), failure=failure)
        now = self._clock.now()
        answer = EncodedReply(failure.status or 0, failure.body(), ids.request_id(), NO_HEADERS)
        response = _response(answer, self._limits.untouched(now), now)
        headers = overlaid(dict(response.headers), failure.headers(now))
        return ServerResponse(response.status, list(headers.items()), response.body, failure)

    def _controlled(self, request: ServerRequest) -> ServerResponse:
        now = self._clock.now()
        try:
            if len(request.body) > MAX_BODY:
                raise payload_too_large(MAX_BODY)
            api_key, actor = self._authenticate(request)
            if api_key != self.keys.owner:
                raise not_the_owners()
            answer = self._run(self._control, request, actor, now)
        except HTTPException as error:
            answer = _error_answer(error)
        return _response(answer, self._limits.untouched(now), now)

    def _answered(self, request: ServerRequest) -> ServerResponse:
        try:
            with self._store.transaction():
                answer, allowance, now = self._handle(request)
            if answer.later is not None:
                answer = self._settled(request, answer, answer.later)
            return _response(answer, allowance, now)
        except Exception:  # the state could not be written: nothing was changed
            _log.exception("%s %s failed", request.method, request.target)
            return self.refuse(HTTPException(500, "internal_error", "The emulator failed; its log says why."))

    def _handle(self, request: ServerRequest) -> tuple[EncodedReply, Allowance, float]:
        now = self._clock.now()
        self._scheduler.catch_up(now)
        allowance = self._limits.untouched(now)
        try:
            if len(request.body) > MAX_BODY:
                raise payload_too_large(MAX_BODY)
            api_key, actor = self._authenticate(request)
            allowance = self._limits.take(self._store.rate_windows, api_key, now)
            if allowance.refusal is not None:
                raise allowance.refusal
            answer = self._answer(request, api_key, actor, now)
        except HTTPException as error:
            answer = _error_answer(error)
        return answer, allowance, now

    def decide(self, execution_id: str, by: str, *, approve: bool) -> Record:
        """Approve or reject a run that waits, in one person's name.

        Returns:
            The execution, as reading it answers.

        Raises:
            ApiError: When it does not wait, or this person may not.
        """
        with self._store.transaction():
            now = self._clock.now()
            self._scheduler.catch_up(now)
            decision = self._approvals.approve if approve else self._approvals.reject
            execution = decision(execution_id, by, now)
            may_end_soon = self._scheduler.may_end_soon(execution, now)
        if may_end_soon:
            execution, now = self._scheduler.settle(execution)
        return view_of(execution, now)

    def reset(self) -> None:
        """Forget everything that came and everything that was ordered."""
        self._store.reset()
        self.faults.clear()
        self.log.forget(None)

    def refuse(self, error: HTTPException) -> ServerResponse:
        """Answer a request that could not even be read."""
        now = self._clock.now()
        return _response(_error_answer(error), self._limits.untouched(now), now)

    def _authenticate(self, request: ServerRequest) -> tuple[str, Actor]:
        scheme, _, api_key = request.headers.get("authorization", "").partition(" ")
        api_key = api_key.strip()
        if scheme.lower() != "bearer" or not api_key:
            raise unauthorized("The key is missing: send the header Authorization: Bearer <key>.")
        actor = self.keys.find(api_key)
        if actor is None:
            raise unauthorized("The key is not known to this emulator.")
        return api_key, actor

    def _answer(self, request: ServerRequest, api_key: str, actor: Actor, now: float) -> EncodedReply:
        if request.method != "POST" or "idempotency-key" not in request.headers:
            return self._run(self._router, request, actor, now)
        answer = self._replays.find(api_key, request, now)
        if answer is None:
            answer = self._run(self._router, request, actor, now)
            if answer.status < 500 and answer.status != 429:  # what did not fit now may fit when it comes again
                self._replays.keep(api_key, request, answer, now)
        return answer

    def _run(self, router: Router, request: ServerRequest, actor: Actor, now: float) -> EncodedReply:
        path, _, query = request.target.partition("?")
        try:
            found = router.find(request.method, path)
            lowest = lowest_role(request.method, found.template)
            if not actor.may(lowest):
                raise permission_denied(f"{request.method} {found.template}", actor.role, lowest)
            reply = found.handler(self._call(found.values, query, request.body, actor, now))
            request_id = ids.request_id()
            return EncodedReply(reply.status, encode(reply, request_id), request_id, NO_HEADERS, reply.later)
        except HTTPException as error:
            return _error_answer(error)
        except Exception:  # a fault of the emulator: answered as one, and told to whoever reads the log
            _log.exception("%s %s failed", request.method, path)
            return _error_answer(HTTPException(500, "internal_error", "The emulator failed; its log says why."))

    def _settled(self, request: ServerRequest, answer: EncodedReply, later: Callable[[], Reply]) -> EncodedReply:
        """Wait for a better answer, while others go on; it is also the one that a repetition gets."""
        settled = EncodedReply(answer.status, encode(later(), answer.request_id), answer.request_id, answer.headers)
        if "idempotency-key" in request.headers:
            with self._store.transaction():
                api_key, _ = self._authenticate(request)
                self._replays.keep(api_key, request, settled, self._clock.now())
        return settled

    def _call(self, path: Mapping[str, str], query: str, body: bytes, actor: Actor, now: float) -> RequestContext:
        return RequestContext(
            path=path,
            query=Query(query),
            body=body,
            now=now,
            actor=actor.name,
            role=actor.role,
            organization=self._organization,
            plan=self._plan,
            store=self._store,
            scheduler=self._scheduler,
        )


def _error_answer(error: HTTPException) -> EncodedReply:
    return EncodedReply(error.status, encode_error(error), ids.request_id(), error.headers)


def _response(answer: EncodedReply, allowance: Allowance, now: float) -> ServerResponse:
    headers = [
        ("Date", http_date(int(now))),
        ("X-Request-Id", answer.request_id),
        ("X-RateLimit-Limit", str(allowance.limit)),
        ("X-RateLimit-Remaining", str(allowance.remaining)),
        ("X-RateLimit-Reset", str(allowance.reset)),
        *answer.headers.items(),
    ]
    if answer.status != 204:
        headers += [("Content-Type", "application/json"), ("Content-Length", str(len(answer.body)))]
    return ServerResponse(answer.status, headers, answer.body)
