"""Which executions of the list are those of rows whose start had no response. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC
from typing import Final, NamedTuple

from fibonacci._batch.rows import Row, digest_of
from fibonacci._core.request import canonical
from fibonacci._text import counted
from fibonacci.models.executions import Execution


class OpenIntent(NamedTuple):
    """A row that was going to be started, and whose execution isn't known.

    Attributes:
        idempotency_key: That of the request. No other intent has it, which tells a copy of a journal from another one.
        digest: The digest of its inputs.
    """

    idempotency_key: str
    digest: bytes


class Claims:
    """What a journal and the journals next to it contain.

    Args:
        taken: The IDs of executions that belong to rows of the journal.
        own: Its open intents.

    Attributes:
        taken: The IDs of executions that belong to rows of any of them.
        others: By the digest of its inputs: the journal of an open intent that is in another one.
    """

    def __init__(self, taken: Iterable[str], own: Iterable[OpenIntent]) -> None:
        self.taken: set[str] = set(taken)
        self.others: dict[bytes, str] = {}
        self._own = {intent.idempotency_key: intent.digest for intent in own}

    def keys_of(self, digest: bytes) -> set[str]:
        """Return the idempotency keys of the journal's own open intents with some inputs."""
        return {key for key, value in self._own.items() if value == digest}

    def add(self, journal: str, taken: Iterable[str], intents: Iterable[OpenIntent]) -> None:
        """Add what another journal has, which may be a copy of this one.

        Args:
            journal: Its path or URL, for messages.
            taken: The IDs of executions that belong to its rows.
            intents: Its open intents.
        """
        self.taken.update(taken)
        self.others |= {intent.digest: journal for intent in intents if intent.idempotency_key not in self._own}


REPEATABLE_FOR: Final = 86_400.0 - 600.0
"""Seconds for which a server surely honors an idempotency key: a day, less what clocks may differ."""

# Seconds by which the time of an execution may precede that of the intent: the platform's `Date` has whole seconds.
_TOLERANCE: Final = 2.0
# Seconds: an execution that was created so long after the intent was asked for by another request.
_LONGEST_ON_THE_WAY: Final = 3600.0

Candidates = Mapping[str, tuple[Execution, bytes]]
"""Executions of the workflow by ID, with the digests of their inputs."""


class MatchedRows(NamedTuple):
    """What a search has come to.

    Attributes:
        found: Rows with the executions that are theirs.
        doubts: Why each of the other rows has none.
    """

    found: list[tuple[Row, Execution]]
    doubts: list[tuple[Row, str]]


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
    """Return the Unix time of an execution's creation, which is in UTC where it names no zone, or None if unknown."""
    created = execution.created_at
    if created is None:
        return None
    return (created if created.tzinfo else created.replace(tzinfo=UTC)).timestamp()


def inputs_digest(execution: Execution) -> bytes | None:
    """Return the digest of an execution's inputs, or None if the platform doesn't send them."""
    return None if execution.inputs is None else digest_of(canonical(execution.inputs))


def is_past(executions: Sequence[Execution], since: float) -> bool:
    """Whether a page of the list ends before a time, in a list with the newest first."""
    times = [created_at(execution) for execution in executions]
    known = [at for at in times if at is not None]
    return bool(known) and len(known) == len(times) and known == sorted(known, reverse=True) and known[-1] < since


def matches(rows: Sequence[Row], candidates: Candidates, claims: Claims) -> MatchedRows:
    """Match rows with executions by their inputs.

    Rows with equal inputs get executions only if there are as many executions as rows. With more executions, another
    program may have started some. With fewer, nobody can tell which row has none. A row in any journal that may just be
    starting with the same inputs leaves a doubt as well.

    Args:
        rows: Rows whose start had no response.
        candidates: Executions of the workflow.
        claims: What the journals say, read after the list: whoever starts a row writes its intent first.
    """
    groups: dict[bytes, list[Row]] = {}
    for row in sorted(rows, key=lambda row: row.intended_at):
        groups.setdefault(row.digest, []).append(row)
    by_digest: dict[bytes, list[tuple[float, Execution]]] = {}
    for execution, digest in candidates.values():
        created = created_at(execution)
        if digest in groups and execution.id not in claims.taken and created is not None:
            by_digest.setdefault(digest, []).append((created, execution))
    matched: list[tuple[Row, Execution]] = []
    doubts: list[tuple[Row, str]] = []
    for digest, group in groups.items():
        fitting = [
            candidate for candidate in by_digest.get(digest, []) if any(_may_be_of(row, candidate[0]) for row in group)
        ]
        fitting.sort(key=lambda candidate: (candidate[0], candidate[1].id))
        pairs = list(zip(group, fitting, strict=False))
        doubt = None
        if digest in claims.others:
            doubt = f"a row in {claims.others[digest]} has the same inputs, and may have been started"
        elif claims.keys_of(digest) - {row.idempotency_key for row in group}:
            doubt = "another row has the same inputs, and may have been started"
        elif not fitting:
            doubt = "no execution created after its request has its inputs without belonging to another row"
        elif len(fitting) != len(group) or not all(_may_be_of(row, created) for row, (created, _) in pairs):
            doubt = f"{counted(len(fitting), 'execution')} may belong to {counted(len(group), 'row')} with its inputs"
        if doubt is None:
            matched += [(row, execution) for row, (_, execution) in pairs]
        else:
            doubts += [(row, doubt) for row in group]
    return MatchedRows(matched, doubts)


def _may_be_of(row: Row, created: float) -> bool:
    return -_TOLERANCE <= created - row.intended_at <= _LONGEST_ON_THE_WAY
