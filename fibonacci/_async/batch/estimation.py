"""Reading what an estimate needs."""

from __future__ import annotations

import itertools
from statistics import median

from fibonacci._async.batch import _workers
from fibonacci._async.batch.opening import check_journal, header_of, read_quota
from fibonacci._async.batch.reader import check_first_row
from fibonacci._async.batch.requests import AsyncBatchRequests
from fibonacci._async.requestor import AsyncRequestor
from fibonacci._batch.estimate import BatchLimits, RunsEstimate, estimated, per_day_of
from fibonacci._batch.options import BatchOptions
from fibonacci._batch.quota import quota_value
from fibonacci._batch.rows import can_be_read_again
from fibonacci._core.option_checks import check_positive_int


async def estimate(
    requestor: AsyncRequestor,
    requests: AsyncBatchRequests,
    options: BatchOptions,
    rows: _workers.AsyncRows,
    number: int | None,
) -> RunsEstimate:
    """Estimate how long rows take, and check what is checked before the first of them.

    Args:
        requestor: Sends the requests.
        requests: The requests about the workflow.
        options: The arguments of `run_many`.
        rows: The rows, which are read only if they can be read again.
        number: How many there are; None for the number of the options.

    Raises:
        ValueError: If the number of rows is not known, or the rows are not what the workflow needs.
        JournalError: If the journal cannot be used.
        APIError: If the workflow cannot be read.
    """
    count = options.total if number is None else check_positive_int("rows", number)
    if count is None:
        raise ValueError("the number of rows is not known: pass it, as in runs.estimate(20_000)")
    if number is None and options.max_rows is not None:
        count = min(count, options.max_rows)
    repeatable = rows if can_be_read_again(rows) else ()
    options.parser.check_keys(repeatable)
    workflow = await requests.workflow()
    for value in itertools.islice(repeatable, 1):
        row, fault = options.parser.parse(0, value)
        if fault is None:
            check_first_row(row, workflow.definition, options.parser.key_column)
    await check_journal(options, header_of(requests.workflow_id, workflow, options))
    organization_id = options.organization_id or workflow.organization_id
    quota = None
    if organization_id is not None:
        quota = await read_quota(requests, organization_id)
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
