"""The settings of the emulator: those that it was started with, and those that can be changed."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from fibonacci.definitions.json_types import Whole
from fibonacci.emulator.account.rate_limits import Rate
from fibonacci.emulator.app.control.parts import EmulatorParts
from fibonacci.emulator.context import RequestContext
from fibonacci.emulator.http.bodies import Body, read
from fibonacci.emulator.http.errors import Detail, invalid
from fibonacci.emulator.http.replies import Reply
from fibonacci.emulator.option_values import PlanName


class RateLimitChange(Body):
    """Requests and seconds of a window."""

    requests: Annotated[Whole, Field(ge=1)]
    seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)]


class SettingsChange(Body):
    """The body of changing settings; what is not given stays."""

    plan: PlanName = "enterprise"
    rate_limit: RateLimitChange | None = None
    keep: Annotated[Whole, Field(ge=1)] | None = None


def read_settings(parts: EmulatorParts, context: RequestContext) -> Reply:
    """GET /settings."""
    return _shown(parts, context)


def change_settings(parts: EmulatorParts, context: RequestContext) -> Reply:
    """PATCH /settings; a `rate_limit` of null is the plan's, a `keep` of null keeps all."""
    body = read(SettingsChange, context.body)
    given = body.model_fields_set
    if not given:
        raise invalid(Detail("body", "has at least one of plan, rate_limit and keep"))
    if "plan" in given:
        parts.account.plan = body.plan
    if "rate_limit" in given:
        limit = body.rate_limit
        parts.account.set_rate(None if limit is None else Rate(limit.requests, limit.seconds))
    if "keep" in given:
        parts.retention.keep = body.keep
    return _shown(parts, context)


def _shown(parts: EmulatorParts, context: RequestContext) -> Reply:
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
