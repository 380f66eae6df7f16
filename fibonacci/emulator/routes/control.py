"""The control API: the controls of an emulator for other languages and processes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Annotated, Any, Final, Literal, cast

from pydantic import Field

from fibonacci.definitions.flow import reachable
from fibonacci.definitions.json_types import Whole
from fibonacci.emulator.account import KeyRole, Rate
from fibonacci.emulator.context import Endpoint, RequestContext, RunReply
from fibonacci.emulator.engine.compiled import compiled
from fibonacci.emulator.engine.records import view_of
from fibonacci.emulator.engine.scripts import Script, ScriptError, answer_view, new_script
from fibonacci.emulator.engine.variables import Variables
from fibonacci.emulator.faults import FailureError, FailureKind, FailureSpec, InjectedFailure
from fibonacci.emulator.http.messages import (
    Body,
    Detail,
    Reply,
    created,
    encoded_json,
    invalid,
    no_content,
    not_found,
    read,
)
from fibonacci.emulator.option_values import PlanName
from fibonacci.emulator.policy.admission import execute
from fibonacci.emulator.policy.approvals import decide
from fibonacci.emulator.request_log import Requests
from fibonacci.emulator.routes.executions import find_execution
from fibonacci.emulator.state.clock import iso
from fibonacci.emulator.state.json_encoding import JSONObject
from fibonacci.emulator.state.records import StoredExecution, StoredNode, StoredWorkflow
from fibonacci.emulator.state.snapshot import SnapshotError


class Decision(Body):
    """The body of a decision about a run that waits for approval."""

    decision: Literal["approve", "reject"] = "approve"
    by: Annotated[str, Field(min_length=1, max_length=100)]


def decide_run(context: RequestContext) -> RunReply:
    """POST /approvals/{execution_id}."""
    body = read(Decision, context.body)
    platform, is_approved = context.platform, body.decision == "approve"
    with platform.store.transaction():
        execution = decide(platform, context.path["execution_id"], body.by, approve=is_approved)
    return RunReply(execution, _run)


def _run(execution: StoredExecution, now: float) -> Reply:
    return Reply(view_of(execution, now))


class Resume(Body):
    """The body of running the rest of a run."""

    node: str
    output: Any


def resume(context: RequestContext) -> Reply:
    """POST /runs/{execution_id}/resume: a new run, with one node's output given, that repeats what follows it."""
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


def read_clock(context: RequestContext) -> Reply:
    """GET /clock."""
    clock = context.platform.clock
    return Reply({"now": iso(clock.now()), "mode": clock.mode, "skipped": clock.skipped})


def advance(context: RequestContext) -> Reply:
    """POST /clock/advance."""
    context.platform.clock.advance(read(Advance, context.body).seconds)
    return read_clock(context)


class ModelCreate(Body):
    """The body of adding a model."""

    name: Annotated[str, Field(min_length=1, max_length=200)]


class VariableSet(Body):
    """The body of setting a variable or a secret."""

    value: str


def list_warnings(context: RequestContext) -> Reply:
    """GET /warnings: each once, the oldest first."""
    return Reply([asdict(warning) for warning in context.environment.warnings.all()])


def list_models(context: RequestContext) -> Reply:
    """GET /models."""
    return Reply([{"name": name} for name in context.environment.models])


def add_model(context: RequestContext) -> Reply:
    """POST /models: add one, unless it is known already."""
    name = read(ModelCreate, context.body).name
    if name not in context.environment.models:
        context.environment.models.append(name)
    return created({"name": name})


def remove_model(context: RequestContext) -> Reply:
    """DELETE /models/{name}."""
    try:
        context.environment.models.remove(context.path["name"])
    except ValueError:
        raise not_found("name", "model", context.path["name"]) from None
    return no_content()


