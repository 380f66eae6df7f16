"""Injected failures and chaos."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from fibonacci.definitions.json_types import Whole
from fibonacci.emulator.app.control.parts import EmulatorParts
from fibonacci.emulator.context import RequestContext
from fibonacci.emulator.faults.fault import FailureError, FailureKind, FailureSpec, InjectedFailure
from fibonacci.emulator.http.bodies import Body, read
from fibonacci.emulator.http.errors import Detail, invalid
from fibonacci.emulator.http.replies import Reply, created, no_content
from fibonacci.emulator.state.tables import Record

_Route = Annotated[str, Field(min_length=1, max_length=1000)]


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

    random_seed: Whole = 0
    rate: float = 0.05
    route: _Route = "*"
    kinds: list[FailureKind] = Field(default_factory=list[FailureKind])


def list_failures(parts: EmulatorParts, context: RequestContext) -> Reply:
    """GET /failures."""
    return Reply(list(map(_failure_view, parts.faults.all())))


def inject_failure(parts: EmulatorParts, context: RequestContext) -> Reply:
    """POST /failures."""
    body = read(FailureCreate, context.body)
    try:
        return created(_failure_view(parts.faults.inject(FailureSpec(**dict(body)))))
    except FailureError as error:
        raise invalid(Detail(error.field, error.message)) from None


def clear_failures(parts: EmulatorParts, context: RequestContext) -> Reply:
    """DELETE /failures."""
    parts.faults.clear()
    return no_content()


def start_chaos(parts: EmulatorParts, context: RequestContext) -> Reply:
    """POST /chaos; a rate of 0 stops it."""
    body = read(ChaosCreate, context.body)
    try:
        failures = parts.faults.chaos(body.random_seed, body.rate, body.route, body.kinds)
    except FailureError as error:
        raise invalid(Detail(error.field, error.message)) from None
    return created(list(map(_failure_view, failures)))


def _failure_view(failure: InjectedFailure) -> Record:
    return {
        "route": failure.route,
        "kind": failure.kind,
        "status": failure.status,
        "times": failure.times,
        "remaining": failure.remaining,
        "delivered": failure.delivered,
    }
