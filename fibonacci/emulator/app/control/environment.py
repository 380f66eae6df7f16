"""What workflows can reach: models, variables and secrets; and the warnings about them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from pydantic import Field

from fibonacci.emulator.app.control.parts import EmulatorParts
from fibonacci.emulator.context import RequestContext
from fibonacci.emulator.engine.variables import Variables
from fibonacci.emulator.http.bodies import Body, read
from fibonacci.emulator.http.errors import Detail, invalid, not_found
from fibonacci.emulator.http.replies import Reply, created, no_content


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
    """POST /models; one that is known already stays."""
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
    """GET /secrets: their names; nothing returns their values."""
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
