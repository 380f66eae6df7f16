"""Preparing a batch: the workflow, the journal, the clock of the platform."""

from __future__ import annotations

from fibonacci._async.batch.context import AsyncBatchContext
from fibonacci._async.batch.requests import AsyncBatchRequests
from fibonacci._async.requestor import AsyncRequestor
from fibonacci._batch.journal_files import open_journal, temporary_journal
from fibonacci._batch.journal_schema import JournalHeader
from fibonacci._batch.options import BatchOptions
from fibonacci._core.rate_limit_headers import server_time


async def open_batch(
    requestor: AsyncRequestor, requests: AsyncBatchRequests, workflow_id: str, options: BatchOptions
) -> AsyncBatchContext:
    """Read the workflow and open the journal.

    Args:
        requestor: Sends the requests.
        requests: The requests about the workflow.
        workflow_id: The id of the workflow.
        options: The arguments of `run_many`.

    Raises:
        JournalError: If the journal cannot be used.
        APIError: If the workflow cannot be read.
    """
    workflow = await requests.workflow()
    received_at = requestor.clock.time()
    version = None if workflow.version is None else str(workflow.version)
    header = JournalHeader(workflow_id, version, options.parser.key_rule)
    journal = temporary_journal(header) if options.journal is None else open_journal(options.journal, header)
    journal.redact = requestor.redact
    return AsyncBatchContext(
        requestor,
        requests,
        options,
        journal,
        options.organization or workflow.organization_id,
        await requestor.use_limits(),
        server_time(workflow.response.headers, received_at) - received_at,
    )
