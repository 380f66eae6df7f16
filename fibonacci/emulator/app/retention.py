"""Retention: what is dropped from the state, so that an emulator that runs for long does not grow."""

from __future__ import annotations

from typing import Any

from fibonacci.emulator.state.store import Store
from fibonacci.emulator.state.tables import Table


class Retention:
    """Drops the oldest executions that have ended, with their traces, and what has expired.

    It is applied with each request that may change the state, in the same transaction. Executions that are running or
    wait for approval are kept.

    Args:
        store: All state.
        keep: How many executions that have ended are kept, and responses to idempotency keys; `None` for all.

    Raises:
        ValueError: If `keep` is not positive.
    """

    def __init__(self, store: Store, keep: int | None) -> None:
        self._store = store
        self.keep = keep

    @property
    def keep(self) -> int | None:
        """How many executions that have ended are kept; `None` for all."""
        return self._keep

    @keep.setter
    def keep(self, keep: int | None) -> None:
        check_keep(keep)
        self._keep = keep

    def apply(self, now: float, *, may_have_expired: bool = True) -> None:
        """Drop what is too old; inside a transaction.

        Args:
            now: The time in Unix seconds.
            may_have_expired: Whether anything was due; if not, expired values are not searched for.
        """
        store = self._store
        for table in (store.memory, store.replays) if may_have_expired else ():
            for key in list(table.due(now)):
                table.delete(*key)
        if self._keep is not None:
            _drop_oldest(store.replays, self._keep)
            for (execution_id,) in _oldest(store.executions, self._keep, "ended"):
                store.executions.delete(execution_id)
                store.traces.delete_all(execution_id)


def check_keep(keep: int | None) -> None:
    """Check how many executions are to be kept.

    Raises:
        ValueError: If it is less than 1.
    """
    if keep is not None and keep < 1:
        raise ValueError(f"keep is a number of executions, at least 1, or None for all, not {keep!r}")


def _drop_oldest(table: Table[Any], keep: int) -> None:
    for key in _oldest(table, keep):
        table.delete(*key)


def _oldest(table: Table[Any], keep: int, *name: str) -> list[tuple[str, ...]]:
    """Return the keys of a list beyond the newest `keep`."""
    excess = table.count(*name) - keep
    if excess <= 0:
        return []
    keys = table.keys(*name)
    return [next(keys) for _ in range(excess)]
