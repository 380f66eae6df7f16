"""The control API: the controls of an emulator for other languages and processes.

Its paths begin with `/_emulator` and require the owner's key. They are not part of the platform: no failure is injected
into them, no rate limit counts them, and no record of requests has them.

    GET, POST, DELETE  /_emulator/failures                    list, inject, remove failures
    POST               /_emulator/chaos                       random failures, with a seed
    POST               /_emulator/approvals/{execution_id}    approve or reject a run that waits
    POST               /_emulator/clock/advance               advance the clock
    GET, DELETE        /_emulator/requests                    list or clear recorded requests, optionally of one route
    GET                /_emulator/models                      list the known models
    GET                /_emulator/warnings                    list what is not known or done
    POST               /_emulator/reset                       delete everything
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Annotated, Any, Final, Literal, Protocol

from pydantic import Field

from fibonacci.definitions.json_types import Whole
from fibonacci.emulator.app.request_log import Requests
from fibonacci.emulator.context import Handler, RequestContext
from fibonacci.emulator.faults.fault import Failure, FailureError, FailureKind, FailureSpec
from fibonacci.emulator.faults.injector import FaultInjector
from fibonacci.emulator.http.bodies import Body, read
from fibonacci.emulator.http.errors import Detail, HTTPException, invalid
from fibonacci.emulator.http.replies import Reply, created, no_content
from fibonacci.emulator.state.clock import VirtualClock, iso
from fibonacci.emulator.state.tables import Record

CONTROL_PREFIX: Final = "_emulator"
_MOST_REQUESTS: Final = 1000
_Route = Annotated[str, Field(min_length=1, max_length=1000)]


class Decide(Protocol):
    """Approves or rejects a run in one person's name."""

    def __call__(self, execution_id: str, by: str, *, approve: bool) -> Record:
        """Return the execution."""
        ...


class FailureCreate(Body):
    """The body of injecting a failure: the arguments of `Emulator.fail`."""

    route: _Route = "*"
    kind: FailureKind = "status"
    times: Whole | None = 1
    status: Whole | None = None
    body: Any = None
    headers: dict[str, str] | None = None
    retry_after: float | str | None = None
    seconds: float | None = None


class ChaosCreate(Body):
    """The body of starting chaos: the arguments of `Emulator.chaos`."""

    seed: Whole = 0
    rate: float = 0.05
    route: _Route = "*"
    kinds: list[FailureKind] = Field(default_factory=list[FailureKind])


class Decision(Body):
    """The body of a decision about a run that waits for approval."""

    decision: Literal["approve", "reject"] = "approve"
    by: Annotated[str, Field(min_length=1, max_length=100)]


class Advance(Body):
    """The body of advancing the clock."""

    seconds: Annotated[float, Field(ge=0, le=1e12)]


class ControlAPI:
    """The handlers of the control API."""

    def __init__(
        self, faults: FaultInjector, requests: Requests, clock: VirtualClock, decide: Decide, reset: Callable[[], None]
    ) -> None:
        self._faults = faults
        self._requests = requests
        self._clock = clock
        self._decide = decide
        self._reset = reset

    def endpoints(self) -> Iterator[tuple[str, str, Handler]]:
        """Yield method, path and handler of each endpoint."""
        yield "GET", "/failures", self.list_failures
        yield "POST", "/failures", self.inject_failure
        yield "DELETE", "/failures", self.clear_failures
        yield "POST", "/chaos", self.start_chaos
        yield "POST", "/approvals/{execution_id}", self.decide
        yield "POST", "/clock/advance", self.advance
        yield "GET", "/requests", self.list_requests
        yield "DELETE", "/requests", self.clear_requests
        yield "GET", "/models", self.list_models
        yield "GET", "/warnings", self.list_warnings
        yield "POST", "/reset", self.reset

    def list_failures(self, context: RequestContext) -> Reply:
        """GET /_emulator/failures."""
        return Reply(list(map(_failure_view, self._faults.all())))

    def inject_failure(self, context: RequestContext) -> Reply:
        """POST /_emulator/failures."""
        body = read(FailureCreate, context.body)
        try:
            return created(_failure_view(self._faults.inject(FailureSpec(**dict(body)))))
        except FailureError as error:
            raise invalid(Detail(error.field, error.message)) from None

    def clear_failures(self, context: RequestContext) -> Reply:
        """DELETE /_emulator/failures."""
        self._faults.clear()
        return no_content()

    def start_chaos(self, context: RequestContext) -> Reply:
        """POST /_emulator/chaos; a rate of 0 stops it."""
        body = read(ChaosCreate, context.body)
        try:
            failures = self._faults.chaos(body.seed, body.rate, body.route, body.kinds)
        except FailureError as error:
            raise invalid(Detail(error.field, error.message)) from None
        return created(list(map(_failure_view, failures)))

    def decide(self, context: RequestContext) -> Reply:
        """POST /_emulator/approvals/{execution_id}."""
        body = read(Decision, context.body)
        return Reply(self._decide(context.path["execution_id"], body.by, approve=body.decision == "approve"))

    def advance(self, context: RequestContext) -> Reply:
        """POST /_emulator/clock/advance."""
        self._clock.advance(read(Advance, context.body).seconds)
        return Reply({"now": iso(self._clock.now())})

    def list_requests(self, context: RequestContext) -> Reply:
        """GET /_emulator/requests: the newest thousand, the oldest of them first."""
        return Reply([asdict(request) for request in self._chosen(context).newest(_MOST_REQUESTS)])

    def clear_requests(self, context: RequestContext) -> Reply:
        """DELETE /_emulator/requests."""
        self._chosen(context).clear()
        return no_content()

    def list_models(self, context: RequestContext) -> Reply:
        """GET /_emulator/models."""
        return Reply([{"name": name} for name in context.environment.models])

    def list_warnings(self, context: RequestContext) -> Reply:
        """GET /_emulator/warnings: each once, the oldest first."""
        return Reply([asdict(warning) for warning in context.environment.warnings.all()])

    def reset(self, context: RequestContext) -> Reply:
        """POST /_emulator/reset."""
        self._reset()
        return no_content()

    def _chosen(self, context: RequestContext) -> Requests:
        """Return the requests to the route in the query, else all."""
        try:
            return self._requests.to(context.query.text("route") or "*")
        except ValueError as error:
            raise invalid(Detail("route", str(error))) from None


def not_the_owner() -> HTTPException:
    """Return the error for a control request with another key than the owner's."""
    detail = Detail("role", "must be owner, with the owner's own key")
    return HTTPException(403, "permission_denied", "The control API requires the owner's own key.", [detail])


def _failure_view(failure: Failure) -> Record:
    return {
        "route": failure.route,
        "kind": failure.kind,
        "status": failure.status,
        "times": failure.times,
        "remaining": failure.remaining,
        "delivered": failure.delivered,
    }
