"""Which executions of the list are those of rows whose start had no response. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC
from typing import Final

from fibonacci._batch.row import Row, digest_of
from fibonacci._core.request_body import canonical
from fibonacci.models.executions import Execution

REPEATABLE_FOR: Final = 86_400.0 - 600.0
"""Seconds for which a server surely honors an idempotency key: a day, less what clocks may differ."""

# Seconds by which the time of an execution may precede that of the intent: the platform's `Date` has whole seconds.
_TOLERANCE: Final = 2.0


def may_repeat(row: Row, now: float, *, is_honored: bool) -> bool:
    """Whether the request that starts a row can be sent again with the same key, and starts it once.

    Args:
        row: The row.
        now: The Unix time on the platform's clock.
        is_honored: Whether the user states that the server honors idempotency keys.
    """
    return is_honored and -_TOLERANCE <= now - row.intended_at < REPEATABLE_FOR


def earliest(rows: Iterable[Row]) -> float:
    """Return the Unix time before which no execution can be that of one of the rows."""
    return min(row.intended_at for row in rows) - _TOLERANCE


def created_at(execution: Execution) -> float | None:
    """Return the Unix time of an execution's creation, which is in UTC where it names no zone; None if unknown."""
    created = execution.created_at
    if created is None:
        return None
    return (created if created.tzinfo else created.replace(tzinfo=UTC)).timestamp()


def inputs_digest(execution: Execution) -> bytes | None:
    """Return the digest of an execution's inputs; None where the platform does not send them."""
    return None if execution.inputs is None else digest_of(canonical(execution.inputs))


def matches(rows: Sequence[Row], candidates: Iterable[tuple[Execution, bytes]]) -> list[tuple[Row, Execution]]:
    """Return the rows that have one execution which can be theirs alone.

    Args:
        rows: Rows whose start had no response.
        candidates: Executions of the workflow that belong to no other row, with the digests of their inputs.
    """
    of_digest: dict[bytes, list[Row]] = {}
    for row in rows:
        of_digest.setdefault(row.digest, []).append(row)
    found: dict[bytes, list[Execution]] = {}
    for execution, digest in candidates:
        if digest in of_digest and _is_after(execution, of_digest[digest][0].intended_at):
            found.setdefault(digest, []).append(execution)
    return [
        (of_digest[digest][0], executions[0])
        for digest, executions in found.items()
        if len(executions) == 1 and len(of_digest[digest]) == 1
    ]


def _is_after(execution: Execution, intended_at: float) -> bool:
    created = created_at(execution)
    return created is not None and created >= intended_at - _TOLERANCE
