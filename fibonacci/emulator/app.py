"""The application: one request in, one response out, without a network.

A request takes these steps. `App.handle` refuses foreign hosts and origins, injects a failure and records the request.
Then it authenticates the caller, and the handler of the endpoint carries out the request in a transaction. If the reply
shows a run that is about to end, the app waits for the end. Then it encodes the reply.

A repeated POST with an `Idempotency-Key` gets the first response and is carried out once. The responses are part of the
state: they survive the process if the state does.
"""

from __future__ import annotations

import hmac
import logging
import os
import re
from collections.abc import Callable, Collection, Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from time import perf_counter
from typing import Final, Protocol

from fibonacci._texts.logging import log
from fibonacci._texts.suggestions import nearest
from fibonacci.emulator.account import OWNER, Account, Actor, Allowance, ApiKeys
from fibonacci.emulator.context import Platform, RunReply, find, handle, router_of
from fibonacci.emulator.engine.compiled import compiled
from fibonacci.emulator.engine.environment import Environment
from fibonacci.emulator.engine.scheduler import Scheduler
from fibonacci.emulator.engine.scripts import unused_text
from fibonacci.emulator.engine.tool_catalog import TOOLS
from fibonacci.emulator.faults import SILENT, ActiveFailure, FailingResponse, FaultInjector, override_headers
from fibonacci.emulator.http.messages import (
    JSON_BODY,
    MAX_BODY,
    NO_HEADERS,
    Detail,
    HTTPException,
    Reply,
    ServerRequest,
    ServerResponse,
    bad_request,
    conflict,
    encode,
    encode_error,
    payload_too_large,
    read_json,
    refused,
)
from fibonacci.emulator.http.router import API_0_2, CONTROL_PREFIX
from fibonacci.emulator.origins import Hosts, Origins
from fibonacci.emulator.policy.approvals import expire
from fibonacci.emulator.request_log import RequestLog, Requests
from fibonacci.emulator.routes import ENDPOINTS, api_0_2, control
from fibonacci.emulator.state.clock import VirtualClock, http_date
from fibonacci.emulator.state.json_encoding import JSON, JSONObject, to_json
from fibonacci.emulator.state.records import StoredReplay
from fibonacci.emulator.state.snapshot import StateError, StateFullError, StateLockedError, StateReadOnlyError

Observer = Callable[[ServerRequest, ServerResponse, float], object]
"""Called with a request, its response, and the seconds that handling it took."""

ROUTER: Final = router_of([*ENDPOINTS, *api_0_2.ENDPOINTS])
"""The endpoints of the platform."""

_CONTROLS: Final = router_of([*control.ENDPOINTS, *control.PAGE_ENDPOINTS], CONTROL_PREFIX)
_CONTROL_PATHS: Final = f"/{CONTROL_PREFIX}/"
_RESTORE: Final = f"{_CONTROL_PATHS}restore"

MAX_SNAPSHOT: Final = 1024 * 1024 * 1024
"""The largest snapshot that can be sent, in bytes."""

REPLAY_SECONDS: Final = 86_400.0
"""How long the response to an idempotency key is replayed."""

_PAGE_PATHS: Final = ("/ui/", "/?", "/favicon.ico")

_IDEMPOTENCY_KEY: Final = re.compile(r"[!-~]{1,255}")
_REFUSED: Final = (401, 403)
_UNUSED: Final = "what was prepared never acted. Remove it, or pass allow_unused=True to the emulator if you mean it:"

_TYPO_SIMILARITY: Final = 0.8  # from this similarity on, the name of a tool counts as a misspelling of another

_log: Final = logging.getLogger("fibonacci.emulator")


class Site(Protocol):
    """The pages that a browser shows (see `emulator.page.site`)."""

    def handle(self, request: ServerRequest) -> ServerResponse:
        """Handle one request."""
        ...

    def body_limit(self, request: ServerRequest) -> int | None:
        """Return the largest allowed body of a request in bytes, or `None` if it needs a session and has none."""
        ...


