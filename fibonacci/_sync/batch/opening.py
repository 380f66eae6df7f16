# Derived from fibonacci/_async/batch/opening.py by tests/mirror.py; change that file, not this one.
"""Preparing a batch: the workflow, the journal, the clock of the platform."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from fibonacci._batch.journal import Journal
from fibonacci._batch.journal_files import open_journal, temporary_journal
from fibonacci._batch.journal_location import RedisJournalURL
from fibonacci._batch.journal_schema import AnyVersionHeader, JournalHeader
from fibonacci._batch.options import BatchOptions
from fibonacci._core.rate_limit_headers import server_time
from fibonacci._sync.batch import _workers
from fibonacci._sync.batch.context import BatchContext
from fibonacci._sync.batch.requests import BatchRequests
from fibonacci._sync.requestor import Requestor


def open_batch(requestor: Requestor, requests: BatchRequests, workflow_id: str, options: BatchOptions) -> BatchContext:
    """Read the workflow and open the journal.

    From the moment that the journal is open, nothing waits: a cancellation would leave it open.

    Args:
        requestor: Sends the requests.
        requests: The requests about the workflow.
        workflow_id: The id of the workflow.
        options: The arguments of `run_many`.

    Raises:
        JournalError: If the journal cannot be used.
        ImportError: If it is in Redis, and redis-py is not installed. Nothing is sent.
        APIError: If the workflow cannot be read.
    """
    open_it = _journal_opener(options.journal, options.resume)
    workflow = requests.workflow()
    received_at = requestor.clock.time()
    version = None if workflow.version is None else str(workflow.version)
    kind = AnyVersionHeader if options.if_new_version == "continue" else JournalHeader
    header = kind(workflow_id, version, options.parser.key_rule)
    limits = requestor.use_limits()
    if isinstance(options.journal, RedisJournalURL):
        journal = _workers.beside(partial(open_it, header))
    else:
        journal = open_it(header)
    journal.redact = requestor.redact
    return BatchContext(
        requestor,
        requests,
        options,
        journal,
        options.organization_id or workflow.organization_id,
        workflow.definition,
        limits,
        server_time(workflow.response.headers, received_at) - received_at,
    )


def _journal_opener(journal: str | RedisJournalURL | None, resume: bool | None) -> Callable[[JournalHeader], Journal]:
    """Return what opens a journal. Nothing is sent before."""
    if journal is None:
        return temporary_journal
    if isinstance(journal, str):
        return partial(open_journal, journal)
    from fibonacci._batch.redis_opening import open_redis_journal
    from fibonacci._net.redis_connection import RedisConnection

    return partial(open_redis_journal, RedisConnection(journal.url, "journal"), journal, resume=resume)
