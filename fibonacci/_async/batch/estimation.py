"""Reading what an estimate needs."""

from __future__ import annotations

from statistics import median

from fibonacci._async.batch.requests import AsyncBatchRequests
from fibonacci._async.requestor import AsyncRequestor
from fibonacci._batch.estimate import BatchLimits, RunsEstimate, estimated, per_day_of
from fibonacci._batch.options import BatchOptions
from fibonacci._batch.quota import quota_value
from fibonacci._core.option_checks import check_positive_int
from fibonacci.errors import APIStatusError
from fibonacci.models.organizations import Quota


async def estimate(
    requestor: AsyncRequestor, requests: AsyncBatchRequests, options: BatchOptions, rows: int | None
) -> RunsEstimate:
    """Estimate how long rows take.

    Args:
        requestor: Sends the requests.
        requests: The requests about the workflow.
        options: The arguments of `run_many`.
        rows: The number of rows; None for that of the options.

    Raises:
        ValueError: If the number of rows is not known.
        APIError: If the workflow cannot be read.
    """
    count = options.total if rows is None else check_positive_int("rows", rows)
    if count is None:
        raise ValueError("the number of rows is not known: pass it, as in runs.estimate(20_000)")
    workflow = await requests.workflow()
    organization_id = options.organization_id or workflow.organization_id
    quota = None if organization_id is None else await _quota(requests, organization_id)
    page, _ = await requests.page()
    durations = [each.duration_ms / 1000 for each in page.items if each.is_terminal and each.duration_ms is not None]
    last = (await requestor.use_limits()).last
    allowed = [options.concurrency, quota_value(quota, "concurrent_executions")]
    plan = None if quota is None else quota.plan
    limits = BatchLimits(
        plan=plan,
        rate=None if last is None else float(last.limit),
        per_day=per_day_of(plan),
        runs_per_hour=quota_value(quota, "workflow_runs_per_hour"),
        concurrency=min((each for each in allowed if each is not None), default=None),
        duration=median(durations) if durations else None,
    )
    return estimated(count, limits)


async def _quota(requests: AsyncBatchRequests, organization_id: str) -> Quota | None:
    try:
        return await requests.quota(organization_id)
    except APIStatusError:  # it may not be read by every role
        return None