@dataclass(frozen=True, kw_only=True)
class App(Platform):
    """The platform as clients call it, safe to use from many threads.

    Attributes:
        origins: The hosts and origins that may call it.
        open_site: Opens its pages. Their requests don't count toward rate limits, aren't recorded, and get no injected
            failures.
        observers: Called after each request of the API.
    """

    origins: Origins
    open_site: Callable[[App], Site] | None = None
    observers: list[Observer] = field(default_factory=list[Observer])

    @cached_property
    def _site(self) -> Site:
        assert self.open_site is not None
        return self.open_site(self)

    def _is_for_site(self, request: ServerRequest) -> bool:
        return self.open_site is not None and (request.target in ("/", "/ui") or request.target.startswith(_PAGE_PATHS))

    def handle(self, request: ServerRequest) -> ServerResponse:
        """Handle one request.

        Args:
            request: The complete request.

        Returns:
            The response, for an error too. A `FailingResponse` says how its delivery fails.
        """
        if self._is_for_site(request):
            return self._site.handle(request)
        began = perf_counter()
        response = (
            self._refuse_foreign(request) or self.origins.preflight(request) or self._handle_allowed(request, began)
        )
        for observe in self.observers:
            observe(request, response, perf_counter() - began)
        return response

    def call_as_owner(self, request: ServerRequest, actor: Actor = OWNER) -> ServerResponse:
        """Carry out a request of the page or a seed, uncounted and unrecorded. An error becomes a reply."""
        request = replace(request, headers=JSON_BODY)
        try:
            return self._carry_out(request, self.keys.owner, actor)
        except Exception as error:
            return _failed(error, request)

    def refuse(self, error: HTTPException, request: ServerRequest | None) -> ServerResponse:
        """Return the response to a request that could not be read, or only its head."""
        now = self.clock.now()
        response = _respond(_encoded(error), self.account.limits.untouched(now), now)
        if request is not None:
            response = _in_format_of(request, response)
            response.headers.extend(self.origins.headers(request))
        return response

    def body_limit(self, request: ServerRequest) -> int | None:
        """Return the largest allowed body of a request, in bytes, or `None` if its key or role is refused anyway."""
        if self._is_for_site(request):
            return self._site.body_limit(request)
        try:
            _, actor = self._authenticate(request)
            if not request.target.startswith(_CONTROL_PATHS):
                find(ROUTER, request, actor)
        except HTTPException as error:
            return None if error.status in _REFUSED else MAX_BODY
        return _body_limit(request)

    @contextmanager
    def preserved(self) -> Generator[None]:
        """Undo what a block does to the state, to settings and to what answers nodes (see `preserve_state`)."""
        account, models = self.account, list(self.environment.models)
        plan, rate, keep = account.plan, account.own_rate, account.keep
        variables = [(mapping, dict(mapping)) for mapping in (self.environment.env, self.environment.secrets)]
        handlers, scripts = self.environment.handlers, self.environment.scripts
        earlier, script_mark, mark = handlers.copy(), scripts.mark(), self.store.mark()
        cassette, used = handlers.cassette, len(handlers.cassettes)
        try:
            yield
        finally:
            account.set_limits(plan, rate)
            account.set_keep(keep)
            self.environment.models[:] = models
            for mapping, before in variables:
                mapping.clear()
                mapping.update(before)
            self.forget()
            handlers.replace_by(earlier)
            handlers.cassette = cassette
            del handlers.cassettes[used:]
            scripts.undo(script_mark)
            self.store.undo(mark)
            with self.store.transaction():
                self.scheduler.repeat_reports()
            self.scheduler.resume()

    def unused(self) -> dict[object, str]:
        """Return what was prepared and never acted, with texts that name it and the nearest name that exists."""
        handlers, scripts = self.environment.handlers, self.environment.scripts.unused
        own_tools = handlers.tools.keys() - TOOLS.keys()
        found: dict[object, str] = {
            cassette: f"the cassette {cassette.path} was not used: no call was replayed or recorded"
            for cassette in handlers.cassettes
            if not cassette.was_used
        }
        if (scripts or own_tools) and not self.store.is_closed:
            with self.store.reading():
                workflows = [compiled(record["definition"]) for record in self.store.workflows.records()]
            names = {name for workflow in workflows for name in workflow.scriptable_names}
            tools = {tool for workflow in workflows for tool in workflow.tools}
            found |= {script: unused_text(script, names) for script in scripts}
            for name in sorted(own_tools - tools):
                near = nearest(name, sorted({*TOOLS, *tools} - own_tools), cutoff=_TYPO_SIMILARITY)
                if near is not None:  # otherwise it's a tool of the user that this test doesn't need
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
        raised = self.environment.handlers.assertions
        errors, raised[:] = [*raised, *unused], []
        for other in errors[1:]:
            errors[0].add_note(str(other))
        if errors:
            raise errors[0]

    def _refuse_foreign(self, request: ServerRequest) -> ServerResponse | None:
        """Refuse a foreign host or origin, without recording the request or using up an injected failure."""
        try:
            self.origins.check(request)
        except HTTPException as error:
            method, path, now = request.method, request.target.partition("?")[0], self.clock.now()
            text = "%s %s was refused: %s"
            log(_log, logging.WARNING, text, method, path, error.message, method=method, path=path)
            return _in_format_of(request, _respond(_encoded(error), None, now))
        return None

    def _handle_allowed(self, request: ServerRequest, began: float) -> ServerResponse:
        if request.target.startswith(_CONTROL_PATHS):
            response = self._handle_normally(request)
        else:
            failure = self.faults.take(request) if self.faults.is_active else None
            response = self._handle_normally(request) if failure is None else self._handle_failing(request, failure)
            response = _in_format_of(request, response)
            is_silent = failure is not None and failure.kind in SILENT
            self.log.add(request, None if is_silent else response, self.clock.now(), perf_counter() - began)
        response.headers.extend(self.origins.headers(request))
        return response

    def _handle_failing(self, request: ServerRequest, failure: ActiveFailure) -> ServerResponse:
        if failure.is_carried_out_first:
            done = self._handle_normally(request)
            return FailingResponse(done.status, done.headers, done.body, failure)
        now = self.clock.now()
        reply = ServerResponse(failure.status or 0, [_request_id()], failure.body())
        response = _respond(reply, self.account.limits.untouched(now), now)
        headers = override_headers(dict(response.headers), failure.headers(now))
        return FailingResponse(response.status, list(headers.items()), response.body, failure)

    def _handle_normally(self, request: ServerRequest) -> ServerResponse:
        """Authenticate the caller and carry out the request. Controls don't count toward rate limits."""
        now, limits = self.clock.now(), self.account.limits
        allowance: Allowance | None = None  # an unknown caller isn't told any
        try:
            api_key, actor = self._authenticate(request)
            is_control = request.target.startswith(_CONTROL_PATHS)
            allowance = limits.untouched(now) if is_control else limits.take(now, self.clock.skipped)
            if allowance.refusal is not None:
                raise allowance.refusal
            reply = self._carry_out(request, api_key, actor)
        except Exception as error:
            reply = _failed(error, request)
        return _respond(reply, allowance, now)

    def _authenticate(self, request: ServerRequest) -> tuple[str, Actor]:
        """Return the key and the caller of a request.

        Raises:
            HTTPException: 401 if the key is not known, 403 if it may not control the emulator, 413 for a large body.
        """
        api_key, actor = self.keys.authenticate(request.headers.get("authorization", ""))
        if request.target.startswith(_CONTROL_PATHS) and not self.keys.is_owner(api_key):
            detail = Detail("role", "must be owner, with the owner's own key")
            raise HTTPException(403, "permission_denied", "The control API requires the owner's own key.", [detail])
        limit = _body_limit(request)
        if len(request.body) > limit:
            raise payload_too_large(limit)
        return api_key, actor

    def _carry_out(self, request: ServerRequest, api_key: str, actor: Actor) -> ServerResponse:
        """Process due events, carry out a request in a transaction, and wait for the end of its run.

        Raises:
            Exception: If it cannot be carried out or stored. Nothing is changed then.
        """
        if request.target.startswith(_CONTROL_PATHS):  # it may not need the state
            now = self.clock.now()
            return self._encode_after_wait(handle(self, _CONTROLS, request, actor, now), now)
        if request.method == "GET":
            return self._encode_after_wait(*self._read(request, actor))
        may_repeat = request.method == "POST" and not request.target.startswith(API_0_2)
        if may_repeat and "idempotency-key" in request.headers:  # 0.2 has no idempotency keys
            return self._carry_out_once(request, api_key, actor)
        with self.store.transaction():
            now = self._catch_up()
            answer = handle(self, ROUTER, request, actor, now)
            self._drop_old()
        return self._encode_after_wait(answer, now)

    def _carry_out_once(self, request: ServerRequest, api_key: str, actor: Actor) -> ServerResponse:
        """Carry out a request with an idempotency key, or return the first reply if that was already done."""
        key, replays = request.headers["idempotency-key"], self.store.replays
        if not _IDEMPOTENCY_KEY.fullmatch(key):
            raise bad_request("Idempotency-Key must be 1 to 255 visible ASCII characters.", "Idempotency-Key")
        secret = api_key.encode()
        place = (sha256(secret).hexdigest()[:32], key)
        # Keyed, so that nobody who has the state can find out by trying what the request contained.
        content = f"{request.method} {request.target}\n".encode() + request.body
        digest = hmac.digest(secret, content, "sha256").hex()
        with self.store.transaction():
            now = self._catch_up()
            first = replays.get(*place)
            if first is not None:
                if first["request"] != digest:
                    message = f"Idempotency-Key {key!r} was already used for another request."
                    raise conflict("Idempotency-Key", message, "idempotency_conflict")
                return ServerResponse(first["status"], [*first["headers"].items()], first["body"].encode("ascii"))
            answer = handle(self, ROUTER, request, actor, now)
            reply = _encoded(answer.show(answer.execution, now) if isinstance(answer, RunReply) else answer)
            replay: StoredReplay = {
                "request": digest,
                "status": reply.status,
                "body": reply.body.decode("ascii"),
                "headers": dict(reply.headers),
                "until": now + REPLAY_SECONDS,
            }
            if reply.status < 500 and reply.status != 429:  # a retry of the others may succeed
                replays.delete(*place)  # so that the oldest stays first
                replays.put(*place, record=replay)
                if self.account.keep is not None:
                    replays.drop_oldest(self.account.keep)
            self._drop_old()
        if isinstance(answer, RunReply) and answer.execution["status"] == "running":
            reply = replace(self._encode_after_wait(answer, now), headers=reply.headers)
            try:
                with self.store.transaction():
                    first = replays.get(*place)
                    if first is not None and first["headers"] == replay["headers"]:  # else it was reset
                        replays.put(*place, record={**replay, "body": reply.body.decode("ascii")})
            except StateError as error:  # the request was carried out, and a reply to it is stored
                log(_log, logging.WARNING, "%s %s: %s", request.method, request.target, error)
        return reply

    def _encode_after_wait(self, answer: Reply | RunReply | HTTPException, now: float) -> ServerResponse:
        """If the reply shows a run, wait for its end, outside of transactions. Then encode the reply."""
        if isinstance(answer, RunReply):
            answer = answer.show(*self.scheduler.wait_for(answer.execution, now))
        return _encoded(answer)

    def _read(self, request: ServerRequest, actor: Actor) -> tuple[Reply | RunReply | HTTPException, float]:
        """Handle a request that only reads, after processing due events, even if those cannot be stored."""
        with self.store.reading():
            if not self.scheduler.has_work():
                now = self.clock.now()
                return handle(self, ROUTER, request, actor, now), now
        try:
            with self.store.transaction():
                now = self._catch_up()
                return handle(self, ROUTER, request, actor, now), now
        except (StateFullError, StateLockedError, StateReadOnlyError) as error:
            log(_log, logging.WARNING, "events of runs are not processed: %s", error)
        with self.store.reading():
            now = self.clock.now()
            return handle(self, ROUTER, request, actor, now), now

    def _catch_up(self) -> float:
        """Process the events of runs that are due, drop what has expired, and return the time."""
        now = self.clock.now()
        if self.scheduler.has_work():
            self.scheduler.catch_up(now)
            expire(self, now)
        self.store.memory.delete_expired("expires", now)
        self.store.replays.delete_expired("until", now)
        return now

    def _drop_old(self) -> None:
        """Drop the oldest finished executions, with their traces."""
        if self.account.keep is not None:
            self.store.executions.drop_oldest(self.account.keep)


