"""The application: one request in, one response out, without a network.

A request takes these steps. `handle` refuses foreign hosts and origins, injects a failure and records the request.
`authenticate` finds the caller, the `PlatformAPI` carries the request out, and `respond` completes the response.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Generator
from contextlib import contextmanager
from dataclasses import replace
from time import perf_counter
from typing import Final

from fibonacci._logging import log
from fibonacci._suggestions import nearest
from fibonacci.emulator.account import Account, Actor, Allowance, ApiKeys
from fibonacci.emulator.app.control import CONTROL_PREFIX, ControlAPI, EmulatorParts
from fibonacci.emulator.app.origins import Hosts, Origins
from fibonacci.emulator.app.platform_api import EndpointCaller, PlatformAPI, find
from fibonacci.emulator.app.request_log import RequestLog, Requests
from fibonacci.emulator.app.responses import EncodedReply, encoded_error, failure_reply, in_form_of, respond
from fibonacci.emulator.app.retention import Retention
from fibonacci.emulator.engine.compiled import check_snapshot, compiled
from fibonacci.emulator.engine.scheduler import Scheduler
from fibonacci.emulator.engine.scripts import unused_text
from fibonacci.emulator.engine.tool_catalog import TOOLS
from fibonacci.emulator.faults import SILENT, ActiveFailure, FailingResponse, FaultInjector, override_headers
from fibonacci.emulator.http.bodies import MAX_BODY
from fibonacci.emulator.http.messages import JSON_BODY, HTTPException, ServerRequest, ServerResponse, payload_too_large
from fibonacci.emulator.option_values import KEPT
from fibonacci.emulator.policy.approvals import Approvals
from fibonacci.emulator.state import ids
from fibonacci.emulator.state.clock import VirtualClock
from fibonacci.emulator.state.store import Store

Observer = Callable[[ServerRequest, ServerResponse, float], object]
"""Called with a request, its response, and the seconds that handling it took."""

_CONTROL_PATHS: Final = f"/{CONTROL_PREFIX}/"

_REFUSED: Final = (401, 403)

_UNUSED: Final = "what was prepared never acted. Remove it, or pass allow_unused=True to the emulator if you mean it:"

_TYPO: Final = 0.8  # how much a tool's name resembles another at least, to be taken for a misspelled one

_log: Final = logging.getLogger("fibonacci.emulator")


class App:
    """Handles requests, one at a time: every request sees the state that the one before it left.

    Attributes:
        account: The plan and the rate limit.
        keys: The accepted keys.
        store: All state.
        approvals: Decisions about runs that wait for approval.
        retention: How many executions are kept.
        faults: The injected faults.
        log: The recorded requests.
        clock: The clock.
        origins: The hosts and origins that may call it.
        organization: The organization that all workflows belong to.
        environment: What workflows can reach.
        warnings: What in workflows and requests is unknown or not supported.
        scripts: The answers that nodes get in sequence.
        observers: Called after each request.
    """

    def __init__(
        self,
        *,
        account: Account,
        api_key: str,
        scheduler: Scheduler,
        store: Store,
        clock: VirtualClock,
        keep: int | None = KEPT,
        origins: Origins | None = None,
    ) -> None:
        self.account: Final = account
        self.keys: Final = ApiKeys(api_key)
        self.store: Final = store
        self.clock: Final = clock
        self.organization: Final = scheduler.environment.organization
        self.environment: Final = scheduler.environment
        self.warnings: Final = scheduler.environment.warnings
        self.scripts: Final = scheduler.environment.scripts
        self.approvals: Final = Approvals(store, scheduler, clock, self.keys.role_of)
        self.observers: Final[list[Observer]] = []
        self.origins: Final = origins or Origins(Hosts())
        self._limits = account.limits
        self._scheduler = scheduler
        self.retention: Final = Retention(store, keep)
        endpoints = EndpointCaller(account=account, store=store, scheduler=scheduler)
        self._api = PlatformAPI(
            approvals=self.approvals,
            clock=clock,
            endpoints=endpoints,
            retention=self.retention,
            scheduler=scheduler,
            store=store,
        )
        self.faults: Final = FaultInjector(self._api.router)
        self.log: Final = RequestLog(self._api.router)
        parts = EmulatorParts(
            account=account,
            approvals=self.approvals,
            clock=clock,
            faults=self.faults,
            keys=self.keys,
            requests=Requests(self.log),
            reset=self.reset,
            restore=self.restore,
            retention=self.retention,
            snapshot=self.snapshot,
        )
        self._control = ControlAPI(parts, endpoints)

    def handle(self, request: ServerRequest) -> ServerResponse:
        """Handle one request, safe to call from many threads.

        Args:
            request: The complete request.

        Returns:
            The response. Every error is one too. A `FailingResponse` has the failure of its delivery.
        """
        began = perf_counter()
        response = self._refuse_foreign(request) or self.origins.preflight(request) or self._handle_own(request)
        for observe in self.observers:
            observe(request, response, perf_counter() - began)
        return response

    def call_as_owner(self, request: ServerRequest) -> EncodedReply:
        """Carry out a request of the page, which nothing counts, records or disturbs. Every error is a reply too."""
        request = replace(request, headers={"authorization": f"Bearer {self.keys.owner}", **JSON_BODY})
        try:
            if request.target.startswith(_CONTROL_PATHS):
                return self._control.call(request, self.clock.now())
            return self._api.carry_out(request, *self._authenticate(request))
        except Exception as error:
            return failure_reply(error, request)

    def refuse(self, error: HTTPException, request: ServerRequest | None) -> ServerResponse:
        """Return the response to a request that could not be read, or only its head."""
        now = self.clock.now()
        response = respond(encoded_error(error), self._limits.untouched(now), now)
        if request is not None:
            response = in_form_of(request, response)
            response.headers.extend(self.origins.headers(request))
        return response

    def body_limit(self, request: ServerRequest) -> int | None:
        """Return the largest allowed body of a request, in bytes, or `None` if its key or role is refused anyway."""
        try:
            if request.target.startswith(_CONTROL_PATHS):
                return self._control.body_limit(request)
            _, actor = self._authenticate(request)
            find(self._api.router, request, actor)
        except HTTPException as error:
            return None if error.status in _REFUSED else MAX_BODY
        return MAX_BODY

    def call(self, request: ServerRequest, actor: Actor) -> EncodedReply:
        """Handle a request of the API in the name of an actor, inside a transaction of the caller.

        This checks no key, counts toward no rate limit, gets no injected failure, and is not recorded.
        """
        return self._api.call(request, actor)

    def snapshot(self) -> bytes:
        """Return the complete state (see `Emulator.snapshot`)."""
        return self.store.snapshot()

    def restore(self, snapshot: bytes) -> None:
        """Replace the state by that of a snapshot (see `Emulator.restore`)."""
        with self.store.transaction():
            self.store.restore(snapshot, check_snapshot)
            self._scheduler.resume(is_restored=True)
        self._limits.reset()

    @contextmanager
    def preserved(self) -> Generator[None]:
        """Undo what is done to the state and to what answers nodes in a block (see `Emulator.preserve_state`)."""
        environment = self.environment
        handlers, scripts = environment.handlers.copy(), environment.scripts.mark()
        cassette, used, mark = environment.handlers.cassette, len(environment.handlers.cassettes), self.store.mark()
        try:
            yield
        finally:
            self._forget()
            environment.handlers.replace_by(handlers)
            environment.handlers.cassette = cassette
            del environment.handlers.cassettes[used:]
            environment.scripts.undo(scripts)
            with self.store.transaction():
                self.store.undo(mark)
                self._scheduler.repeat_reports()
            self._scheduler.resume()

    def unused(self) -> dict[object, str]:
        """Return what was prepared and never acted, with texts that name it and the nearest name that exists."""
        handlers, own_tools = self.environment.handlers, self.environment.handlers.tools.keys() - TOOLS.keys()
        found: dict[object, str] = {
            cassette: f"the cassette {cassette.path} was not used: no call was replayed or recorded"
            for cassette in handlers.cassettes
            if not cassette.was_used
        }
        scripts = self.scripts.unused
        if (scripts or own_tools) and not self.store.is_closed:
            with self.store.reading():
                workflows = [compiled(record["definition"]) for record in self.store.workflows.records()]
            names = {name for workflow in workflows for name in workflow.scripted_names}
            tools = {tool for workflow in workflows for tool in workflow.tools}
            found |= {script: unused_text(script, names) for script in scripts}
            for name in sorted(own_tools - tools):
                near = nearest(name, sorted({*TOOLS, *tools} - own_tools), cutoff=_TYPO)
                if near is not None:  # else it is a tool of the user's own, which this test does not need
                    text = f"the function for the tool {name!r} was not called: no workflow has this tool"
                    found["tool", name] = f"{text}. Did you mean {near!r}?"
        if failures := self.faults.undelivered():
            requested = {f"{request.method} {request.template or request.path}" for request in Requests(self.log)}
            found |= {failure: failure.unused_text(sorted(requested)) for failure in failures}
        return found

    def check_unused(self, before: Collection[object] = ()) -> None:
        """Fail if something never acted (see `Emulator.check_unused`), except what `unused` returned before."""
        __tracebackhide__ = True
        texts = [text for source, text in self.unused().items() if source not in before]
        unused = [AssertionError("\n- ".join([_UNUSED, *texts]))] if texts else []
        kept = self.environment.handlers.assertions
        errors, kept[:] = [*kept, *unused], []
        for other in errors[1:]:
            errors[0].add_note(str(other))
        if errors:
            raise errors[0]

    def reset(self) -> None:
        """Delete all state, recorded requests, injected faults, scripts and warnings."""
        self.store.reset()
        self._forget()

    def _forget(self) -> None:
        self._limits.reset()
        self.faults.clear()
        self.log.drop(None)
        self.scripts.clear()
        self.warnings.clear()

    def _refuse_foreign(self, request: ServerRequest) -> ServerResponse | None:
        """Refuse a foreign host or origin. No record has the request, and it uses up no injected failure."""
        try:
            self.origins.check(request)
        except HTTPException as error:
            method, path = request.method, request.target.partition("?")[0]
            text = "%s %s was refused: %s"
            log(_log, logging.WARNING, text, method, path, error.message, method=method, path=path)
            return in_form_of(request, respond(encoded_error(error), None, self.clock.now()))
        return None

    def _handle_own(self, request: ServerRequest) -> ServerResponse:
        is_control = request.target.startswith(_CONTROL_PATHS)
        response = self._handle_control(request) if is_control else self._handle_recorded(request)
        response.headers.extend(self.origins.headers(request))
        return response

    def _handle_recorded(self, request: ServerRequest) -> ServerResponse:
        began = perf_counter()
        failure = self.faults.take(request) if self.faults.is_active else None
        response = self._handle_api(request) if failure is None else self._handle_failing(request, failure)
        response = in_form_of(request, response)
        is_silent = failure is not None and failure.kind in SILENT
        self.log.add(request, None if is_silent else response, self.clock.now(), perf_counter() - began)
        return response

    def _handle_failing(self, request: ServerRequest, failure: ActiveFailure) -> ServerResponse:
        if failure.is_done_first:
            done = self._handle_api(request)
            return FailingResponse(done.status, done.headers, done.body, failure)
        now = self.clock.now()
        reply = EncodedReply(failure.status or 0, failure.body(), ids.request_id())
        response = respond(reply, self._limits.untouched(now), now)
        headers = override_headers(dict(response.headers), failure.headers(now))
        return FailingResponse(response.status, list(headers.items()), response.body, failure)

    def _handle_control(self, request: ServerRequest) -> ServerResponse:
        now = self.clock.now()
        try:
            reply = self._control.call(request, now)
        except Exception as error:
            reply = failure_reply(error, request)
        return respond(reply, None if reply.status == 401 else self._limits.untouched(now), now)

    def _handle_api(self, request: ServerRequest) -> ServerResponse:
        now = self.clock.now()
        allowance: Allowance | None = None  # of a caller who is not known, nothing is said
        try:
            api_key, actor = self._authenticate(request)
            allowance = self._limits.take(self.organization, now, self.clock.skipped)
            if allowance.refusal is not None:
                raise allowance.refusal
            reply = self._api.settle(request, api_key, self._api.carry_out(request, api_key, actor))
        except Exception as error:
            reply = failure_reply(error, request)
        return respond(reply, allowance, now)

    def _authenticate(self, request: ServerRequest) -> tuple[str, Actor]:
        caller = self.keys.authenticate(request.headers.get("authorization", ""))
        if len(request.body) > MAX_BODY:
            raise payload_too_large(MAX_BODY)
        return caller
