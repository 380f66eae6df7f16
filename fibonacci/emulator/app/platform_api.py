"""The platform's API: a request of a known caller, carried out in a transaction."""

from __future__ import annotations

import logging
from typing import Final

from fibonacci._log_records import log
from fibonacci.emulator.account.auth import Actor
from fibonacci.emulator.app.endpoints import EndpointCaller
from fibonacci.emulator.app.idempotency import IdempotencyCache
from fibonacci.emulator.app.responses import EncodedReply
from fibonacci.emulator.app.retention import Retention
from fibonacci.emulator.context import Handler
from fibonacci.emulator.engine.scheduler import Scheduler
from fibonacci.emulator.http.messages import ServerRequest
from fibonacci.emulator.http.router import API_0_2, Router
from fibonacci.emulator.policy.approvals import Approvals
from fibonacci.emulator.routes import api_0_2
from fibonacci.emulator.routes.endpoints import ENDPOINTS
from fibonacci.emulator.state.clock import VirtualClock
from fibonacci.emulator.state.errors import StateError, StateFullError, StateLockedError, StateReadOnlyError
from fibonacci.emulator.state.store import Store

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
        self.router: Final[Router[Handler]] = Router([*ENDPOINTS, *api_0_2.ENDPOINTS])
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
        """Handle a request of an actor in a transaction of its own; what changes something also catches up with time.

        Raises:
            Exception: If it cannot be carried out or stored; nothing is changed then.
        """
        if request.method == "GET":
            return self._read(request, actor)
        with self._store.transaction():
            now = self._clock.now()
            was_due = self._catch_up(now)
            reply = self._dispatch(request, api_key, actor, now)
            self._retention.apply(now, may_have_expired=was_due)
            return reply

    def settle(self, request: ServerRequest, api_key: str, reply: EncodedReply) -> EncodedReply:
        """Wait for a more recent reply, if one may come, outside of the transaction; a repetition gets it too."""
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
        """Handle a request that changes nothing but runs with an event due; if those cannot be stored, it reads on."""
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
        """Process the events of runs that are due; return whether anything was due in the state."""
        self._scheduler.fail_orphaned_calls(now)
        if not self._store.has_due(now):  # one search, in place of one in each table
            return False
        self._scheduler.catch_up(now)
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
        return reply
