"""The keys of a journal in Redis, and rows as fields of them.

Each fact is a field of a hash, named by the key of its row:

    rows        [number, index, digest, inputs]
    intents     [idempotency key, Unix time]; removed when the intent is withdrawn
    executions  the id of the execution
    results     [index, status, execution, error]
    ids         the other way round: the key of the row, by the id of its execution

The header is a hash, the lease a string, and `order` a sorted set of the keys of rows with results, by their indexes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Final

from fibonacci._batch.claims import OpenIntent
from fibonacci._batch.journal import JournalEntry
from fibonacci._batch.row import Row
from fibonacci.models.run_results import RunResult

PARTS: Final = ("header", "lease", "rows", "intents", "executions", "ids", "results", "order")
HEADER, LEASE, ROWS, INTENTS, EXECUTIONS, IDS, RESULTS, ORDER = range(len(PARTS))

FACTS: Final = (ROWS, INTENTS, EXECUTIONS, RESULTS)
"""The hashes that have what is known of a row."""

HEADERS: Final = "fibonacci:journal:{*}:header"
"""The pattern of the keys that the headers of journals have."""

Change = tuple[str, int, str | bytes, str | bytes]
"""A command that writes, the place of its key among the keys, and its two arguments."""

Facts = Sequence[bytes | None]


def keys_of(name: str) -> list[str]:
    """Return the keys of a journal. Those of one journal are in one slot of a cluster."""
    return [f"fibonacci:journal:{{{name}}}:{part}" for part in PARTS]


def name_in(header: bytes) -> str:
    """Return the name of the journal whose header has a key."""
    return header.decode().partition("{")[2].rpartition("}")[0]


def open_intent(facts: Facts) -> OpenIntent | None:
    """Return the open intent of a row; None if it has none.

    Args:
        facts: The fields of the row in the hashes that `FACTS` names.
    """
    row, intent, execution_id, result = facts
    if row is None or intent is None or execution_id is not None or result is not None:
        return None
    return OpenIntent(json.loads(intent)[0], bytes.fromhex(json.loads(row)[2]))


def begun(row: Row) -> Iterator[Change]:
    """Yield what writes a row, with its intent if it has one."""
    inputs = json.dumps([row.number, row.index, row.digest.hex(), row.text])
    yield "HSET", ROWS, row.key, inputs
    if row.idempotency_key:
        yield "HSET", INTENTS, row.key, json.dumps([row.idempotency_key, row.intended_at])


def withdrawn(row: Row) -> Iterator[Change]:
    """Yield what takes an intent back."""
    yield _removed(INTENTS, row.key)


def started(row: Row) -> Iterator[Change]:
    """Yield what writes the id of an execution."""
    yield "HSET", EXECUTIONS, row.key, row.execution_id
    yield "HSET", IDS, row.execution_id, row.key


def finished(row: Row, result: RunResult, execution: str | None, error: str | None) -> Iterator[Change]:
    """Yield what writes a result.

    Args:
        row: The row.
        result: Its result.
        execution: The execution of the result, in JSON.
        error: Its error, in JSON.
    """
    yield "HSET", RESULTS, row.key, json.dumps([row.index, result.status, execution, error])
    yield "ZADD", ORDER, str(row.index), row.key
    if row.execution_id:
        yield from started(row)


def renewed(row: Row) -> Iterator[Change]:
    """Yield what replaces the inputs of a row, and removes its result."""
    yield "HSET", ROWS, row.key, json.dumps([row.number, row.index, row.digest.hex(), row.text])
    yield _removed(RESULTS, row.key)
    yield "ZREM", ORDER, row.key, row.key


def entry_of(key: str, facts: Facts) -> JournalEntry | None:
    """Return what the journal has of a row; None if it has nothing.

    Args:
        key: The key of the row.
        facts: The fields of the row in the hashes that `FACTS` names.
    """
    row, intent, execution_id, result = facts
    if row is None:
        return None
    number, index, digest, inputs = json.loads(row)
    idempotency_key, intended_at = (None, None) if intent is None else json.loads(intent)
    result_index, status, execution, error = (index, None, None, None) if result is None else json.loads(result)
    started_as = None if execution_id is None else execution_id.decode()
    ended = (started_as, status, execution, error)
    return JournalEntry(
        (number, key, result_index, bytes.fromhex(digest), inputs, idempotency_key, intended_at, *ended)
    )


def _removed(place: int, field: str) -> Change:
    return "HDEL", place, field, field  # the second time it removes nothing: every change has two arguments