def new_app(
    api_key: str,
    account: Account,
    clock: VirtualClock,
    environment: Environment,
    origins: Origins | None = None,
    open_site: Callable[[App], Site] | None = None,
) -> App:
    """Return an application.

    Args:
        api_key: The owner's key.
        account: The plan, the rate limit, and how many executions are kept.
        clock: The clock.
        environment: What workflows can reach, including the store.
        origins: The hosts and origins that may call it. Default: those of loopback.
        open_site: Opens its pages. Default: no pages.
    """
    return App(
        account=account,
        keys=ApiKeys(api_key),
        store=environment.store,
        clock=clock,
        environment=environment,
        scheduler=Scheduler(environment, clock, account),
        faults=FaultInjector(ROUTER),
        log=RequestLog(ROUTER),
        origins=origins or Origins(Hosts()),
        open_site=open_site,
    )


def _body_limit(request: ServerRequest) -> int:
    return MAX_SNAPSHOT if request.target == _RESTORE else MAX_BODY


def _request_id() -> tuple[str, str]:
    return "X-Request-Id", f"req_{os.urandom(8).hex()}"


def _encoded(answer: Reply | HTTPException) -> ServerResponse:
    """Encode a reply under a new request ID. `_respond` adds the headers that every response has."""
    name, request_id = _request_id()
    if isinstance(answer, HTTPException):
        return ServerResponse(answer.status, [(name, request_id), *answer.headers.items()], encode_error(answer))
    return ServerResponse(answer.status, [(name, request_id)], encode(answer, request_id))


