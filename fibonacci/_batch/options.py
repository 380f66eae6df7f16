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

ON_UNKNOWN = ("raise", "skip", "rerun")
ON_QUOTA = ("wait", "stop")


@dataclass(frozen=True, slots=True)
class BatchOptions:
    """The checked arguments of `run_many`.

    Attributes:
        parser: Makes rows of what the iterable yields.
        journal: The path of the journal, or its place in Redis; None for none.
        concurrency: The largest number of rows under way; None for what the quota leaves.
        timeout: Seconds to wait for the end of each execution; None for no limit.
        max_failures: How many rows may fail; None for all.
        on_result: Called with each result.
        on_unknown: `raise`, `skip` or `rerun`.
        on_quota: `wait` or `stop`.
        ordered: Whether results come in the order of the rows.
        organization_id: The id of the organization whose quota counts; None for that of the workflow.
        progress: Whether to show the progress.
        total: The number of rows; None where it is not known.
    """

    parser: RowParser
    journal: str | RedisJournalURL | None
    concurrency: int | None
    timeout: float | None
    max_failures: int | None
    on_result: Callable[[Any], object] | None
    on_unknown: str
    on_quota: str
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
        concurrency: Any,
        timeout: Any,
        max_failures: Any,
        on_result: Any,
        on_unknown: Any,
        on_quota: Any,
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
        if organization_id == "":
            raise ValueError("organization_id must be the id of an organization or None; it is empty")
        return cls(
            parser=RowParser(key, inputs),
            journal=check_journal(journal),
            concurrency=None if concurrency is None else check_positive_int("concurrency", concurrency),
            timeout=check_timeout(timeout),
            max_failures=None if max_failures is None else check_count("max_failures", max_failures),
            on_result=on_result,  # checked before: what is wrong with it depends on the mode
            on_unknown=_choice("on_unknown", on_unknown, ON_UNKNOWN),
            on_quota=_choice("on_quota", on_quota, ON_QUOTA),
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
