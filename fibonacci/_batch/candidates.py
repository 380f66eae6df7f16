"""Which executions rows may have started whose request had no response. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from datetime import UTC
from heapq import merge
from itertools import islice
from typing import Final

from fibonacci._batch.rows import CLOCK_TOLERANCE, Row, digest_of
from fibonacci._core.request import canonical
from fibonacci.models.executions import Execution

_MOST: Final = 10
"""How many candidates a row has at most. Its execution is created soon after its request was sent."""


def created_at(execution: Execution) -> float:
    """Return the Unix time of an execution's creation, which is in UTC where it names no zone, or 0 if unknown."""
    created = execution.created_at
    if created is None:
        return 0.0
    return (created if created.tzinfo else created.replace(tzinfo=UTC)).timestamp()


def earliest(rows: Iterable[Row]) -> float:
    """Return the Unix time before which no execution can be that of one of the rows."""
    return min(row.intended_at for row in rows) - CLOCK_TOLERANCE


def candidates_of(rows: Sequence[Row], executions: Iterable[Execution]) -> dict[int, tuple[Execution, ...]]:
    """Return, by the index of each row, the first executions that were created since its request and may be its own.

    They have its inputs, or none that the platform lists.

    Args:
        rows: Rows whose start had no response.
        executions: Executions of the workflow.
    """
    unlisted: list[Execution] = []
    equal: dict[bytes, list[Execution]] = {row.digest: [] for row in rows}
    for execution in sorted(executions, key=created_at):
        if execution.inputs is None:
            unlisted.append(execution)
        elif (digest := digest_of(canonical(execution.inputs))) in equal:
            equal[digest].append(execution)
    found: dict[int, tuple[Execution, ...]] = {}
    for row in rows:
        since = earliest([row])
        later = (each[bisect_left(each, since, key=created_at) :] for each in (equal[row.digest], unlisted))
        found[row.index] = tuple(islice(merge(*later, key=created_at), _MOST))
    return found