_STATE_ERRORS: Final[Mapping[type[StateError], tuple[int, str]]] = {
    StateFullError: (507, "insufficient_storage"),
    StateReadOnlyError: (507, "state_read_only"),
    StateLockedError: (503, "state_locked"),
}


def _failed(error: Exception, request: ServerRequest) -> ServerResponse:
    """Return the reply to a request that failed and stored nothing, and log what is not the caller's fault."""
    if isinstance(error, HTTPException):
        return _encoded(error)
    is_bug = not isinstance(error, StateError)
    method, path = request.method, request.target.partition("?")[0]
    text, reason = ("%s %s failed", ()) if is_bug else ("%s %s failed: %s", (error,))
    log(_log, logging.ERROR, text, method, path, *reason, with_exception=is_bug, method=method, path=path)
    if not isinstance(error, StateError):
        return _encoded(HTTPException(500, "internal_error", "The emulator failed. See its log."))
    status, code = _STATE_ERRORS.get(type(error), (500, "state_error"))
    headers = {"Retry-After": "1"} if status == 503 else NO_HEADERS
    return _encoded(refused(status, code, "state", str(error), headers))


def _in_format_of(request: ServerRequest, response: ServerResponse) -> ServerResponse:
    """Return a response in the format of the API that was called: 0.2 has no rate limits, and errors in `detail`."""
    if not request.target.startswith(API_0_2):
        return response
    headers = {name: value for name, value in response.headers if not name.lower().startswith("x-ratelimit-")}
    body = response.body
    if response.status >= 400:
        # A body that is not a documented error stays as it is.
        with suppress(HTTPException, LookupError, TypeError, AttributeError):
            error = read_json(body)["error"]
            faults = [_detail_of_0_2(request, **fault) for fault in error["details"]] if response.status == 422 else ()
            body = to_json({"detail": faults or error["message"]})
            headers = override_headers(headers, {"Content-Length": str(len(body))})
    return replace(response, headers=[*headers.items()], body=body)


def _detail_of_0_2(request: ServerRequest, field: str, message: str) -> JSONObject:
    place = "query" if request.method in ("GET", "DELETE") else "body"
    parts = [] if field == place else field.split(".")
    location: list[JSON] = [place, *(int(part) if part.isdecimal() and len(part) < 10 else part for part in parts)]
    return {"loc": location, "msg": message, "type": "value_error"}


def _respond(reply: ServerResponse, allowance: Allowance | None, now: float) -> ServerResponse:
    """Return the response: the reply with its date, rate limit (if the request has one), type and length."""
    headers = [("Date", http_date(int(now))), *reply.headers]
    if allowance is not None:
        headers += [
            ("X-RateLimit-Limit", str(allowance.limit)),
            ("X-RateLimit-Remaining", str(allowance.remaining)),
            ("X-RateLimit-Reset", str(allowance.reset)),
        ]
    if reply.status != 204:
        headers += [("Content-Type", "application/json"), ("Content-Length", str(len(reply.body)))]
    return ServerResponse(reply.status, headers, reply.body)
