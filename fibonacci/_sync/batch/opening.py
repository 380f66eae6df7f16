# Derived from fibonacci/_async/batch/opening.py by tests/tools/mirror.py; change that file, not this one.
"""Preparing a batch: the workflow, the journal, the clock of the platform, and what an estimate needs."""

from __future__ import annotations

import itertools
from contextlib import suppress
from statistics import median

from fibonacci._batch.concurrency import quota_value
from fibonacci._batch.estimate import BatchLimits, RunsEstimate, estimated
from fibonacci._batch.journal_schema import JournalHeader, version_text
from fibonacci._batch.options import BatchOptions
from fibonacci._batch.rows import can_be_read_again
from fibonacci._batch.sql_journal import SQLJournal
from fibonacci._batch.sqlite_journal import check_journal_file, open_journal
from fibonacci._batch.state import ResultList
from fibonacci._core.options import check_positive_int
from fibonacci._core.response import server_time
from fibonacci._sync.batch import _workers
from fibonacci._sync.batch.context import BatchContext, BatchRequests
from fibonacci._sync.batch.reader import check_first_row
from fibonacci._sync.requestor import Requestor
from fibonacci.errors import APIStatusError, UnsupportedCallError
from fibonacci.models.workflows import Workflow


def open_batch(requestor: Requestor, requests: BatchRequests, options: BatchOptions) -> BatchContext:
    """Read the workflow and open the journal.

    From the moment that the journal is open, nothing waits: a cancellation would leave it open.

    Args:
        requestor: Sends the requests.
        requests: The requests about the workflow.
        options: The arguments of `run_many`.

    Raises:
        JournalError: If the journal can't be used.
        APIError: If the workflow can't be read.
    """
    workflow = requests.workflow()
    received_at = requestor.clock.time()
    header = header_of(requests.workflow_id, workflow, options)
    limits = requestor.use_limits()
    journal: SQLJournal | ResultList = ResultList()
    try:
        if options.postgres is not None:
            from fibonacci._batch.postgres_journal import open_postgres_journal

            journal = open_postgres_journal(options.postgres, header, options.resume)
        elif options.journal is not None:
            journal = open_journal(options.journal, header, options.resume)
        if isinstance(journal, SQLJournal):
            journal.redact = requestor.redact
        context = BatchContext(
            requestor,
            requests,
            options,
            journal,
            workflow.organization_id,
            workflow.definition,
            version_text(workflow.version),
            limits,
            server_time(workflow.response.headers, received_at) - received_at,
        )
        if options.if_new_version == "continue":
            context.state.new_version = context.version
        return context
    except BaseException:  # Ctrl-C
        journal.close()
        raise


def header_of(workflow_id: str, workflow: Workflow, options: BatchOptions) -> JournalHeader:
    """Return what a run belongs to."""
    version = None if options.if_new_version == "continue" else version_text(workflow.version)
    return JournalHeader(workflow_id, version, options.parser.key_rule)


def estimate(
    requestor: Requestor,
    requests: BatchRequests,
    options: BatchOptions,
    rows: _workers.Rows,
    number: int | None,
) -> RunsEstimate:
    """Estimate how long rows take, and check what is checked before the first of them.

    Args:
        requestor: Sends the requests.
        requests: The requests about the workflow.
        options: The arguments of `run_many`.
        rows: The rows, which are read only if they can be read again.
        number: How many there are. None for the number of the options.

    Raises:
        ValueError: If the number of rows isn't known, or the rows aren't what the workflow needs.
        JournalError: If the journal can't be used.
        APIError: If the workflow can't be read.
    """
    count = options.total if number is None else check_positive_int("rows", number)
    if count is None:
        raise ValueError("the number of rows is unknown: pass it, as in runs.estimate(20_000)")
    if number is None and options.max_rows is not None:
        count = min(count, options.max_rows)
    repeatable = rows if can_be_read_again(rows) else ()
    options.parser.check_keys(repeatable)
    workflow = requests.workflow()
    for value in itertools.islice(repeatable, 1):
        row, fault = options.parser.parse(0, value)
        if fault is None:
            check_first_row(row, workflow.definition, options.parser.key_column)
    header = header_of(requests.workflow_id, workflow, options)
    if options.postgres is not None:
        from fibonacci._batch.postgres_journal import check_postgres_journal

        check_postgres_journal(options.postgres, header, options.resume)
    elif options.journal is not None:
        check_journal_file(options.journal, header, options.resume)
    quota = None
    if workflow.organization_id is not None:
        with suppress(APIStatusError, UnsupportedCallError):  # not every role can read it, if any
            quota = requests.quota(workflow.organization_id)
    durations = [
        execution.duration_ms / 1000
        for execution in requests.latest()
        if execution.is_terminal and execution.duration_ms is not None
    ]
    last = requestor.use_limits().last
    allowed = [options.concurrency, quota_value(quota, "concurrent_executions")]
    limits = BatchLimits.of(
        quota,
        None if last is None else last.limit,
        min((number for number in allowed if number is not None), default=None),
        median(durations) if durations else None,
    )
    return estimated(count, limits)
