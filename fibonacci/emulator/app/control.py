"""The control API: the controls of an emulator for other languages and processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from typing import Annotated, Any, Final, Literal, cast

from pydantic import Field

from fibonacci.definitions.flow import reachable
from fibonacci.definitions.json_types import Whole
from fibonacci.emulator.account import Account, Actor, ApiKeys, KeyRole, Rate
from fibonacci.emulator.app.platform_api import EndpointCaller, router_of
from fibonacci.emulator.app.request_log import Requests
from fibonacci.emulator.app.responses import EncodedReply
from fibonacci.emulator.app.retention import Retention
from fibonacci.emulator.context import Endpoint, RequestContext
from fibonacci.emulator.engine.compiled import compiled
from fibonacci.emulator.engine.records import view_of
from fibonacci.emulator.engine.scripts import Script, ScriptError, answer_view, new_script
from fibonacci.emulator.engine.variables import Variables
from fibonacci.emulator.faults import FailureError, FailureKind, FailureSpec, FaultInjector, InjectedFailure
from fibonacci.emulator.http.bodies import MAX_BODY, Body, read
from fibonacci.emulator.http.messages import (
    Detail,
    HTTPException,
    Reply,
    ServerRequest,
    created,
    encoded_json,
    invalid,
    no_content,
    not_found,
    payload_too_large,
)
from fibonacci.emulator.http.router import Router
from fibonacci.emulator.option_values import PlanName
from fibonacci.emulator.policy.admission import execute
from fibonacci.emulator.policy.approvals import Approvals
from fibonacci.emulator.routes.executions import find_execution
from fibonacci.emulator.state.clock import VirtualClock, iso
from fibonacci.emulator.state.json_encoding import JSONObject
from fibonacci.emulator.state.records import StoredNode, StoredWorkflow
from fibonacci.emulator.state.snapshot import SnapshotError

CONTROL_PREFIX: Final = "_emulator"


@dataclass(frozen=True, slots=True)
class EmulatorParts:
    """The parts of an emulator that the control API reads and changes, besides what a request context has.

    Attributes:
        account: The plan and the rate limit.
        approvals: Decisions about runs that wait for approval.
        clock: The emulator's time.
        faults: The injected faults.
        keys: The accepted keys.
        requests: The recorded requests.
        reset: Deletes everything.
        restore: Replaces the state by that of a snapshot.
        retention: How many executions are kept.
        snapshot: Returns the complete state.
    """

    account: Account
    approvals: Approvals
    clock: VirtualClock
    faults: FaultInjector
    keys: ApiKeys
    requests: Requests
    reset: Callable[[], None]
    restore: Callable[[bytes], None]
    retention: Retention
    snapshot: Callable[[], bytes]


ControlHandler = Callable[[EmulatorParts, RequestContext], Reply]
"""Validates everything first and changes something last, so that an error changes nothing."""


class Decision(Body):
    """The body of a decision about a run that waits for approval."""

    decision: Literal["approve", "reject"] = "approve"
    by: Annotated[str, Field(min_length=1, max_length=100)]


def decide(parts: EmulatorParts, context: RequestContext) -> Reply:
    """POST /approvals/{execution_id}."""
    body = read(Decision, context.body)
    return Reply(parts.approvals.decide(context.path["execution_id"], body.by, approve=body.decision == "approve"))


class Resume(Body):
    """The body of running the rest of a run."""

    node: str
    output: Any


def resume(parts: EmulatorParts, context: RequestContext) -> Reply:
    """POST /runs/{execution_id}/resume: a new run, in which a node has an output and what it needed is not repeated."""
    body, earlier = read(Resume, context.body), find_execution(context, "execution_id")
    version = context.store.versions.get(earlier["workflow_id"], str(earlier["workflow_version"]))
    workflow = context.store.workflows.get(earlier["workflow_id"])
    if version is None or workflow is None:
        raise not_found("execution_id", "workflow", earlier["workflow_id"])
    compiled_workflow = compiled(version["definition"])
    if body.node not in compiled_workflow.nodes:
        raise invalid(Detail("node", f"must be a node of version {version['version']}, not {body.node[:100]!r}"))
    after = reachable(compiled_workflow.followers, body.node)
    ended = {"started": context.now, "ended": context.now, "stopped": False}
    given = {**compiled_workflow.unstarted[body.node], "status": "completed", "output": body.output, **ended}
    kept = [node for node in earlier["nodes"] if node["status"] == "completed" and node["id"] not in after]
    nodes = cast("list[StoredNode]", [*kept, given])
    run: StoredWorkflow = {**workflow, "definition": version["definition"], "version": version["version"]}
    return created(view_of(execute(context, run, earlier["inputs"], nodes), context.now))


class Advance(Body):
    """The body of advancing the clock."""

    seconds: Annotated[float, Field(ge=0, le=1e12)]


def read_clock(parts: EmulatorParts, context: RequestContext) -> Reply:
    """GET /clock."""
    return _clock_shown(parts)


def advance(parts: EmulatorParts, context: RequestContext) -> Reply:
    """POST /clock/advance."""
    parts.clock.advance(read(Advance, context.body).seconds)
    return _clock_shown(parts)


def _clock_shown(parts: EmulatorParts) -> Reply:
    clock = parts.clock
    return Reply({"now": iso(clock.now()), "mode": clock.mode, "skipped": clock.skipped})


class ModelCreate(Body):
    """The body of adding a model."""

    name: Annotated[str, Field(min_length=1, max_length=200)]


class VariableSet(Body):
    """The body of setting a variable or a secret."""

    value: str


def list_warnings(parts: EmulatorParts, context: RequestContext) -> Reply:
    """GET /warnings: each once, the oldest first."""
    return Reply([asdict(warning) for warning in context.environment.warnings.all()])


def list_models(parts: EmulatorParts, context: RequestContext) -> Reply:
    """GET /models."""
    return Reply([{"name": name} for name in context.environment.models])


def add_model(parts: EmulatorParts, context: RequestContext) -> Reply:
    """POST /models: add one, unless it is known already."""
    name = read(ModelCreate, context.body).name
    if name not in context.environment.models:
        context.environment.models.append(name)
    return created({"name": name})


def remove_model(parts: EmulatorParts, context: RequestContext) -> Reply:
    """DELETE /models/{name}."""
    try:
        context.environment.models.remove(context.path["name"])
    except ValueError:
        raise not_found("name", "model", context.path["name"]) from None
    return no_content()


def list_env(parts: EmulatorParts, context: RequestContext) -> Reply:
    """GET /env."""
    return Reply([{"name": name, "value": value} for name, value in context.environment.env.items()])


def set_env(parts: EmulatorParts, context: RequestContext) -> Reply:
    """PUT /env/{name}."""
    return Reply({"name": context.path["name"], "value": _set(context.environment.env, context)})


def delete_env(parts: EmulatorParts, context: RequestContext) -> Reply:
    """DELETE /env/{name}."""
    return _delete(context.environment.env, context, "variable")


def list_secrets(parts: EmulatorParts, context: RequestContext) -> Reply:
    """GET /secrets: only their names, because nothing returns their values."""
    return Reply([{"name": name} for name in context.environment.secrets])


def set_secret(parts: EmulatorParts, context: RequestContext) -> Reply:
    """PUT /secrets/{name}."""
    _set(context.environment.secrets, context)
    return Reply({"name": context.path["name"]})


def delete_secret(parts: EmulatorParts, context: RequestContext) -> Reply:
    """DELETE /secrets/{name}."""
    return _delete(context.environment.secrets, context, "secret")


def _set(variables: Variables, context: RequestContext) -> str:
    value = read(VariableSet, context.body).value
    try:
        variables[context.path["name"]] = value
    except ValueError as error:
        raise invalid(Detail("name", str(error))) from None
    return value


def _delete(variables: Variables, context: RequestContext, kind: str) -> Reply:
    try:
        del variables[context.path["name"]]
    except KeyError:
        raise not_found("name", kind, context.path["name"]) from None
    return no_content()


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
    """POST /chaos, which a rate of 0 stops."""
    body = read(ChaosCreate, context.body)
    try:
        failures = parts.faults.chaos(body.random_seed, body.rate, body.route, body.kinds)
    except FailureError as error:
        raise invalid(Detail(error.field, error.message)) from None
    return created(list(map(_failure_view, failures)))


def _failure_view(failure: InjectedFailure) -> JSONObject:
    return {
        "route": failure.route,
        "kind": failure.kind,
        "status": failure.status,
        "times": failure.times,
        "remaining": failure.remaining,
        "delivered": failure.delivered,
    }


class KeyCreate(Body):
    """The body of making a key: the arguments of `Emulator.key`."""

    role: KeyRole = "member"
    name: Annotated[str, Field(max_length=64)] | None = None


def make_key(parts: EmulatorParts, context: RequestContext) -> Reply:
    """POST /keys. The same body makes the same key."""
    body = read(KeyCreate, context.body)
    try:
        key = parts.keys.of(body.role, body.name)
    except ValueError as error:
        raise invalid(Detail("name", str(error))) from None
    return created({"role": body.role, "name": body.name, "key": key})


_MOST_REQUESTS: Final = 1000


def list_requests(parts: EmulatorParts, context: RequestContext) -> Reply:
    """GET /requests: the newest thousand, the oldest of them first."""
    return Reply([asdict(request) for request in _chosen(parts, context)[-_MOST_REQUESTS:]])


def clear_requests(parts: EmulatorParts, context: RequestContext) -> Reply:
    """DELETE /requests."""
    _chosen(parts, context).clear()
    return no_content()


def _chosen(parts: EmulatorParts, context: RequestContext) -> Requests:
    """Return the requests to the route in the query, else all."""
    try:
        return parts.requests.to(context.query.text("route") or "*")
    except ValueError as error:
        raise invalid(Detail("route", str(error))) from None


class ScriptCreate(Body):
    """The body of adding a script: the arguments of `Emulator.script`."""

    name: str
    answers: list[Any]
    repeat: bool = False


def list_scripts(parts: EmulatorParts, context: RequestContext) -> Reply:
    """GET /scripts."""
    return Reply(list(map(_script_view, context.environment.scripts)))


def add_script(parts: EmulatorParts, context: RequestContext) -> Reply:
    """POST /scripts."""
    body = read(ScriptCreate, context.body)
    try:
        script = new_script(body.name, body.answers, repeat=body.repeat)
        context.environment.scripts.add([script])
    except ScriptError as error:
        raise invalid(Detail(error.place, error.message)) from None
    return created(_script_view(script))


def clear_scripts(parts: EmulatorParts, context: RequestContext) -> Reply:
    """DELETE /scripts."""
    context.environment.scripts.clear()
    return no_content()


def _script_view(script: Script) -> JSONObject:
    return {
        "name": script.name,
        "answers": list(map(answer_view, script.answers)),
        "repeat": script.repeat,
        "taken": script.taken,
        "remaining": script.remaining,
    }


class RateLimitChange(Body):
    """Requests and seconds of a window."""

    requests: Annotated[Whole, Field(ge=1)]
    seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)]


class SettingsChange(Body):
    """The body of changing settings. What is not given stays."""

    plan: PlanName = "enterprise"
    rate_limit: RateLimitChange | None = None
    keep: Annotated[Whole, Field(ge=1)] | None = None


def read_settings(parts: EmulatorParts, context: RequestContext) -> Reply:
    """GET /settings."""
    return _settings_shown(parts, context)


def change_settings(parts: EmulatorParts, context: RequestContext) -> Reply:
    """PATCH /settings, where a `rate_limit` of null is the plan's, and a `keep` of null keeps all."""
    body = read(SettingsChange, context.body)
    given = body.model_fields_set
    if not given:
        raise invalid(Detail("body", "must have at least one of plan, rate_limit and keep"))
    if "plan" in given:
        parts.account.plan = body.plan
    if "rate_limit" in given:
        limit = body.rate_limit
        parts.account.set_rate(None if limit is None else Rate(limit.requests, limit.seconds))
    if "keep" in given:
        parts.retention.keep = body.keep
    return _settings_shown(parts, context)