def list_variables(context: RequestContext, name: _Kind) -> Reply:
    """GET /env, and GET /secrets, whose values are never returned."""
    found = _variables(context, name).items()
    return Reply([{"name": key, "value": value} if name == "env" else {"name": key} for key, value in found])


def set_variable(context: RequestContext, name: _Kind) -> Reply:
    """PUT /env/{name} and /secrets/{name}."""
    key, value = context.path["name"], read(VariableSet, context.body).value
    try:
        _variables(context, name)[key] = value
    except ValueError as error:
        raise invalid(Detail("name", str(error))) from None
    return Reply({"name": key, "value": value} if name == "env" else {"name": key})


def delete_variable(context: RequestContext, name: _Kind) -> Reply:
    """DELETE /env/{name} and /secrets/{name}."""
    try:
        del _variables(context, name)[context.path["name"]]
    except KeyError:
        raise not_found("name", "variable" if name == "env" else "secret", context.path["name"]) from None
    return no_content()


_Kind = Literal["env", "secrets"]


def _variables(context: RequestContext, name: _Kind) -> Variables:
    return context.environment.env if name == "env" else context.environment.secrets


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


def list_failures(context: RequestContext) -> Reply:
    """GET /failures."""
    return Reply(list(map(_failure_view, context.platform.faults.all())))


def inject_failure(context: RequestContext) -> Reply:
    """POST /failures."""
    body = read(FailureCreate, context.body)
    try:
        return created(_failure_view(context.platform.faults.inject(FailureSpec(**dict(body)))))
    except FailureError as error:
        raise invalid(Detail(error.field, error.message)) from None


def clear_failures(context: RequestContext) -> Reply:
    """DELETE /failures."""
    context.platform.faults.clear()
    return no_content()


def start_chaos(context: RequestContext) -> Reply:
    """POST /chaos, which a rate of 0 stops."""
    body = read(ChaosCreate, context.body)
    try:
        failures = context.platform.faults.chaos(body.random_seed, body.rate, body.route, body.kinds)
    except FailureError as error:
        raise invalid(Detail(error.field, error.message)) from None
    return created(list(map(_failure_view, failures)))


def _failure_view(failure: InjectedFailure) -> JSONObject:
    names = ("route", "kind", "status", "times", "remaining", "delivered")
    return {name: getattr(failure, name) for name in names}


class KeyCreate(Body):
    """The body of making a key: the arguments of `Emulator.key`."""

    role: KeyRole = "member"
    name: Annotated[str, Field(max_length=64)] | None = None


def make_key(context: RequestContext) -> Reply:
    """POST /keys. The same body makes the same key."""
    body = read(KeyCreate, context.body)
    try:
        key = context.platform.keys.of(body.role, body.name)
    except ValueError as error:
        raise invalid(Detail("name", str(error))) from None
    return created({"role": body.role, "name": body.name, "key": key})


_MAX_REQUESTS: Final = 1000


def list_requests(context: RequestContext) -> Reply:
    """GET /requests: the newest thousand, the oldest of them first."""
    return Reply([asdict(request) for request in _chosen(context)[-_MAX_REQUESTS:]])


def clear_requests(context: RequestContext) -> Reply:
    """DELETE /requests."""
    _chosen(context).clear()
    return no_content()


def _chosen(context: RequestContext) -> Requests:
    """Return the requests to the route in the query, else all."""
    try:
        return Requests(context.platform.log).to(context.query.text("route") or "*")
    except ValueError as error:
        raise invalid(Detail("route", str(error))) from None


class ScriptCreate(Body):
    """The body of adding a script: the arguments of `Emulator.script`."""

    name: str
    answers: list[Any]
    repeat: bool = False


def list_scripts(context: RequestContext) -> Reply:
    """GET /scripts."""
    return Reply(list(map(_script_view, context.environment.scripts)))


