"""The arguments of `run_many`, checked before anything happens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fibonacci._batch.journal_location import RedisJournalURL, check_journal
from fibonacci._batch.rows import RowParser
from fibonacci._core.option_checks import (
    check_count,
    check_flag,
    check_positive_int,
    check_timeout,
    kind_of,
)

IF_UNKNOWN = ("raise", "skip", "match", "rerun")
IF_QUOTA_EXCEEDED = ("wait", "raise")
IF_NEW_VERSION = ("raise", "continue")


@dataclass(frozen=True, slots=True)
class BatchOptions:
    """The checked arguments of `run_many`.

    Attributes:
        parser: Makes rows of what the iterable yields.
        journal: The path of the journal, or its place in Redis; None for none.
        resume: Whether the journal must have rows; None where it may have some or none.
        concurrency: The largest number of rows under way; None for what the quota leaves.
        timeout: Seconds to wait for the end of each execution; None for no limit.
        max_failures: How many rows may fail or time out; None for all, unless none of the first succeeds.
        max_unknown: How many rows may be of unknown outcome; None as for `max_failures`.
        max_rows: How many rows may be started; None for all.
        on_result: Called with each result.
        if_unknown: `raise`, `skip`, `match` or `rerun`.
        if_quota_exceeded: `wait` or `raise`.
        if_new_version: `raise` or `continue`.
        retry_failed: Whether rows are started again that have failed in an earlier call.
        ordered: Whether results come in the order of the rows.
        organization_id: The id of the organization whose quota counts; None for that of the workflow.
        progress: Whether to show the progress.
        total: The number of rows; None where it is not known.
    """

    parser: RowParser
    journal: str | RedisJournalURL | None
    resume: bool | None
    concurrency: int | None
    timeout: float | None
    max_failures: int | None
    max_unknown: int | None
    max_rows: int | None
    on_result: Callable[[Any], object] | None
    if_unknown: str
    if_quota_exceeded: str
    if_new_version: str
    retry_failed: bool
    ordered: bool
    organization_id: str | None
    progress: bool
    total: int | None

    @classmethod
    def checked(
        cls,
        rows: Any,
        *,
        key: Any,
        inputs: Any,
        journal: Any,
        resume: Any,
        concurrency: Any,
        timeout: Any,
        max_failures: Any,
        max_unknown: Any,
        max_rows: Any,
        on_result: Any,
        if_unknown: Any,
        if_quota_exceeded: Any,
        if_new_version: Any,
        retry_failed: Any,
        ordered: Any,
        organization_id: Any,
        progress: Any,
    ) -> BatchOptions:
        """Check the arguments of `run_many`.

        Raises:
            TypeError: If one is of the wrong type.
            ValueError: If one has a wrong value.
        """
        if organization_id is not None and not isinstance(organization_id, str):
            raise TypeError(f"organization_id must be a str or None, not {kind_of(organization_id)}")
        if resume is not None and journal is None:
            raise ValueError("resume needs a journal: pass journal=, the path of the file or the URL of the batch")
        if organization_id == "":
            raise ValueError("organization_id must be the id of an organization or None; it is empty")
        if check_flag("retry_failed", retry_failed) and journal is None:
            raise ValueError("retry_failed is for rows that have failed in an earlier call: pass its journal=")
        return cls(
            parser=RowParser(key, inputs),
            journal=check_journal(journal),
            resume=None if resume is None else check_flag("resume", resume),
            concurrency=None if concurrency is None else check_positive_int("concurrency", concurrency),
            timeout=check_timeout(timeout),
            max_failures=None if max_failures is None else check_count("max_failures", max_failures),
            max_unknown=None if max_unknown is None else check_count("max_unknown", max_unknown),
            max_rows=None if max_rows is None else check_positive_int("max_rows", max_rows),
            on_result=on_result,  # checked before: what is wrong with it depends on the mode
            if_unknown=_choice("if_unknown", if_unknown, IF_UNKNOWN),
            if_quota_exceeded=_choice("if_quota_exceeded", if_quota_exceeded, IF_QUOTA_EXCEEDED),
            if_new_version=_choice("if_new_version", if_new_version, IF_NEW_VERSION),
            retry_failed=retry_failed,
            ordered=check_flag("ordered", ordered),
            organization_id=organization_id,
            progress=check_flag("progress", progress),
            total=_count(rows),
        )


def _count(rows: Any) -> int | None:
    """Return the number of rows; None where it is not known."""
    try:
        return len(rows)
    except Exception:  # of any kind: some iterables have a length that fails, such as a tqdm bar over a generator
        return None


def _choice(name: str, value: Any, choices: tuple[str, ...]) -> str:
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, not {value!r}")
    return str(value)