def _settings_shown(parts: EmulatorParts, context: RequestContext) -> Reply:
    rate = parts.account.rate
    return Reply(
        {
            "organization_id": context.organization,
            "strict": context.environment.warnings.strict,
            "plan": parts.account.plan,
            "rate_limit": {"requests": rate.limit, "seconds": rate.seconds},
            "keep": parts.retention.keep,
        }
    )


def snapshot(parts: EmulatorParts, context: RequestContext) -> Reply:
    """GET /snapshot: the body is the snapshot, which is JSON, as `Emulator.snapshot` returns it."""
    return encoded_json(parts.snapshot())


def restore(parts: EmulatorParts, context: RequestContext) -> Reply:
    """POST /restore, with a snapshot as the body."""
    try:
        parts.restore(context.body.raw)
    except SnapshotError as error:
        raise invalid(Detail("body", str(error))) from None
    return no_content()


def reset(parts: EmulatorParts, context: RequestContext) -> Reply:
    """POST /reset."""
    parts.reset()
    return no_content()


CONTROL_ENDPOINTS: Final[Sequence[Endpoint[ControlHandler]]] = (
    Endpoint("POST", "/keys", make_key),
    Endpoint("POST", "/approvals/{execution_id}", decide),
    Endpoint("GET", "/failures", list_failures),
    Endpoint("POST", "/failures", inject_failure),
    Endpoint("DELETE", "/failures", clear_failures),
    Endpoint("POST", "/chaos", start_chaos),
    Endpoint("GET", "/requests", list_requests),
    Endpoint("DELETE", "/requests", clear_requests, query=("route",)),
    Endpoint("GET", "/scripts", list_scripts),
    Endpoint("POST", "/scripts", add_script),
    Endpoint("DELETE", "/scripts", clear_scripts),
    Endpoint("GET", "/warnings", list_warnings),
    Endpoint("GET", "/models", list_models),
    Endpoint("POST", "/models", add_model),
    Endpoint("DELETE", "/models/{name}", remove_model),
    Endpoint("GET", "/env", list_env),
    Endpoint("PUT", "/env/{name}", set_env),
    Endpoint("DELETE", "/env/{name}", delete_env),
    Endpoint("GET", "/secrets", list_secrets),
    Endpoint("PUT", "/secrets/{name}", set_secret),
    Endpoint("DELETE", "/secrets/{name}", delete_secret),
    Endpoint("GET", "/clock", read_clock),
    Endpoint("POST", "/clock/advance", advance),
    Endpoint("GET", "/settings", read_settings),
    Endpoint("PATCH", "/settings", change_settings),
    Endpoint("GET", "/snapshot", snapshot),
    Endpoint("POST", "/restore", restore),
    Endpoint("POST", "/reset", reset),
)