def add_script(context: RequestContext) -> Reply:
    """POST /scripts."""
    body = read(ScriptCreate, context.body)
    try:
        script = new_script(body.name, body.answers, repeat=body.repeat)
        context.environment.scripts.add([script])
    except ScriptError as error:
        raise invalid(Detail(error.place, error.message)) from None
    return created(_script_view(script))


def clear_scripts(context: RequestContext) -> Reply:
    """DELETE /scripts."""
    context.environment.scripts.clear()
    return no_content()


def _script_view(script: Script) -> JSONObject:
    names = ("name", "repeat", "taken", "remaining")
    return {name: getattr(script, name) for name in names} | {"answers": list(map(answer_view, script.answers))}


class RateLimitChange(Body):
    """Requests and seconds of a window."""

    requests: Annotated[Whole, Field(ge=1)]
    seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)]


class SettingsChange(Body):
    """The body of changing settings. Settings that are not given stay."""

    plan: PlanName = "enterprise"
    rate_limit: RateLimitChange | None = None
    keep: Annotated[Whole, Field(ge=1)] | None = None


def read_settings(context: RequestContext) -> Reply:
    """GET /settings."""
    account = context.platform.account
    return Reply(
        {
            "organization_id": context.organization,
            "strict": context.environment.warnings.strict,
            "plan": account.plan,
            "rate_limit": {"requests": account.rate.limit, "seconds": account.rate.seconds},
            "keep": account.keep,
        }
    )


def change_settings(context: RequestContext) -> Reply:
    """PATCH /settings, where a `rate_limit` of null is the plan's, and a `keep` of null keeps all."""
    account, body = context.platform.account, read(SettingsChange, context.body)
    given = body.model_fields_set
    if not given:
        raise invalid(Detail("body", "must have at least one of plan, rate_limit and keep"))
    if given - {"keep"}:
        limit = body.rate_limit
        own_rate = None if limit is None else Rate(limit.requests, limit.seconds)
        plan = body.plan if "plan" in given else account.plan
        account.set_limits(plan, own_rate if "rate_limit" in given else account.own_rate)
    if "keep" in given:
        account.set_keep(body.keep)
    return read_settings(context)


def snapshot(context: RequestContext) -> Reply:
    """GET /snapshot: the body is the snapshot, which is JSON, as `Emulator.snapshot` returns it."""
    return encoded_json(context.store.snapshot())


def restore(context: RequestContext) -> Reply:
    """POST /restore, with a snapshot as the body."""
    try:
        context.platform.restore(context.body)
    except SnapshotError as error:
        raise invalid(Detail("body", str(error))) from None
    return no_content()


def reset(context: RequestContext) -> Reply:
    """POST /reset."""
    context.platform.reset()
    return no_content()


ENDPOINTS: Final[Sequence[Endpoint]] = (
    Endpoint("POST", "/keys", make_key),
    Endpoint("POST", "/approvals/{execution_id}", decide_run),
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
    Endpoint("GET", "/env", partial(list_variables, name="env")),
    Endpoint("PUT", "/env/{name}", partial(set_variable, name="env")),
    Endpoint("DELETE", "/env/{name}", partial(delete_variable, name="env")),
    Endpoint("GET", "/secrets", partial(list_variables, name="secrets")),
    Endpoint("PUT", "/secrets/{name}", partial(set_variable, name="secrets")),
    Endpoint("DELETE", "/secrets/{name}", partial(delete_variable, name="secrets")),
    Endpoint("GET", "/clock", read_clock),
    Endpoint("POST", "/clock/advance", advance),
    Endpoint("GET", "/settings", read_settings),
    Endpoint("PATCH", "/settings", change_settings),
    Endpoint("GET", "/snapshot", snapshot),
    Endpoint("POST", "/restore", restore),
    Endpoint("POST", "/reset", reset),
)


PAGE_ENDPOINTS: Final[Sequence[Endpoint]] = (Endpoint("POST", "/runs/{execution_id}/resume", resume),)
"""Endpoints that only the page uses, and that are not documented."""
