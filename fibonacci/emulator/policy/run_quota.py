"""The quotas of runs: how many an organization may start per hour and have running at a time.

A run counts when it is requested, whether or not it requires approval. The hour begins with its first run. An approved
run starts even if `concurrent_executions` is exhausted.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from fibonacci.emulator.account.plans import PLANS
from fibonacci.emulator.context import RequestContext
from fibonacci.emulator.http.errors import Detail, HTTPException, too_many_requests
from fibonacci.emulator.option_values import PlanName
from fibonacci.emulator.state.store import Store

HOUR: Final = 3600.0


def effective_quota(store: Store, plan: PlanName, organization: str) -> Mapping[str, int]:
    """Return the quota of an organization: its overrides, else the limits of the plan."""
    return {**PLANS[plan].quota, **(store.quota_overrides.get(organization) or {})}


def take_run(context: RequestContext) -> None:
    """Count one more run.

    Raises:
        HTTPException: 429 `quota_exceeded` if a quota is exhausted; nothing is counted.
    """
    quota = effective_quota(context.store, context.plan, context.organization)
    window = context.store.run_windows.get(context.organization)
    if window is None or window["ends"] <= context.now:
        window = {"ends": context.now + HOUR, "used": 0}
    limit = quota["workflow_runs_per_hour"]
    if window["used"] >= limit:
        raise _used_up("workflow_runs_per_hour", limit, math.ceil(window["ends"] - context.now))
    limit = quota["concurrent_executions"]
    if context.store.runs.count() >= limit:
        raise _used_up("concurrent_executions", limit, None)
    context.store.run_windows.put(context.organization, record=window | {"used": window["used"] + 1})


def _used_up(name: str, limit: int, retry_after: int | None) -> HTTPException:
    message = f"The quota {name} of {limit} is used up."
    return too_many_requests("quota_exceeded", message, retry_after, Detail(name, f"is {limit}, and used up"))