_OF_THE_PAGE: Final[Sequence[Endpoint[ControlHandler]]] = (Endpoint("POST", "/runs/{execution_id}/resume", resume),)
"""What the page sends and no document names."""


def control_endpoints(parts: EmulatorParts) -> Iterator[Endpoint]:
    """Yield the endpoints for the parts of one emulator."""
    rows = [*CONTROL_ENDPOINTS, *_OF_THE_PAGE]
    return (Endpoint(row.method, row.path, partial(row.handler, parts), query=row.query) for row in rows)


MAX_SNAPSHOT: Final = 1024 * 1024 * 1024
"""The largest snapshot that can be sent, in bytes."""

_RESTORE: Final = f"/{CONTROL_PREFIX}/restore"


class ControlAPI:
    """Calls the handlers of the control API for the owner.

    Args:
        parts: The parts of the emulator.
        endpoints: Calls a handler.
    """

    def __init__(self, parts: EmulatorParts, endpoints: EndpointCaller) -> None:
        self._parts = parts
        self._endpoints = endpoints

    def call(self, request: ServerRequest, now: float) -> EncodedReply:
        """Handle one request.

        Raises:
            HTTPException: 401 or 403 with another key than the owner's own, 413 if the body is too large.
        """
        actor = self._authenticate(request)
        limit = _limit(request)
        if len(request.body) > limit:
            raise payload_too_large(limit)
        return self._endpoints.call(self._router, request, actor, now)

    def body_limit(self, request: ServerRequest) -> int:
        """Return the largest body of a request, in bytes: the owner may send a snapshot.

        Raises:
            HTTPException: 401 or 403 with another key than the owner's own.
        """
        self._authenticate(request)
        return _limit(request)

    def _authenticate(self, request: ServerRequest) -> Actor:
        api_key, actor = self._parts.keys.authenticate(request.headers.get("authorization", ""))
        if not self._parts.keys.is_owner(api_key):
            detail = Detail("role", "must be owner, with the owner's own key")
            raise HTTPException(403, "permission_denied", "The control API requires the owner's own key.", [detail])
        return actor

    @cached_property
    def _router(self) -> Router[Endpoint]:
        return router_of(control_endpoints(self._parts), CONTROL_PREFIX)


def _limit(request: ServerRequest) -> int:
    return MAX_SNAPSHOT if request.target == _RESTORE else MAX_BODY
